#include "report/agreement_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "pastonly/names.h"
#include "report/baseline_words.h"
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

namespace {

/// "the second keeps 91.2% to 99.9% of the first's routes, by layer (least in layer 3)".
std::string kept_in_words(const Report::CheckEntry& check) {
  const Measurement *least = nullptr, *most = nullptr;
  for (const Measurement& one : check.measurements) {
    if (one.name != measurement::routes_kept || !one.layer) continue;
    if (least == nullptr || one.value < least->value) least = &one;
    if (most == nullptr || one.value > most->value) most = &one;
  }
  if (least == nullptr) return "";
  if (least->value == most->value)
    return fmt::format("the second keeps {} of the first's routes in every layer", percent(least));
  return fmt::format("the second keeps {} to {} of the first's routes, by layer (least in layer {})",
                     percent(least), percent(most), raw(*least->layer));
}

/// What fails, by name: everything a comparison finds is of one check.
std::string failing_claims(const Report& report) {
  std::vector<std::string> names;
  for (const auto& finding : report.findings) {
    if (finding.suppressed || finding.severity < report.policy.fail_on) continue;
    if (std::ranges::count(names, finding.claim) == 0) names.push_back(finding.claim);
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

std::string agreement_headline(const Report& report, const TextStyle& style) {
  const auto* check = compared(report);
  const auto figure_of = [&](std::string_view name) {
    return check == nullptr ? nullptr : figure(*check, name, {});
  };
  std::string text;
  if (const auto failing = failing_claims(report); report.verdict == Verdict::fail)
    text = fmt::format("The two do not agree: {}.", failing);
  else
    text = report.baseline ? "What is recorded in both agrees as far as the policy and the baseline ask."
                           : "What is recorded in both agrees as far as the policy asks.";
  if (const auto* differing = figure_of(measurement::differing_tokens);
      differing != nullptr && differing->value > 0)
    text += fmt::format(" Of {} tokens, {} take other experts beyond near ties; {}.",
                        grouped(differing->samples), percent(differing), kept_in_words(*check));
  else if (differing != nullptr && report.verdict == Verdict::fail)
    text += fmt::format(" No route of {} tokens differs beyond near ties.", grouped(differing->samples));
  if (const auto* unseen = figure_of(measurement::unseen_share);
      unseen != nullptr && report.verdict != Verdict::fail)
    text += fmt::format(
        " No route differs beyond near ties in {} sequences: a difference that touches more than {:.3g}% of "
        "such sequences would have been seen with 95% confidence.",
        unseen->samples, 100.0 * unseen->value);
  if (const auto baseline = baseline_in_words(report); !baseline.empty()) text += " " + baseline;
  return wrapped(text, 0, style.width) + "\n";
}

}  // namespace pastonly::report
