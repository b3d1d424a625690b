#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace pastonly::fuzz {

/// A config.json of this family, for a few thousand weights at most.
std::string tiny_config(std::string_view model_type);
/// Of all families, plain and with one more thing that configurations say: positions, tied embeddings,
/// windows. Some contradict themselves.
std::vector<std::string> tiny_configs();

/// Makes the directory a checkpoint of a sound configuration; which tensors that needs, the refusals tell.
/// Returns an index that puts them all in the one file.
std::string write_tiny_checkpoint(const std::filesystem::path& directory, std::string_view config);

/// Opens the directory and runs a tiny batch. Says "" where a trace came of it that keeps its promises, or an
/// input error that says what is wrong; else what happened.
std::string run_checkpoint(const std::filesystem::path& directory);

}  // namespace pastonly::fuzz
