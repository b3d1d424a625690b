#include "report/agreement_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "pastonly/names.h"
#include "report/paragraph.h"
#include "report/text_table.h"
#include "report/words.h"

namespace pastonly::report {
namespace {

const Report::CheckEntry* compared(const Report& report) {
  const auto check = std::ranges::find(report.checks, check_id::same_routes, &Report::CheckEntry::id);
  return check == report.checks.end() ? nullptr : &*check;
}

const Measurement* figure(const Report::CheckEntry& check, std::string_view name,
                          std::optional<LayerIndex> layer) {
  const auto found = std::ranges::find_if(
      check.measurements, [&](const Measurement& one) { return one.name == name && one.layer == layer; });
  return found == check.measurements.end() ? nullptr : &*found;
}

std::string percent(const Measurement* figure, bool interval = false) {
  if (figure == nullptr) return "-";
  std::string out = fmt::format("{:.4g}%", 100.0 * figure->value);
  if (interval && figure->lower && figure->upper && *figure->lower < *figure->upper)
    out += fmt::format(" [{:.1f}, {:.1f}]", 100.0 * *figure->lower, 100.0 * *figure->upper);
  return out;
}

std::string number(const Measurement* figure) {
  return figure == nullptr ? "-" : fmt::format("{:.3g}", figure->value);
}

}  // namespace

std::vector<Row> agreement_rows(const Report& report) {
  const auto* check = compared(report);
  if (check == nullptr) return {};
  std::set<LayerIndex> layers;
  for (const Measurement& one : check->measurements) {
    if (one.layer) layers.insert(*one.layer);
  }
  std::vector<Row> rows{
      {"layer", "routes kept", "by chance", "tokens that differ", "near ties", "other gates", "score drift"}};
  for (const LayerIndex layer : layers) {
    const auto of = [&](std::string_view name) { return figure(*check, name, layer); };
    rows.push_back({fmt::format("{}", raw(layer)), percent(of(measurement::routes_kept), true),
                    percent(of(measurement::routes_by_chance)), percent(of(measurement::differing_tokens)),
                    percent(of(measurement::near_ties)), percent(of(measurement::differing_gates)),
                    number(of(measurement::score_drift))});
  }
  return rows;
}

std::string agreement_table(const Report& report, const TextStyle& style) {
  const auto* check = compared(report);
  if (check == nullptr) return "";
  std::string out =
      "\nLayers\n" + aligned(agreement_rows(report), style.color) + "  " +
      wrapped(
          "routes kept: (token, expert) routes of the first that the second makes as well, with a 95% "
          "interval over sequences; by chance: what the experts' loads alone predict; tokens that differ: "
          "beyond near ties; other gates: of tokens with the same experts; score drift: mean total "
          "variation distance between a token's scores, 0 to 1",
          2, style.width) +
      "\n";
  if (const auto* change = figure(*check, measurement::compared_loss_change, {}); change != nullptr) {
    out += "\n" +
           wrapped(
               fmt::format(
                   "Loss: the second's is {} bits per token; log-probabilities differ by {} nats on average.",
                   signed_bits(change->value), number(figure(*check, measurement::log_prob_distance, {}))),
               0, style.width) +
           "\n";
  }
  return out;
}

std::string agreement_headline(const Report& report, const TextStyle& style) {
  const auto* check = compared(report);
  const auto* unseen = check == nullptr ? nullptr : figure(*check, measurement::unseen_share, {});
  std::string text = "What is recorded in both agrees as far as the policy asks.";
  if (unseen != nullptr)
    text += fmt::format(
        " No route differs beyond near ties in {} sequences: a difference that touches more than {:.3g}% of "
        "such "
        "sequences would have been seen with 95% confidence.",
        unseen->samples, 100.0 * unseen->value);
  return wrapped(text, 0, style.width) + "\n";
}

}  // namespace pastonly::report
