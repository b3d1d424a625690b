#include "checkpoint/weights.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "checkpoint/shard_index.h"
#include "input/tensor/safetensors.h"
#include "input/text/printable.h"

namespace pastonly::checkpoint {
namespace {

namespace fs = std::filesystem;

Expected<void> compare(const Weights& weights, const ShardIndex& index, const fs::path& directory) {
  const fs::path path = directory / "model.safetensors.index.json";
  for (const auto& [name, shard] : index) {
    const StoredTensor* tensor = weights.find(name);
    if (tensor == nullptr)
      return input_error(fmt::format("{}: tensor '{}' should be in {}, which has no such tensor",
                                     path.string(), name, shard));
    if (fs::path(tensor->file).filename() != shard)
      return input_error(fmt::format("{}: tensor '{}' should be in {}, it is in {}", path.string(), name,
                                     shard, tensor->file));
  }
  for (const auto& [name, tensor] : weights.tensors()) {
    if (!index.contains(name))
      return input_error(
          fmt::format("{}: tensor '{}' is not in {}", tensor.file, name, path.filename().string()));
  }
  return {};
}

}  // namespace

bool holds_zeros(const StoredTensor& tensor) noexcept {
  return std::ranges::all_of(tensor.bytes, [](std::byte byte) { return byte == std::byte{0}; });
}

std::string shape_text(std::span<const std::size_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

Expected<void> Weights::add(const fs::path& path) {
  auto file = input::read_safetensors(path);
  if (!file) return tl::unexpected(file.error());
  const auto put = [&](StoredTensor tensor) -> Expected<void> {
    const auto [at, added] = tensors_.emplace(tensor.name, tensor);
    if (!added)
      return input_error(
          fmt::format("{}: tensor '{}' is also in {}", path.string(), tensor.name, at->second.file));
    return {};
  };
  for (const auto& tensor : file->tensors) {
    auto done = put(
        {path.string(), tensor.name, std::string(pastonly::name(tensor.type)), tensor.shape, tensor.bytes});
    if (!done) return done;
  }
  for (const auto& tensor : file->encoded) {
    if (auto done = put({path.string(), tensor.name, tensor.dtype, tensor.shape, tensor.bytes}); !done)
      return done;
  }
  std::error_code error;
  files_.push_back({path.string(), fs::file_size(path, error), ""});
  storage_.push_back(file->storage);
  return {};
}

Expected<Weights> Weights::open(const fs::path& directory) {
  const fs::path single = directory / "model.safetensors";
  const fs::path listed = directory / "model.safetensors.index.json";
  std::error_code error;
  Weights weights;
  const auto printed = [](Expected<void> done) { return done.map_error(input::make_printable); };
  if (!fs::exists(listed, error)) {
    if (!fs::exists(single, error)) {
      return input_error(fmt::format(
          "{}: holds neither model.safetensors nor model.safetensors.index.json; other formats of "
          "weights have to be saved as safetensors first",
          directory.string()));
    }
    if (auto done = printed(weights.add(single)); !done) return tl::unexpected(done.error());
    return weights;
  }
  const auto index = read_shard_index(listed);
  if (!index) return tl::unexpected(index.error());
  std::set<std::string> shards;
  for (const auto& [name, shard] : *index) shards.insert(shard);
  for (const std::string& shard : shards) {
    if (!fs::exists(directory / shard, error)) {
      return input_error(input::printable(fmt::format("{}: the shard {} that {} names is missing",
                                                      (directory / shard).string(), shard, listed.string())));
    }
    if (auto done = printed(weights.add(directory / shard)); !done) return tl::unexpected(done.error());
  }
  weights.files_.push_back({listed.string(), fs::file_size(listed, error), ""});
  if (auto done = printed(compare(weights, *index, directory)); !done) return tl::unexpected(done.error());
  return weights;
}

Weights Weights::of(std::map<std::string, StoredTensor, std::less<>> tensors, std::vector<FileRecord> files,
                    std::vector<std::shared_ptr<const void>> storage) {
  Weights weights;
  weights.tensors_ = std::move(tensors);
  weights.files_ = std::move(files);
  weights.storage_ = std::move(storage);
  weights.described_by_ = "the keys of the GGUF file";
  return weights;
}

const StoredTensor* Weights::find(std::string_view name) const noexcept {
  const auto at = tensors_.find(name);
  return at == tensors_.end() ? nullptr : &at->second;
}

std::uint64_t Weights::bytes() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& [name, tensor] : tensors_) sum += tensor.bytes.size();
  return sum;
}

}  // namespace pastonly::checkpoint
