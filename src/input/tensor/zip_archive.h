#pragma once

#include <zip.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "input/files/mapped_file.h"
#include "pastonly/error.h"

namespace pastonly::input {

/// Compressed members, and arrays that do not lie in C order, are copied into memory, and no more than this
/// of one file: whoever has larger traces stores them (numpy.savez), which maps them.
inline constexpr std::size_t copied_limit = std::size_t{1} << 30;

/// A zip archive in a mapped file. Stored members stay in the mapping; others are inflated, in bounds.
class ZipArchive {
 public:
  struct Member {
    std::uint64_t index = 0;
    std::string name;
  };
  /// What the bytes of members need to live: the mapping and what was inflated.
  struct Storage {
    std::shared_ptr<const MappedFile> mapped;
    std::vector<std::vector<std::byte>> copies;
  };

  /// Input errors: no archive, or an unreasonable number of members.
  static Expected<ZipArchive> open(std::shared_ptr<const MappedFile> mapped, const std::string& path);

  const std::vector<Member>& members() const noexcept { return members_; }
  /// The bytes of a member. Declared sizes are checked before anything is allocated, real sizes while
  /// inflating; encrypted members, unknown compressions and bombs are input errors that begin with `label`.
  Expected<std::span<const std::byte>> read(const Member& member, const std::string& label);
  /// Keeps bytes that a reader had to lay out anew. They count as copies; the caller asks for room() first.
  std::span<const std::byte> keep(std::vector<std::byte> bytes);
  std::size_t room() const noexcept { return copied_limit - copied_; }
  std::shared_ptr<const Storage> storage() const { return storage_; }

 private:
  struct Discard {
    void operator()(zip_t* archive) const noexcept { zip_discard(archive); }
    void operator()(zip_file_t* file) const noexcept { zip_fclose(file); }
  };
  ZipArchive() = default;
  Expected<std::span<const std::byte>> inflate(const Member& member, const zip_stat_t& stat,
                                               const std::string& label);

  std::shared_ptr<Storage> storage_ = std::make_shared<Storage>();
  std::unique_ptr<zip_t, Discard> archive_;
  std::vector<Member> members_;
  std::size_t copied_ = 0;
};

}  // namespace pastonly::input
