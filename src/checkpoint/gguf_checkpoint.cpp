#include "checkpoint/gguf_checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "checkpoint/family.h"
#include "checkpoint/gguf_architectures.h"
#include "checkpoint/gguf_weights.h"
#include "input/text/printable.h"

namespace pastonly::checkpoint {
namespace {

Expected<GgufTensors> all_tensors(const std::vector<GgufFile>& parts) {
  GgufTensors out;
  for (const GgufFile& part : parts) {
    for (const GgufTensor& tensor : part.tensors) {
      const auto [at, added] = out.emplace(tensor.name, PlacedTensor{&tensor, &part});
      if (!added)
        return input_error(input::printable(
            fmt::format("{}: tensor '{}' is also in {}", part.path, tensor.name, at->second.part->path)));
    }
  }
  return out;
}

std::string known_architectures() {
  std::string known;
  for (const GgufArchitecture& one : gguf_architectures())
    known += fmt::format("{}{}", known.empty() ? "" : ", ", one.name);
  return known;
}

/// By its name, else by the family that it is said to equal. nullptr where there is none.
const GgufArchitecture* find_architecture(std::string_view name, std::string_view as) {
  for (const GgufArchitecture& one : gguf_architectures()) {
    if (one.name == name) return &one;
  }
  for (const GgufArchitecture& one : gguf_architectures()) {
    if (!as.empty() && one.model_type == as) return &one;
  }
  return nullptr;
}

Expected<std::string> architecture_of(const GgufFile& file) {
  const auto found = file.metadata.find("general.architecture");
  if (found != file.metadata.end() && found->is_string()) return found->get<std::string>();
  return input_error(fmt::format("{}: general.architecture: the key is missing; expected one of {}",
                                 file.path, known_architectures()));
}

Expected<Description> describe_gguf(const GgufFile& first, const GgufTensors& tensors, std::string_view as) {
  const auto name = architecture_of(first);
  if (!name) return tl::unexpected(name.error());
  if (*name == "phimoe")
    return input_error(fmt::format(
        "{}: general.architecture: 'phimoe' is not run: llama.cpp computes another model than transformers "
        "(no mean is removed in its norms, and its gates are not those of the sparse mixer). Audit the "
        "Hugging Face checkpoint, or the file as llama.cpp runs it (docs/engines.md)",
        first.path));
  const GgufArchitecture* architecture = find_architecture(*name, as);
  if (architecture == nullptr)
    return input_error(input::printable(fmt::format(
        "{}: general.architecture: '{}' is not among the architectures whose GGUF files run here: "
        "{}. Audit it as llama.cpp runs it (docs/engines.md); one that equals a family by configuration runs "
        "with --as",
        first.path, name->substr(0, 80), known_architectures())));
  GgufKeys keys(first.metadata, first.path, *name, tensors);
  const input::Json config = config_of(*architecture, keys);
  if (auto good = keys.finish(); !good) return tl::unexpected(good.error());
  const bool own = config["model_type"] == std::string(as);
  auto description = describe(config, first.path + ", read as config.json", own ? "" : as);
  if (!description) return description;
  architecture->adjust(*description);
  description->names = gguf_names();
  if (*name != architecture->name) description->named = *name;
  for (std::string& key : keys.unread()) description->unread.push_back(std::move(key));
  if (!description->named.empty() && !description->renamed && !description->unread.empty())
    return input_error(input::printable(
        fmt::format("{}: general.architecture: '{}' has keys that {} (--as) does not read: {}", first.path,
                    description->named, description->model_type, fmt::join(description->unread, ", "))));
  return description;
}

}  // namespace

Expected<GgufCheckpoint> open_gguf(const std::filesystem::path& path, std::string_view as) {
  const auto parts = read_gguf_parts(path);
  if (!parts) return tl::unexpected(parts.error());
  const auto tensors = all_tensors(*parts);
  if (!tensors) return tl::unexpected(tensors.error());
  auto description = describe_gguf(parts->front(), *tensors, as);
  if (!description) return tl::unexpected(description.error());
  auto weights = gguf_weights(*description, *parts, *tensors);
  if (!weights) return tl::unexpected(weights.error());
  return GgufCheckpoint{*std::move(description), *std::move(weights)};
}

}  // namespace pastonly::checkpoint
