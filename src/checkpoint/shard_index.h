#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "pastonly/error.h"

namespace pastonly::checkpoint {

/// model.safetensors.index.json: which shard holds which tensor.
using ShardIndex = std::map<std::string, std::string, std::less<>>;

/// Input errors name the file: not such an index, larger than 64 MiB, or a shard whose name is no plain file
/// name ending in .safetensors.
Expected<ShardIndex> read_shard_index(const std::filesystem::path& path);

}  // namespace pastonly::checkpoint
