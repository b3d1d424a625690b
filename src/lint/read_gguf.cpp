#include "lint/read_gguf.h"

#include "checkpoint/gguf.h"

namespace pastonly::lint {
namespace {

/// Larger values of expert_gating_func are not known (lint/table.cpp: llama-cpp-gating).
constexpr std::int64_t last_gating = 4;

}  // namespace

Expected<GgufModel> read_gguf_model(const std::filesystem::path& path) {
  const auto file = checkpoint::read_gguf(path);
  if (!file) return tl::unexpected(file.error());
  GgufModel out;
  const auto& metadata = file->metadata;
  const auto architecture = metadata.find("general.architecture");
  if (architecture != metadata.end() && architecture->is_string())
    out.type.name = architecture->get<std::string>();
  out.type.known = true;
  const std::string prefix = out.type.name + ".";
  for (const auto& [key, value] : metadata.items()) {
    if (!value.is_primitive()) continue;
    const std::string name = key.rfind(prefix, 0) == 0 ? key.substr(prefix.size()) : key;
    if (name == "expert_count") out.type.experts = value.is_number() && value.get<double>() > 0.0;
    if (name == "expert_gating_func")
      out.type.known = value.is_number_integer() && value.get<std::int64_t>() >= 0 &&
                       value.get<std::int64_t>() <= last_gating;
    if (out.document.add(0, name, value.is_string() ? value.get<std::string>() : value.dump(), 1) == nullptr)
      break;
  }
  return out;
}

}  // namespace pastonly::lint
