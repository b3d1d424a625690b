#include "checkpoint/gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <set>
#include <utility>

#include "checkpoint/gguf_cursor.h"
#include "checkpoint/gguf_metadata.h"
#include "input/files/mapped_file.h"
#include "input/text/printable.h"

namespace pastonly::checkpoint {
namespace {

constexpr std::uint32_t most_dimensions = 4;
constexpr std::uint64_t largest_alignment = std::uint64_t{1} << 20;

class GgufReader {
 public:
  GgufReader(std::span<const std::byte> bytes, std::string_view name) : cursor_(bytes) { out_.path = name; }

  Expected<GgufFile> run() {
    const bool good = header() && read_metadata(cursor_, values_, out_.metadata) && infos() && lay_out();
    if (!good) return input_error(input::printable(fmt::format("{}: {}", out_.path, cursor_.problem())));
    return std::move(out_);
  }

 private:
  struct Place {
    std::uint64_t offset = 0, size = 0;  // from the beginning of the data
  };

  bool header() {
    std::uint32_t magic = 0, version = 0;
    if (!cursor_.take(magic) || magic != 0x46554747) return cursor_.fail("does not begin with 'GGUF'");
    if (!cursor_.take(version)) return cursor_.ends("the header");
    if (version == 1) return cursor_.fail("GGUF version 1 is not read; convert the model anew");
    if (version != 2 && version != 3 && (version & 0xFFFF) == 0)
      return cursor_.fail(
          "is a big-endian GGUF, which is not read; gguf-convert-endian makes it little-endian");
    if (version != 2 && version != 3)
      return cursor_.fail(fmt::format("GGUF version {} is not known; expected 2 or 3", version));
    if (!cursor_.take(tensors_) || !cursor_.take(values_)) return cursor_.ends("the header");
    // Of the smallest tensor (a name of one byte, one dimension) and the smallest value.
    constexpr std::size_t tensor = 8 + 1 + 4 + 8 + 4 + 8, value = 8 + 1 + 4 + 1;
    if (tensors_ > cursor_.left() / tensor)
      return cursor_.fail(
          fmt::format("says {} tensors, more than its {} bytes hold", tensors_, cursor_.bytes().size()));
    if (values_ > cursor_.left() / value)
      return cursor_.fail(
          fmt::format("says {} keys, more than its {} bytes hold", values_, cursor_.bytes().size()));
    if (tensors_ == 0 && values_ == 0) return cursor_.fail("holds neither keys nor tensors");
    return true;
  }

  bool infos() {
    std::set<std::string_view> names;
    for (std::uint64_t i = 0; i < tensors_; ++i) {
      std::string_view name;
      if (!cursor_.take_text(name)) return cursor_.ends(fmt::format("tensor {} of {}", i, tensors_));
      if (!is_gguf_name(name))
        return cursor_.fail(
            fmt::format("tensor {}: '{}' is no name: expected printable ASCII", i, name.substr(0, 80)));
      if (!names.insert(name).second) return cursor_.fail(fmt::format("tensor '{}' stands twice", name));
      if (!info(name)) return false;
    }
    return true;
  }

