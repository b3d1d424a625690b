#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/gguf.h"
#include "input/text/object_reader.h"

namespace pastonly::checkpoint {

/// All tensors of a GGUF checkpoint by name, and the part that each stands in.
struct PlacedTensor {
  const GgufTensor* tensor = nullptr;
  const GgufFile* part = nullptr;
};
using GgufTensors = std::map<std::string, PlacedTensor, std::less<>>;

/// Reads the metadata of one architecture: keys are said without its name ("expert_count" for
/// "olmoe.expert_count"). The first thing wrong is kept, as in ObjectReader.
class GgufKeys {
 public:
  /// All must outlive it.
  GgufKeys(const input::Json& metadata, const std::string& path, std::string architecture,
           const GgufTensors& tensors)
      : reader_(metadata, path), prefix_(std::move(architecture) + "."), tensors_(tensors) {}

  bool has(std::string_view key) const { return reader_.has(full(key)); }
  /// Also where it stands as an array of the layers, if all say the same.
  std::size_t count(std::string_view key, std::optional<std::size_t> fallback = std::nullopt,
                    std::size_t minimum = 1, std::size_t maximum = std::size_t{1} << 24);
  double number(std::string_view key, std::optional<double> fallback, double lower, double upper) {
    return reader_.number(full(key), fallback, lower, upper);
  }
  bool flag(std::string_view key, bool fallback) { return reader_.flag(full(key), fallback); }
  std::string text(std::string_view key, std::string fallback) {
    return reader_.text(full(key), std::move(fallback));
  }
  void pass_over(std::string_view key) const { reader_.pass_over({full(key)}); }
  void reject(std::string_view key, std::string_view why) { reader_.reject(full(key), why); }
  /// Refuses a key that would change what the model computes, unless it is 0 or false.
  void refuse(std::string_view key, std::string_view why);

  /// The tensor of this name, or nullptr.
  const GgufTensor* tensor(std::string_view name) const;
  /// The numbers of a small tensor in F32, F16 or BF16; empty where there is none.
  std::vector<double> numbers_of(std::string_view name);

  input::ObjectReader& all() noexcept { return reader_; }
  Expected<void> finish() const { return reader_.finish(); }
  /// Keys that nobody asked for and that may change what the model computes, as ObjectReader says them.
  std::vector<std::string> unread() const;

 private:
  std::string full(std::string_view key) const { return prefix_ + std::string(key); }

  input::ObjectReader reader_;
  std::string prefix_;
  const GgufTensors& tensors_;
};

}  // namespace pastonly::checkpoint
