#include "report/loss_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "pastonly/names.h"
#include "report/paragraph.h"
#include "report/text_table.h"
#include "report/words.h"

namespace pastonly::report {
namespace {

constexpr double shown_bits = 0.0005;  // less is printed as 0

const Report::CheckEntry* ran(const Report& report, std::string_view id) {
  const auto found = std::ranges::find(report.checks, id, &Report::CheckEntry::id);
  return found == report.checks.end() ? nullptr : &*found;
}

const Measurement* measured(const Report::CheckEntry& check, std::string_view name) {
  const auto found = std::ranges::find(check.measurements, name, &Measurement::name);
  return found == check.measurements.end() ? nullptr : &*found;
}

std::string difference(const Measurement* figure) {
  if (figure == nullptr) return "";
  if (!figure->lower || !figure->upper) return signed_bits(figure->value);
  return fmt::format("{} [{}, {}]", signed_bits(figure->value), signed_bits(*figure->lower),
                     signed_bits(*figure->upper));
}

std::string losses(const Report& report, const TextStyle& style) {
  const auto* check = ran(report, check_id::loss_anomaly);
  if (check == nullptr) return "";
  struct Way {
    std::string_view words, loss, gap;
  };
  static constexpr std::array<Way, 6> ways{
      {{"in order", measurement::loss_in_order, ""},
       {"shuffled", measurement::loss_shuffled, measurement::reliance},
       {"nothing after each token", measurement::loss_streaming, measurement::streaming_gap},
       {"plain top-k", measurement::loss_top_k, measurement::top_k_gap},
       {"causal baseline", measurement::loss_twin, measurement::twin_gap},
       {"source", measurement::source_entropy, ""}}};
  std::vector<Row> rows{{"routing", "bits per token", "vs. in order"}};
  for (const Way& way : ways) {
    if (const auto* loss = measured(*check, way.loss)) {
      rows.push_back({std::string(way.words), fmt::format("{:.3f}", loss->value),
                      difference(measured(*check, way.gap))});
    }
  }
  if (rows.size() < 3) return "";
  std::string out = "\n" + inked("Losses", Ink::bold, style.color) + "\n" + aligned(rows, style.color);
  if (measured(*check, measurement::loss_streaming) != nullptr)
    out += table_note(
        "nothing after each token: measured on a sample of tokens; the difference is on the same sample",
        style.width);
  return out;
}

std::string sweep(const Report& report, const TextStyle& style) {
  constexpr std::size_t shown = 6;
  const std::string prefix = std::string(measurement::drop) + "[";
  const auto* check = ran(report, check_id::forensic_sweep);
  if (check == nullptr) return "";
  std::vector<const Measurement*> tried;
  for (const Measurement& figure : check->measurements) {
    if (figure.name.starts_with(prefix)) tried.push_back(&figure);
  }
  const auto* causal = measured(*check, measurement::loss_causal);
  if (causal == nullptr || tried.empty()) return "";
  std::ranges::stable_sort(tried, std::greater<>{}, [](const Measurement* figure) { return figure->value; });
  // A hundredth of a bit at least: noise draws no long bars.
  const double most = std::max(0.01, tried.front()->value);
  std::vector<Row> rows{{"routed by", "bits per token below a causal rule"}};
  for (const Measurement* figure : tried) {
    if (rows.size() > shown) break;
    rows.push_back({figure->name.substr(prefix.size(), figure->name.size() - prefix.size() - 1),
                    fmt::format("{} {}", signed_bits(figure->value),
                                bar(figure->value < shown_bits ? 0.0 : figure->value, most, 16))});
  }
  std::string more = fmt::format("the loss under a causal rule is {:.3f}", causal->value);
  if (tried.size() > shown)
    more = fmt::format("… and {} rules with a higher loss; {} (-o json has all)", tried.size() - shown, more);
  return "\n" + inked("Forensic sweep", Ink::bold, style.color) + "\n" + aligned(rows, style.color) + "  " +
         more + "\n";
}

}  // namespace

std::string loss_table(const Report& report, const TextStyle& style) {
  return losses(report, style) + sweep(report, style);
}

}  // namespace pastonly::report