  bool info(std::string_view name) {
    const auto cut = [&] { return cursor_.ends(fmt::format("what it says of tensor '{}'", name)); };
    const auto wrong = [&](const std::string& why) {
      return cursor_.fail(fmt::format("tensor '{}': {}", name, why));
    };
    std::uint32_t dimensions = 0, type = 0;
    if (!cursor_.take(dimensions)) return cut();
    if (dimensions == 0 || dimensions > most_dimensions)
      return wrong(fmt::format("{} dimensions; expected 1 to {}", dimensions, most_dimensions));
    GgufTensor tensor;
    tensor.name = name;
    std::uint64_t numbers = 1;
    for (std::uint32_t i = 0; i < dimensions; ++i) {
      std::uint64_t size = 0;
      if (!cursor_.take(size)) return cut();
      if (size == 0) return wrong("a dimension is 0");
      if (size > (std::uint64_t{1} << 48) / numbers) return wrong("its dimensions are too large");
      numbers *= size;
      tensor.shape.insert(tensor.shape.begin(), static_cast<std::size_t>(size));
    }
    Place place;
    if (!cursor_.take(type) || !cursor_.take(place.offset)) return cut();
    tensor.type = find_block_type(type);
    if (tensor.type == nullptr)
      return wrong(
          fmt::format("type {} is not known: it is newer than this program, or was given up by "
                      "llama.cpp; quantise the model anew",
                      type));
    if (tensor.shape.back() % tensor.type->numbers != 0)
      return wrong(fmt::format("rows of {} numbers are no whole blocks of {} ({})", tensor.shape.back(),
                               tensor.type->numbers, tensor.type->name));
    place.size = numbers / tensor.type->numbers * tensor.type->bytes;
    places_.push_back(place);
    out_.tensors.push_back(std::move(tensor));
    return true;
  }

  bool alignment(std::uint64_t& value) {
    const auto found = out_.metadata.find("general.alignment");
    if (found == out_.metadata.end()) return true;
    if (found->is_number_unsigned()) value = found->get<std::uint64_t>();
    if (!found->is_number_unsigned() || !std::has_single_bit(value) || value > largest_alignment)
      return cursor_.fail(
          fmt::format("key 'general.alignment' is {}; expected a power of two", found->dump()));
    return true;
  }

  /// Where the data stand, and that no two tensors share a byte.
  bool lay_out() {
    std::uint64_t unit = 32;
    if (!alignment(unit)) return false;
    if (places_.empty()) return true;
    const std::uint64_t start = (cursor_.at() + unit - 1) / unit * unit;
    const std::uint64_t room = start > cursor_.bytes().size() ? 0 : cursor_.bytes().size() - start;
    std::vector<std::size_t> order(places_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::ranges::sort(order, {}, [&](std::size_t i) { return places_[i].offset; });
    std::uint64_t end = 0;
    std::string_view before;
    for (const std::size_t i : order) {
      const Place& place = places_[i];
      GgufTensor& tensor = out_.tensors[i];
      if (place.offset % unit != 0)
        return cursor_.fail(fmt::format("tensor '{}': its offset {} is no multiple of the alignment {}",
                                        tensor.name, place.offset, unit));
      if (place.offset > room || place.size > room - place.offset)
        return cursor_.fail(
            fmt::format("tensor '{}': {} bytes at offset {} of the data, of which the file holds {}; "
                        "it is cut off",
                        tensor.name, place.size, place.offset, room));
      if (place.offset < end)
        return cursor_.fail(fmt::format("tensor '{}' overlaps tensor '{}'", tensor.name, before));
      end = place.offset + place.size;
      before = tensor.name;
      tensor.bytes = cursor_.bytes().subspan(static_cast<std::size_t>(start + place.offset),
                                             static_cast<std::size_t>(place.size));
    }
    // Writers fill the last tensor up to the alignment.
    if (room > (end + unit - 1) / unit * unit)
      return cursor_.fail(fmt::format("{} bytes of data after the last tensor '{}'", room - end, before));
    return true;
  }

  GgufCursor cursor_;
  std::uint64_t tensors_ = 0, values_ = 0;
  std::vector<Place> places_;  // of out_.tensors
  GgufFile out_;
};

}  // namespace

Expected<GgufFile> parse_gguf(std::span<const std::byte> bytes, std::string_view name) {
  return GgufReader(bytes, name).run();
}

Expected<GgufFile> read_gguf(const std::filesystem::path& path) {
  const auto mapped = input::MappedFile::open(path);
  if (!mapped) return tl::unexpected(mapped.error());
  auto file = parse_gguf((*mapped)->bytes(), path.string());
  if (file) file->storage = *mapped;
  return file;
}

}  // namespace pastonly::checkpoint
