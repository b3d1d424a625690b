#include "lab/exported.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <set>

#include "lab/lab.h"
#include "model/hugging_face.h"
#include "routing/parameter_values.h"
#include "routing/rule_ids.h"

namespace pastonly::lab {
namespace {

/// A name for a directory that none before it has.
std::string directory_name(const std::string& arm, std::set<std::string>& taken) {
  std::string out;
  for (const char c : arm) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_';
    if (plain) {
      out += c;
    } else if (!out.empty() && out.back() != '-') {
      out += '-';
    }
  }
  while (!out.empty() && (out.back() == '-' || out.back() == '.')) out.pop_back();
  out.erase(0, std::min(out.find_first_not_of('.'), out.size()));
  if (out.empty()) out = "arm";
  std::string name = out;
  for (std::size_t i = 2; !taken.insert(name).second; ++i) name = out + "-" + std::to_string(i);
  return name;
}

std::optional<std::size_t> experts_per_token(const RuleSpec& rule) {
  const auto k = routing::top_k_of(rule.parameters);
  return k && *k > 0 ? std::optional(static_cast<std::size_t>(*k)) : std::nullopt;
}

/// An export goes over another export, and over nothing else.
Expected<void> is_free(const std::filesystem::path& directory) {
  const bool export_before = model::saved_here(directory);
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::filesystem::path name = entry.path().filename();
    if (name.extension() == ".tmp" ||
        (export_before && (name == "config.json" || name == "model.safetensors")))
      continue;
    return input_error(
        entry.path().string() +
        ": was not written by --export, so it is not overwritten; give another --export directory");
  }
  return {};
}

}  // namespace

Expected<std::vector<ExportedArm>> export_arms(const Experiment& experiment,
                                               const std::filesystem::path& store,
                                               const std::filesystem::path& directory) {
  std::vector<ExportedArm> out;
  std::set<std::string> taken;
  for (const Arm& arm : experiment.arms) {
    auto trained = open_arm(experiment, arm, store);
    if (!trained) return tl::unexpected(trained.error());
    ExportedArm& one =
        out.emplace_back(ExportedArm{arm.name, directory / directory_name(arm.name, taken), ""});
    if (auto free = is_free(one.directory); !free) return tl::unexpected(free.error());
    const RuleSpec& rule = arm.model.router.rule;
    const bool own = rule.id == routing::ids::top_k || rule.id == routing::ids::biased_top_k;
    const auto saved = model::save_hugging_face((*trained)->model(), one.directory,
                                                own ? std::nullopt : experts_per_token(rule));
    if (saved) continue;
    if (saved.error().kind != Error::Kind::usage) return tl::unexpected(saved.error());
    one.obstacle = saved.error().message;
  }
  return out;
}

}  // namespace pastonly::lab
