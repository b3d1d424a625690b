#include "report/health_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "pastonly/names.h"
#include "report/paragraph.h"
#include "report/text_table.h"

namespace pastonly::report {
namespace {

struct Figure {
  std::string name;  ///< Measurement::name
  const char* words;
  bool percent;
};

std::vector<Figure> figures() {
  using namespace measurement;
  return {{max_violation, "load: the busiest expert over the mean, minus 1", false},
          {load_entropy, "load: entropy (1: equal loads)", false},
          {hot_experts, "experts with twice the mean load", true},
          {idle_experts, "experts without a token", true},
          {drop_rate, "routes dropped", true},
          {rerouted, "routes that plain top-k would not make", true},
          {affinity_lost, "affinity lost to biases and drops", true},
          {of(explained_by, "token"), "choice of experts explained by the token id", true},
          {token_table_hits, "experts named by a table of token ids", true},
          {popular_hits, "experts named by popularity alone", true},
          {of(prefetch_hits, "table, 2K"), "experts among 2K foretold by the layer before", true},
          {router_cosine_largest, "largest cosine between router rows", false},
          {router_separation, "half distance between router rows (epsilon)", false},
          {of(rows_won, "gate"), "router rows that their own expert answers most", true}};
}

struct Seen {
  double value = 0.0;
  std::optional<LayerIndex> layer;
};

std::vector<Seen> seen_of(const Report& report, std::string_view name) {
  std::vector<Seen> seen;
  for (const auto& check : report.checks) {
    for (const Measurement& m : check.measurements) {
      if (m.name == name && m.layer) seen.push_back({m.value, m.layer});
    }
  }
  std::ranges::stable_sort(seen, {}, &Seen::value);
  return seen;
}

/// Of ascending values.
double median_of(const std::vector<Seen>& seen) {
  const std::size_t middle = seen.size() / 2;
  return seen.size() % 2 == 1 ? seen[middle].value : 0.5 * (seen[middle - 1].value + seen[middle].value);
}

std::string shown(double value, bool percent) {
  // What lies a little below zero is none: no "-0.0%".
  const double rounded = std::abs(100.0 * value) < 0.05 ? 0.0 : 100.0 * value;
  return percent ? fmt::format("{:.1f}%", rounded) : fmt::format("{:.3f}", value);
}

}  // namespace

std::vector<Row> health_rows(const Report& report) {
  std::vector<Row> rows{{"", "least", "median", "most", "in layer"}};
  for (const Figure& figure : figures()) {
    const auto seen = seen_of(report, figure.name);
    if (seen.empty()) continue;
    const bool alike = seen.front().value == seen.back().value;
    rows.push_back({std::string(figure.words), shown(seen.front().value, figure.percent),
                    shown(median_of(seen), figure.percent), shown(seen.back().value, figure.percent),
                    alike ? "-" : fmt::format("{}", raw(*seen.back().layer))});
  }
  if (rows.size() == 1) rows.clear();
  return rows;
}

std::string health_table(const Report& report, const TextStyle& style) {
  const auto rows = health_rows(report);
  if (rows.empty()) return "";
  return "\n" + inked("Router health", Ink::bold, style.color) + ", over the layers\n" +
         aligned(rows, style.color);
}

}  // namespace pastonly::report
