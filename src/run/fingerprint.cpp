#include "run/fingerprint.h"

#include <fmt/format.h>

#include "input/files/hash.h"

namespace pastonly::run {

std::vector<std::string> rules_of(const Report& report, const std::vector<std::uint32_t>& layers) {
  std::vector<std::string> rules(layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    for (const auto& entry : report.layers) {
      if (entry.index == layers[i] && entry.facts.rule && entry.facts.rule->id)
        rules[i] = *entry.facts.rule->id;
    }
  }
  return rules;
}

std::string_view label_of(std::string_view amount) {
  const auto opens = amount.find('[');
  if (opens == std::string_view::npos || !amount.ends_with(']')) return "";
  return amount.substr(opens + 1, amount.size() - opens - 2);
}

std::string fingerprint(std::string_view check, std::string_view claim,
                        const std::vector<std::uint32_t>& layers, const std::vector<std::string>& rules,
                        std::string_view label) {
  std::string text = fmt::format("{}/{}", check, claim);
  for (std::size_t i = 0; i < layers.size(); ++i)
    text += fmt::format("|{}{}{}", layers[i], rules[i].empty() ? "" : ":", rules[i]);
  if (!label.empty()) text += fmt::format("|[{}]", label);
  return input::sha256_text(text).substr(0, 16);
}

}  // namespace pastonly::run
