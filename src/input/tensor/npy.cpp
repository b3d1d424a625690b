#include "input/tensor/npy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "input/files/mapped_file.h"
#include "input/tensor/element_types.h"
#include "input/tensor/strided_view.h"
#include "input/tensor/zip_archive.h"
#include "input/text/printable.h"

namespace pastonly::input {

namespace {

/// Longer headers than any array of numbers has are refused.
constexpr std::size_t npy_header_limit = std::size_t{64} * 1024;

struct NpyHeader {
  std::string descr;
  bool fortran = false;
  std::vector<std::size_t> shape;
  std::size_t data = 0;  ///< offset of the first element
};

/// Reads the few Python literals that a header consists of: strings, booleans, tuples of numbers.
class LiteralReader {
 public:
  explicit LiteralReader(std::string_view text) : rest_(text) {}

  void space() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n' || rest_.front() == '\t')) {
      rest_.remove_prefix(1);
    }
  }
  bool take(char wanted) {
    space();
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool word(std::string_view wanted) {
    space();
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(wanted.size());
    return true;
  }
  std::optional<std::string> string() {
    space();
    if (rest_.empty() || (rest_.front() != '\'' && rest_.front() != '"')) return std::nullopt;
    const auto end = rest_.find(rest_.front(), 1);
    if (end == std::string_view::npos) return std::nullopt;
    std::string text(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return text;
  }
  std::optional<std::vector<std::size_t>> tuple() {
    if (!take('(')) return std::nullopt;
    std::vector<std::size_t> numbers;
    while (!take(')')) {
      std::size_t number = 0;
      space();
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
      if (error != std::errc{}) return std::nullopt;
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      numbers.push_back(number);
      if (!take(',')) {
        // (3) is a number in Python, not a tuple.
        if (numbers.size() == 1 || !take(')')) return std::nullopt;
        break;
      }
    }
    return numbers;
  }
  bool finished() {
    space();
    return rest_.empty();
  }

 private:
  std::string_view rest_;
};

/// Parses {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }; returns why not, or "".
std::string parse_dictionary(std::string_view text, NpyHeader& header) {
  LiteralReader reader(text);
  if (!reader.take('{')) return "header is not a dictionary";
  bool descr = false, order = false, shape = false;
  while (!reader.take('}')) {
    const auto key = reader.string();
    if (!key || !reader.take(':')) return "header is not a dictionary of strings";
    bool* seen = *key == "descr"           ? &descr
                 : *key == "fortran_order" ? &order
                 : *key == "shape"         ? &shape
                                           : nullptr;
    if (seen == nullptr) return fmt::format("header has the unknown key '{}'", key->substr(0, 40));
    if (*seen) return fmt::format("header has the key '{}' twice", *key);
    *seen = true;
    if (seen == &descr) {
      const auto type = reader.string();
      if (!type) return "element type is a structure; plain numbers are needed";
      header.descr = *type;
    } else if (seen == &order) {
      header.fortran = reader.word("True");
      if (!header.fortran && !reader.word("False")) return "fortran_order is neither True nor False";
    } else {
      auto numbers = reader.tuple();
      if (!numbers) return "shape is not a tuple of non-negative whole numbers below 2^64";
      header.shape = std::move(*numbers);
    }
    if (!reader.take(',')) {
      if (!reader.take('}')) return "header is not a dictionary";
      break;
    }
  }
  if (!descr || !order || !shape) return "header lacks descr, fortran_order or shape";
  return reader.finished() ? "" : "header continues after its dictionary";
}

std::string parse_header(std::span<const std::byte> bytes, NpyHeader& header) {
  const auto* raw_bytes = reinterpret_cast<const unsigned char*>(bytes.data());
  if (bytes.size() < 10 || std::memcmp(raw_bytes, "\x93NUMPY", 6) != 0)
    return "is not an .npy array (no magic)";
  const unsigned version = raw_bytes[6];
  if (version < 1 || version > 3 || raw_bytes[7] != 0) {
    return fmt::format(".npy format {}.{} is unknown (1.0, 2.0 and 3.0 are read)", version, raw_bytes[7]);
  }
  const std::size_t prefix = version == 1 ? 10 : 12;
  if (bytes.size() < prefix) return "ends inside its header";
  std::size_t length = raw_bytes[8] | (std::size_t{raw_bytes[9]} << 8);
  if (version > 1) length |= (std::size_t{raw_bytes[10]} << 16) | (std::size_t{raw_bytes[11]} << 24);
  if (prefix + length > npy_header_limit) return fmt::format("header of {} bytes is too long", length);
  if (length > bytes.size() - prefix) return fmt::format("header of {} bytes reaches past the end", length);
  header.data = prefix + length;
  return parse_dictionary({reinterpret_cast<const char*>(raw_bytes) + prefix, length}, header);
}

std::optional<DType> element_type(std::string_view descr) noexcept {
  struct Row {
    std::string_view descr;
    DType type;
  };
  static constexpr Row rows[] = {
      {"|b1", DType::boolean}, {"?", DType::boolean}, {"|u1", DType::u8},  {"|i1", DType::i8},
      {"<u1", DType::u8},      {"<i1", DType::i8},    {"<i2", DType::i16}, {"<u2", DType::u16},
      {"<i4", DType::i32},     {"<u4", DType::u32},   {"<i8", DType::i64}, {"<u8", DType::u64},
      {"<f2", DType::f16},     {"<f4", DType::f32},   {"<f8", DType::f64},
  };
  for (const auto& row : rows) {
    if (row.descr == descr) return row.type;
  }
  return std::nullopt;
}

std::string refusal(std::string_view descr) {
  if (descr.starts_with('>'))
    return fmt::format("is big-endian; save it as little-endian (array.astype('<{}'))", descr.substr(1, 39));
  if (descr.find('O') != std::string_view::npos) return "holds Python objects; save plain numbers";
  if (descr.find('V') != std::string_view::npos) return "holds raw bytes (bfloat16?); save it as float32";
  return "has an element type that is not read; save integers or floating-point numbers";
}

/// Everything about the array but its bytes; "" or why not.
std::string examine(std::span<const std::byte> bytes, NpyHeader& header, DType& type, std::size_t& size) {
  if (std::string why = parse_header(bytes, header); !why.empty()) return why;
  const auto known = element_type(header.descr);
  if (!known) return fmt::format("'{}' {}", header.descr.substr(0, 40), refusal(header.descr));
  type = *known;
  const auto counted = byte_size(size_of(type) * 8, header.shape.data(), header.shape.size());
  if (!counted || __builtin_add_overflow(*counted, header.data, &size)) {
    return fmt::format("shape ({}) is too large", fmt::join(header.shape, ", "));
  }
  return "";
}

/// Whether the elements lie in another order than C's: with one dimension or fewer there is but one.
bool in_fortran_order(const NpyHeader& header) noexcept {
  const auto wide =
      std::count_if(header.shape.begin(), header.shape.end(), [](std::size_t n) { return n != 1; });
  const bool empty = std::find(header.shape.begin(), header.shape.end(), 0u) != header.shape.end();
  return header.fortran && wide > 1 && !empty;
}

std::vector<std::byte> to_c_order(const Tensor& tensor) {
  Dimensions stride(tensor.shape.size(), 1);
  for (std::size_t axis = 1; axis < stride.size(); ++axis)
    stride[axis] = stride[axis - 1] * tensor.shape[axis - 1];
  return gather(tensor.bytes, tensor.shape, stride, size_of(tensor.type));
}

std::string label(std::string_view file, std::string_view name) {
  return name.empty() ? std::string(file) : fmt::format("{}: array '{}'", file, name);
}

}  // namespace

Expected<NpyArray> parse_npy(std::span<const std::byte> bytes, std::string_view file, std::string_view name,
                             std::size_t copy_limit) {
  NpyHeader header;
  DType type{};
  std::size_t size = 0;
  std::string why = examine(bytes, header, type, size);
  if (why.empty() && size != bytes.size()) {
    why = fmt::format("shape ({}) of {} needs {} bytes after the header, the file has {}",
                      fmt::join(header.shape, ", "), pastonly::name(type), size - header.data,
                      bytes.size() - header.data);
  }
  NpyArray array{{std::string(name), type, header.shape, bytes.subspan(std::min(header.data, bytes.size()))},
                 {}};
  if (why.empty() && in_fortran_order(header)) {
    if (array.tensor.bytes.size() > copy_limit) {
      why = "is in Fortran order and too large to be copied; save numpy.ascontiguousarray(array)";
    } else {
      array.reordered = to_c_order(array.tensor);
      array.tensor.bytes = array.reordered;
    }
  }
  if (!why.empty()) return input_error(printable(fmt::format("{}: {}", label(file, name), why)));
  return array;
}

Expected<TensorFile> read_npy(const std::filesystem::path& path) {
  const auto mapped = MappedFile::open(path);
  if (!mapped) return tl::unexpected(mapped.error());
  auto array = parse_npy((*mapped)->bytes(), path.string(), "", copied_limit);
  if (!array) return tl::unexpected(array.error());
  TensorFile file;
  file.path = path.string();
  file.tensors.push_back(std::move(array->tensor));
  if (array->reordered.empty()) {
    file.storage = *mapped;
  } else {
    file.storage = std::make_shared<const std::vector<std::byte>>(std::move(array->reordered));
  }
  return file;
}

}  // namespace pastonly::input
