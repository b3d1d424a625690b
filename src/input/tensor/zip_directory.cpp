#include "input/tensor/zip_directory.h"

#include <cstring>

namespace pastonly::input {

namespace {

// Field offsets as in PKWARE's APPNOTE.TXT, sections 4.3.7 (local header), 4.3.12 (central directory),
// 4.3.14 to 4.3.16 (end of central directory, plain and zip64), 4.5.3 (zip64 extra field).

class Bytes {
 public:
  explicit Bytes(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}
  bool holds(std::uint64_t at, std::uint64_t size) const noexcept {
    return at <= bytes_.size() && size <= bytes_.size() - at;
  }
  /// Requires holds(at, sizeof(T)).
  template <class T>
  T get(std::uint64_t at) const noexcept {
    T value;
    std::memcpy(&value, bytes_.data() + at, sizeof value);
    return value;
  }
  std::span<const std::byte> part(std::uint64_t at, std::uint64_t size) const noexcept {
    return bytes_.subspan(at, size);
  }
  std::uint64_t size() const noexcept { return bytes_.size(); }

 private:
  std::span<const std::byte> bytes_;
};

std::optional<std::uint64_t> end_of_central_directory(const Bytes& zip) noexcept {
  constexpr std::uint64_t record = 22, longest_comment = 65'535;
  if (zip.size() < record) return std::nullopt;
  const std::uint64_t last = zip.size() - record;
  for (std::uint64_t back = 0; back <= longest_comment && back <= last; ++back) {
    if (zip.get<std::uint32_t>(last - back) == 0x0605'4b50u) return last - back;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> central_directory(const Bytes& zip) noexcept {
  const auto end = end_of_central_directory(zip);
  if (!end) return std::nullopt;
  const std::uint64_t offset = zip.get<std::uint32_t>(*end + 16);
  if (*end >= 20 && zip.get<std::uint32_t>(*end - 20) == 0x0706'4b50u) {
    const auto zip64 = zip.get<std::uint64_t>(*end - 20 + 8);
    if (!zip.holds(zip64, 56) || zip.get<std::uint32_t>(zip64) != 0x0606'4b50u) return std::nullopt;
    return zip.get<std::uint64_t>(zip64 + 48);
  }
  return offset;
}

/// The local header's offset, which may stand in the zip64 extra field behind the sizes.
std::optional<std::uint64_t> local_header(const Bytes& zip, std::uint64_t entry) noexcept {
  const std::uint64_t offset = zip.get<std::uint32_t>(entry + 42);
  if (offset != 0xffff'ffffu) return offset;
  std::uint64_t skip = 0;
  if (zip.get<std::uint32_t>(entry + 24) == 0xffff'ffffu) skip += 8;
  if (zip.get<std::uint32_t>(entry + 20) == 0xffff'ffffu) skip += 8;
  std::uint64_t at = entry + 46 + zip.get<std::uint16_t>(entry + 28);
  const std::uint64_t end = at + zip.get<std::uint16_t>(entry + 30);
  while (at + 4 <= end && zip.holds(at, 4)) {
    const std::uint64_t size = zip.get<std::uint16_t>(at + 2);
    if (zip.get<std::uint16_t>(at) == 1) {
      if (size < skip + 8 || !zip.holds(at + 4 + skip, 8)) return std::nullopt;
      return zip.get<std::uint64_t>(at + 4 + skip);
    }
    at += 4 + size;
  }
  return std::nullopt;
}

bool named(const Bytes& zip, std::uint64_t at, std::uint64_t length, std::string_view name) noexcept {
  return length == name.size() && zip.holds(at, length) &&
         std::memcmp(zip.part(at, length).data(), name.data(), length) == 0;
}

}  // namespace

std::optional<std::span<const std::byte>> stored_member(std::span<const std::byte> archive,
                                                        std::uint64_t index, std::string_view name,
                                                        std::uint64_t size) noexcept {
  const Bytes zip(archive);
  auto entry = central_directory(zip);
  if (!entry) return std::nullopt;
  for (std::uint64_t i = 0;; ++i) {
    if (!zip.holds(*entry, 46) || zip.get<std::uint32_t>(*entry) != 0x0201'4b50u) return std::nullopt;
    if (i == index) break;
    *entry += 46 + std::uint64_t{zip.get<std::uint16_t>(*entry + 28)} + zip.get<std::uint16_t>(*entry + 30) +
              zip.get<std::uint16_t>(*entry + 32);
  }
  const bool plain =
      zip.get<std::uint16_t>(*entry + 10) == 0 && (zip.get<std::uint16_t>(*entry + 8) & 1) == 0;
  if (!plain || !named(zip, *entry + 46, zip.get<std::uint16_t>(*entry + 28), name)) return std::nullopt;
  const auto local = local_header(zip, *entry);
  if (!local || !zip.holds(*local, 30) || zip.get<std::uint32_t>(*local) != 0x0403'4b50u) return std::nullopt;
  const std::uint64_t name_length = zip.get<std::uint16_t>(*local + 26);
  const std::uint64_t data = *local + 30 + name_length + zip.get<std::uint16_t>(*local + 28);
  if (zip.get<std::uint16_t>(*local + 8) != 0 || !named(zip, *local + 30, name_length, name))
    return std::nullopt;
  if (!zip.holds(data, size)) return std::nullopt;
  return zip.part(data, size);
}

}  // namespace pastonly::input
