#include "lint/model_type.h"

#include <algorithm>

#include "checkpoint/family.h"
#include "lint/option.h"

namespace pastonly::lint {
namespace {

bool speaks_of_experts(std::string_view text) {
  std::string small(text.substr(0, 200));
  std::ranges::transform(small, small.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return small.find("expert") != std::string::npos || small.find("moe") != std::string::npos ||
         small.find("router") != std::string::npos;
}

/// Whether a row of the table names it.
bool in_table(std::string_view type) {
  if (type == "dbrx") return true;  // its row asks for no model_type
  for (const Option& option : options()) {
    for (const Condition& condition : option.when) {
      if (option.framework != Framework::hugging_face || condition.key != "model_type") continue;
      const std::string listed = "|" + std::string(condition.value) + "|";
      if (listed.find("|" + std::string(type) + "|") != std::string::npos) return true;
    }
  }
  return false;
}

}  // namespace

ModelType model_type(const Document& document) {
  ModelType out;
  std::string architecture;
  for (const Block& block : document.blocks) {
    for (const Entry& entry : block.entries) {
      out.experts = out.experts || speaks_of_experts(entry.key);
      if (entry.key == "architectures" && architecture.empty()) architecture = entry.value;
      if (entry.key != "model_type" || entry.value.empty()) continue;
      if (out.name.empty()) out.name = entry.value;
      out.known = out.known || in_table(entry.value) || checkpoint::find_family(entry.value) != nullptr ||
                  checkpoint::find_renamed(entry.value) != nullptr;
    }
  }
  if (out.name.empty()) out.name = architecture;
  out.experts = out.experts || speaks_of_experts(out.name) || speaks_of_experts(architecture);
  return out;
}

}  // namespace pastonly::lint
