#include "input/text/token_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "input/files/mapped_file.h"
#include "input/tensor/npy.h"
#include "input/text/printable.h"

namespace pastonly::input {
namespace {

constexpr std::array<std::string_view, 5> stream_formats{"bytes", "nanogpt", "llm.c", "megatron", "npy"};
constexpr std::string_view index_magic("MMIDIDX\0\0", 9);
constexpr std::size_t header_ints = 256;  // of an llm.c file

/// A little-endian number at any address.
template <class T>
T at(const std::byte* data) noexcept {
  T value;
  std::memcpy(&value, data, sizeof value);
  return value;
}

std::int64_t id_at(DType type, const std::byte* data, std::size_t i) noexcept {
  switch (type) {
    case DType::u8:
      return at<std::uint8_t>(data + i);
    case DType::i8:
      return at<std::int8_t>(data + i);
    case DType::u16:
      return at<std::uint16_t>(data + 2 * i);
    case DType::i16:
      return at<std::int16_t>(data + 2 * i);
    case DType::u32:
      return at<std::uint32_t>(data + 4 * i);
    case DType::i32:
      return at<std::int32_t>(data + 4 * i);
    default:
      return at<std::int64_t>(data + 8 * i);  // u64 beyond 2^63 turns negative, and is refused as such
  }
}

/// The element type that a Megatron index names by number; nothing for floats and unknown numbers.
std::optional<DType> megatron_type(std::uint8_t code) noexcept {
  switch (code) {
    case 1:
      return DType::u8;
    case 2:
      return DType::i8;
    case 3:
      return DType::i16;
    case 4:
      return DType::i32;
    case 5:
      return DType::i64;
    case 8:
      return DType::u16;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::span<const std::string_view> token_formats() noexcept { return stream_formats; }

Expected<void> TokenStream::read(std::size_t first, std::span<std::int64_t> out) const {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::int64_t id = id_at(type_, data_, first + i);
    if (id < 0 || static_cast<std::uint64_t>(id) >= vocab_) {
      return input_error(printable(
          fmt::format("{}: token {} is {}; the vocabulary has 0 to {}", path_, first + i, id, vocab_ - 1)));
    }
    out[i] = id;
  }
  return {};
}

/// Fills in a stream from one format's bytes.
class StreamReader {
 public:
  StreamReader(const std::filesystem::path& path, std::size_t vocab) : path_(path) {
    stream_.path_ = path.string();
    stream_.vocab_ = vocab;
  }

  Expected<TokenStream> open(std::string_view format) {
    if (format == "npy") return npy();
    auto bytes = map(path_);
    if (!bytes) return tl::unexpected(bytes.error());
    if (format == "bytes") return raw(*bytes, DType::u8);
    if (format == "nanogpt") return raw(*bytes, DType::u16);
    return format == "llm.c" ? llm_c(*bytes) : megatron(*bytes);
  }

 private:
  using Bytes = std::span<const std::byte>;

  tl::unexpected<Error> fail(std::string_view why) const { return fail(path_, why); }
  static tl::unexpected<Error> fail(const std::filesystem::path& path, std::string_view why) {
    return input_error(printable(fmt::format("{}: {}", path.string(), why)));
  }

  Expected<Bytes> map(const std::filesystem::path& path) {
    auto file = MappedFile::open(path);
    if (!file) return tl::unexpected(file.error());
    const Bytes bytes = (*file)->bytes();
    stream_.storage_.push_back(*std::move(file));
    return bytes;
  }

  Expected<TokenStream> raw(Bytes bytes, DType type) {
    if (bytes.size() % size_of(type) != 0) {
      return fail(fmt::format("{} bytes are not a whole number of {} tokens", bytes.size(), name(type)));
    }
    return finish(bytes.data(), bytes.size() / size_of(type), type);
  }

  Expected<TokenStream> llm_c(Bytes bytes) {
    const std::size_t header = header_ints * sizeof(std::int32_t);
    if (bytes.size() < header) {
      return fail(fmt::format("{} bytes are less than the header of {}", bytes.size(), header));
    }
    const auto magic = at<std::int32_t>(bytes.data()), version = at<std::int32_t>(bytes.data() + 4),
               count = at<std::int32_t>(bytes.data() + 8);
    const bool gpt2 = magic == 20240520 && version == 1, llama = magic == 20240801 && version == 7;
    if (!gpt2 && !llama) {
      return fail(fmt::format("magic {} version {}: expected 20240520 version 1 or 20240801 version 7", magic,
                              version));
    }
    const DType type = gpt2 ? DType::u16 : DType::u32;
    if (count < 0 || bytes.size() - header != static_cast<std::size_t>(count) * size_of(type)) {
      return fail(fmt::format("the header states {} tokens of {} bytes, {} bytes follow", count,
                              size_of(type), bytes.size() - header));
    }
    return finish(bytes.data() + header, static_cast<std::size_t>(count), type);
  }

  Expected<TokenStream> megatron(Bytes bytes) {
    auto index_path = path_;
    index_path.replace_extension(".idx");
    const auto index = map(index_path);
    if (!index) return tl::unexpected(index.error());
    const auto refuse = [&](std::string_view why) { return fail(index_path, why); };
    constexpr std::size_t header = index_magic.size() + 8 + 1 + 8 + 8;
    if (index->size() < header || std::memcmp(index->data(), index_magic.data(), index_magic.size()) != 0) {
      return refuse("no Megatron index: the magic MMIDIDX is missing");
    }
    const std::byte* data = index->data() + index_magic.size();
    if (const auto version = at<std::uint64_t>(data); version != 1) {
      return refuse(fmt::format("index version {}: expected 1", version));
    }
    const auto code = at<std::uint8_t>(data + 8);
    const auto type = megatron_type(code);
    if (!type) return refuse(fmt::format("type code {} is not an integer type", code));
    const auto sequences = at<std::uint64_t>(data + 9), documents = at<std::uint64_t>(data + 17);
    const std::size_t left = index->size() - header;
    // Twelve bytes a sequence and eight a document, without overflow; multimodal indices add one byte each.
    if (sequences > left / 12 || documents > (left - 12 * sequences) / 8) {
      return refuse(fmt::format("{} sequences and {} documents do not fit into {} bytes", sequences,
                                documents, index->size()));
    }
    const std::byte* lengths = index->data() + header;
    const std::byte* pointers = lengths + 4 * sequences;
    std::uint64_t expected = 0;
    for (std::size_t i = 0; i < sequences; ++i) {
      const auto length = at<std::int32_t>(lengths + 4 * i);
      const auto pointer = at<std::int64_t>(pointers + 8 * i);
      if (length < 0) return refuse(fmt::format("sequence {} has length {}", i, length));
      if (pointer < 0 || static_cast<std::uint64_t>(pointer) != expected) {
        return refuse(fmt::format("sequence {} begins at byte {}, expected {}: gaps are not read", i, pointer,
                                  expected));
      }
      expected += static_cast<std::uint64_t>(length) * size_of(*type);
      if (expected > bytes.size()) {
        return refuse(fmt::format("sequence {} ends at byte {}, the data has {}", i, expected, bytes.size()));
      }
    }
    if (expected != bytes.size()) {
      return refuse(fmt::format("the sequences end at byte {}, the data has {}", expected, bytes.size()));
    }
    return finish(bytes.data(), bytes.size() / size_of(*type), *type);
  }

  Expected<TokenStream> npy() {
    auto file = read_npy(path_);
    if (!file) return tl::unexpected(file.error());
    if (file->tensors.size() != 1) return fail("holds no array of numbers");
    const Tensor& tensor = file->tensors.front();
    if (tensor.shape.size() != 1 || is_float(tensor.type) || tensor.type == DType::boolean) {
      return fail(
          fmt::format("expected one dimension of integers, found shape ({}) of {}; save "
                      "ids.reshape(-1).astype('int32')",
                      fmt::join(tensor.shape, ", "), name(tensor.type)));
    }
    stream_.storage_.push_back(file->storage);
    return finish(tensor.bytes.data(), tensor.shape.front(), tensor.type);
  }

  Expected<TokenStream> finish(const std::byte* data, std::size_t count, DType type) {
    if (count == 0) return fail("holds no tokens");
    stream_.data_ = data;
    stream_.count_ = count;
    stream_.type_ = type;
    return std::move(stream_);
  }

  std::filesystem::path path_;
  TokenStream stream_;
};

TokenStream stream_of(std::string path, std::vector<std::int32_t> ids, std::size_t vocab) {
  const auto kept = std::make_shared<const std::vector<std::int32_t>>(std::move(ids));
  TokenStream out;
  out.path_ = std::move(path);
  out.type_ = DType::i32;
  out.count_ = kept->size();
  out.vocab_ = vocab;
  out.data_ = std::as_bytes(std::span(*kept)).data();
  out.storage_.push_back(kept);
  return out;
}

Expected<TokenStream> open_token_stream(const std::filesystem::path& path, std::string_view format,
                                        std::size_t vocab) {
  if (std::ranges::find(stream_formats, format) == stream_formats.end()) {
    return usage_error(fmt::format("token format '{}' is unknown (bytes, nanogpt, llm.c, megatron, npy)",
                                   printable(std::string(format.substr(0, 60)))));
  }
  return StreamReader(path, vocab).open(format);
}

}  // namespace pastonly::input
