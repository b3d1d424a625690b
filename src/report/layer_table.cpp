#include "report/layer_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "pastonly/names.h"
#include "report/layer_words.h"
#include "report/paragraph.h"
#include "report/text.h"
#include "report/text_table.h"
#include "report/words.h"

namespace pastonly::report {
namespace {

/// Consecutive layers that read the same.
struct Group {
  std::vector<std::uint32_t> layers;
  Row cells;
  std::string rule;  ///< in full
};
constexpr std::size_t max_rows = 40;
constexpr std::size_t rule_width = 38;

/// A rule as its cell holds it: never cut, but without parameters where these are long. They stand below.
std::string rule_cell(const std::string& rule) {
  return columns(rule) <= rule_width ? rule : rule.substr(0, rule.find(' '));
}

/// Rules that stand in their cells without parameters, each once in full.
std::string whole_rules(const std::vector<Group>& groups, const TextStyle& style) {
  std::vector<std::string> told;
  std::string out;
  for (const Group& group : groups) {
    if (columns(group.rule) <= rule_width || std::ranges::count(told, group.rule) > 0) continue;
    told.push_back(group.rule);
    out += table_note(fmt::format("{}: {}", layers_in_words(group.layers), group.rule), style.width);
  }
  return out;
}

/// Why a layer is open: what explains it, and what explains it as well and answers otherwise.
std::string open_in_words(const LayerFacts::Rule& rule) {
  constexpr std::size_t shown = 3;
  const auto own = std::ranges::find(rule.candidates, rule.id.value_or(""), &RuleCandidate::id);
  const bool known = own != rule.candidates.end() && own->causal.has_value();
  std::string names;
  std::size_t count = 0;
  for (const RuleCandidate& candidate : rule.candidates) {
    if (!known || !candidate.causal || *candidate.causal == *own->causal || ++count > shown) continue;
    names += (names.empty() ? "" : ", ") + candidate.id;
  }
  if (count == 0) return "causal open: causal and leaky rules explain these decisions equally well";
  if (count > shown) names += fmt::format(" and {} more", count - shown);
  return fmt::format("causal open: {}, which {}, explains these decisions, and so {} {}, which {}", own->id,
                     *own->causal ? "is causal" : "is not causal", count == 1 ? "does" : "do", names,
                     !*own->causal ? (count == 1 ? "is causal" : "are causal")
                                   : (count == 1 ? "is not causal" : "are not causal"));
}

bool measures(const Report& report, std::string_view name) {
  return std::ranges::any_of(report.checks, [&](const auto& check) {
    return std::ranges::find(check.measurements, name, &Measurement::name) != check.measurements.end();
  });
}

std::string legend(const Report& report, const TextStyle& style) {
  std::string out =
      "flips: decisions that changed when later tokens were redrawn; floor: bits per token that expert "
      "choice of these shapes could carry";
  const auto any = [&](std::string_view word) {
    return std::ranges::find_if(report.layers, [&](const auto& layer) { return causal_word(layer) == word; });
  };
  const auto leaks = [](const auto& layer) { return layer.facts.leak.has_value(); };
  if (std::ranges::any_of(report.layers, leaks)) {
    out += measures(report, measurement::collision_information)
               ? "; leak: collision information, at most Shannon's bits (≥ certified lower bound of these)"
               : "; leak: estimated bits (≥ certified lower bound)";
  }
  std::string text = table_note(out, style.width);
  if (const auto open = any("open"); open != report.layers.end()) {
    text += table_note(open_in_words(*open->facts.rule), style.width);
  }
  return text;
}

}  // namespace

std::string layer_table(const Report& report, const TextStyle& style) {
  if (report.layers.empty()) return "";
  const auto rates = flip_rates(report);
  double largest = 0.0;
  for (const auto& [layer, rate] : rates) largest = std::max(largest, rate);
  std::vector<Group> groups;
  for (const auto& layer : report.layers) {
    std::string flips = "-";
    if (const auto rate = rates.find(layer.index); rate != rates.end()) {
      flips = fmt::format("{:.2f}% {}", 100.0 * rate->second, bar(rate->second, largest, 8));
    }
    const std::string rule = layer.facts.rule ? rule_in_words(*layer.facts.rule) : "-";
    Row cells{rule_cell(rule),    causal_word(layer), std::move(flips),
              bound_words(layer), leak_words(layer),  origin_words(layer)};
    if (groups.empty() || groups.back().cells != cells || groups.back().rule != rule)
      groups.push_back({{}, std::move(cells), rule});
    groups.back().layers.push_back(layer.index);
  }
  std::vector<Row> rows{{"layer", "rule", "causal", "flips", "floor", "leak, bits", "origin"}};
  for (const Group& group : groups) {
    if (rows.size() > max_rows) break;
    rows.push_back({ranges_of(group.layers)});
    rows.back().insert(rows.back().end(), group.cells.begin(), group.cells.end());
  }
  std::string out = "\n" + inked("Layers", Ink::bold, style.color) + "\n" + aligned(rows, style.color);
  if (groups.size() > max_rows)
    out += fmt::format("  … and {} rows more (-o json has all)\n", groups.size() - max_rows);
  return out + whole_rules(groups, style) + legend(report, style);
}

std::string write_bound_text(const std::vector<Report::Layer>& layers, const Report::Totals& totals,
                             std::optional<std::uint64_t> vocab) {
  if (layers.empty()) return "";
  const auto& first = layers.front();
  const auto& bound = *first.facts.bound;
  const auto cell = [](const std::optional<double>& bits) {
    return bits ? fmt::format("{:.4f}", *bits) : "-";
  };
  const auto total = [](const std::optional<double>& bits) {
    return bits ? fmt::format("{:.3f}", *bits) : "-";
  };
  std::string out = fmt::format(
      "Expert choice with {} experts, {:g} per token, {} layer{}: bits that routing could carry\n",
      first.experts, first.top_k.value_or(0.0), layers.size(), layers.size() == 1 ? "" : "s");
  std::vector<Row> rows{{"", "per token and layer", fmt::format("per token, {} layers", layers.size())},
                        {"floor (published)", cell(bound.floor_bits), total(totals.floor_bits)}};
  if (bound.chunk) {
    rows.push_back({fmt::format("capacity at chunk {}", *bound.chunk), cell(bound.capacity_bits),
                    total(totals.capacity_bits)});
  }
  rows.push_back({"limit of long chunks", cell(bound.limit_bits), total(totals.limit_bits)});
  out += aligned(rows, false);
  if (bound.vacuous)
    out += "The floor is vacuous: it gives no information when half of the experts or more are selected.\n";
  if (totals.successors_identifiable) {
    out += fmt::format("The floor is enough to identify {} successor{} in a vocabulary of {}.\n",
                       *totals.successors_identifiable, *totals.successors_identifiable == 1 ? "" : "s",
                       vocab.value_or(0));
  }
  return out;
}

}  // namespace pastonly::report
