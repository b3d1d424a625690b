#include "report/layer_words.h"

#include <fmt/format.h>

#include "pastonly/names.h"

namespace pastonly::report {

std::map<std::uint32_t, double> flip_rates(const Report& report) {
  std::map<std::uint32_t, double> rates;
  for (const auto& check : report.checks) {
    if (check.id != check_id::causal_mask) continue;
    for (const Measurement& measured : check.measurements) {
      if (measured.name == measurement::flip_rate_decisions && measured.layer)
        rates[raw(*measured.layer)] = measured.value;
    }
  }
  return rates;
}

std::string causal_word(const Report::Layer& layer) {
  if (!layer.facts.rule || !layer.facts.rule->id) return "?";
  const auto& causal = layer.facts.rule->causal;
  return !causal ? "open" : *causal ? "yes" : "NO";
}

std::string leak_words(const Report::Layer& layer) {
  if (!layer.facts.leak) return "-";
  const auto& leak = *layer.facts.leak;
  std::string out = fmt::format("{:.4g}", leak.bits);
  if (leak.lower) out = fmt::format("{:.4g} (≥ {:.4g})", leak.bits, *leak.lower);
  return out + (leak.unit == "bits per prefix" ? "/prefix" : "/token");
}

std::string origin_words(const Report::Layer& layer) {
  if (!layer.facts.origin || layer.facts.origin->kind == "none") {
    return layer.facts.origin && layer.facts.origin->contaminated ? "inherited" : "-";
  }
  return layer.facts.origin->kind + (layer.facts.origin->contaminated ? " + inherited" : "");
}

std::string bound_words(const Report::Layer& layer) {
  const auto& bound = layer.facts.bound;
  if (!bound || !bound->floor_bits) return "-";
  return bound->vacuous ? fmt::format("{:.3f} (vacuous)", *bound->floor_bits)
                        : fmt::format("{:.3f}", *bound->floor_bits);
}

}  // namespace pastonly::report
