#include "input/tensor/safetensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "input/files/mapped_file.h"
#include "input/tensor/element_types.h"
#include "input/tensor/safetensors_header.h"
#include "input/text/printable.h"

static_assert(std::endian::native == std::endian::little, "files are little-endian and mapped as they stand");

namespace pastonly::input {

namespace {

constexpr std::uint64_t largest_header = 100'000'000;

Expected<std::size_t> header_length(std::span<const std::byte> bytes, std::string_view file) {
  if (bytes.size() < 8) {
    return input_error(
        fmt::format("{}: {} bytes, too short for a safetensors file (8 at least)", file, bytes.size()));
  }
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  if (length > largest_header) {
    return input_error(
        fmt::format("{}: header length {} is above the limit of {}; is this a safetensors file?", file,
                    length, largest_header));
  }
  if (length > bytes.size() - 8) {
    return input_error(fmt::format("{}: header of {} bytes reaches past the end of the file ({} bytes)", file,
                                   length, bytes.size()));
  }
  return static_cast<std::size_t>(length);
}

/// Tensors must tile the data from its first byte to its last, without gap or overlap.
Expected<void> check_tiling(const std::vector<HeaderEntry>& entries, std::size_t data_size,
                            std::string_view file) {
  std::vector<const HeaderEntry*> by_offset;
  by_offset.reserve(entries.size());
  for (const auto& entry : entries) by_offset.push_back(&entry);
  std::stable_sort(by_offset.begin(), by_offset.end(), [](const auto* a, const auto* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  std::size_t expected = 0;
  for (const auto* entry : by_offset) {
    if (entry->begin != expected) {
      return input_error(fmt::format("{}: tensor '{}' begins at {}, expected {}: {}", file, entry->name,
                                     entry->begin, expected,
                                     entry->begin > expected ? "a gap" : "tensors overlap"));
    }
    expected = entry->end;
    if (expected > data_size) {
      return input_error(fmt::format("{}: tensor '{}' ends at {}, past the {} bytes of data", file,
                                     entry->name, expected, data_size));
    }
  }
  if (expected != data_size) {
    return input_error(fmt::format("{}: {} bytes of data after the last tensor{}", file, data_size - expected,
                                   by_offset.empty() ? "" : " '" + by_offset.back()->name + "'"));
  }
  return {};
}

/// The element type, after checking that shape and offsets agree with it.
Expected<const ElementName*> check_entry(const HeaderEntry& entry, std::string_view file) {
  const auto fail = [&](std::string why) {
    return input_error(fmt::format("{}: tensor '{}': {}", file, entry.name, why));
  };
  const ElementName* element = find_element(entry.dtype);
  if (element == nullptr) return fail(fmt::format("unknown dtype '{}'", entry.dtype.substr(0, 40)));
  if (entry.begin > entry.end) {
    return fail(fmt::format("data_offsets [{}, {}] end before they begin", entry.begin, entry.end));
  }
  const auto bytes = byte_size(element->bits, entry.shape.data(), entry.shape.size());
  if (!bytes) return fail(fmt::format("shape [{}] is too large", fmt::join(entry.shape, ", ")));
  if (*bytes != entry.end - entry.begin) {
    return fail(fmt::format("shape [{}] of {} needs {} bytes, data_offsets give {}",
                            fmt::join(entry.shape, ", "), entry.dtype, *bytes, entry.end - entry.begin));
  }
  return element;
}

}  // namespace

const Tensor* TensorFile::find(std::string_view name) const noexcept {
  const auto at =
      std::lower_bound(tensors.begin(), tensors.end(), name,
                       [](const Tensor& tensor, std::string_view wanted) { return tensor.name < wanted; });
  return at != tensors.end() && at->name == name ? &*at : nullptr;
}

namespace {

Expected<TensorFile> parse(std::span<const std::byte> bytes, std::string_view name) {
  const auto length = header_length(bytes, name);
  if (!length) return tl::unexpected(length.error());
  const std::string_view json(reinterpret_cast<const char*>(bytes.data()) + 8, *length);
  auto header = parse_safetensors_header(json, name);
  if (!header) return tl::unexpected(header.error());

  const auto data = bytes.subspan(8 + *length);
  TensorFile file;
  file.path = std::string(name);
  file.metadata = std::move(header->metadata);
  std::vector<const ElementName*> elements;
  for (const auto& entry : header->entries) {
    const auto element = check_entry(entry, name);
    if (!element) return tl::unexpected(element.error());
    elements.push_back(*element);
  }
  if (const auto tiled = check_tiling(header->entries, data.size(), name); !tiled) {
    return tl::unexpected(tiled.error());
  }
  for (std::size_t i = 0; i < elements.size(); ++i) {
    auto& entry = header->entries[i];
    if (!elements[i]->type) {
      file.others.emplace(entry.name, "dtype " + entry.dtype + " is not computed with here");
      file.encoded.push_back({std::move(entry.name), std::move(entry.dtype), std::move(entry.shape),
                              data.subspan(entry.begin, entry.end - entry.begin)});
      continue;
    }
    file.tensors.push_back({std::move(entry.name), *elements[i]->type, std::move(entry.shape),
                            data.subspan(entry.begin, entry.end - entry.begin)});
  }
  return file;
}

}  // namespace

Expected<TensorFile> parse_safetensors(std::span<const std::byte> bytes, std::string_view name) {
  return parse(bytes, name).map_error(make_printable);
}

Expected<TensorFile> read_safetensors(const std::filesystem::path& path) {
  const auto mapped = MappedFile::open(path);
  if (!mapped) return tl::unexpected(mapped.error());
  auto file = parse_safetensors((*mapped)->bytes(), path.string());
  if (file) file->storage = *mapped;
  return file;
}

}  // namespace pastonly::input
