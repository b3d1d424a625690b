#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/encoding.h"
#include "pastonly/error.h"
#include "pastonly/subject.h"

namespace pastonly::checkpoint {

/// A tensor of a checkpoint, in one of its memory-mapped files.
struct StoredTensor {
  std::string file;
  std::string name;
  std::string dtype;  ///< the file's own name of the element type
  std::vector<std::size_t> shape;
  std::span<const std::byte> bytes;

  std::optional<Encoding> encoding() const noexcept { return encoding_of(dtype); }
};

/// Whether all of its bytes are 0.
bool holds_zeros(const StoredTensor& tensor) noexcept;

/// "[64, 2048]".
std::string shape_text(std::span<const std::size_t> shape);

/// All tensors of a checkpoint's directory, by name.
class Weights {
 public:
  /// Maps model.safetensors, or the shards that model.safetensors.index.json names. Input errors name the
  /// file and the tensor: neither exists, a shard is missing or its name leads out of the directory, a shard
  /// lacks a tensor that the index puts there or holds one that it does not, a tensor stands in two shards.
  static Expected<Weights> open(const std::filesystem::path& directory);

  /// Tensors that were found otherwise (GGUF), by name, and what keeps their bytes.
  static Weights of(std::map<std::string, StoredTensor, std::less<>> tensors, std::vector<FileRecord> files,
                    std::vector<std::shared_ptr<const void>> storage);

  const StoredTensor* find(std::string_view name) const noexcept;
  const std::map<std::string, StoredTensor, std::less<>>& tensors() const noexcept { return tensors_; }
  const std::vector<FileRecord>& files() const noexcept { return files_; }
  std::uint64_t bytes() const noexcept;
  /// Where it is said what they should be, for messages.
  std::string_view described_by() const noexcept { return described_by_; }

 private:
  Expected<void> add(const std::filesystem::path& path);

  std::map<std::string, StoredTensor, std::less<>> tensors_;
  std::vector<FileRecord> files_;
  std::vector<std::shared_ptr<const void>> storage_;
  std::string_view described_by_ = "config.json";
};

}  // namespace pastonly::checkpoint
