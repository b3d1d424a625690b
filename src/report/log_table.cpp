#include "report/log_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "pastonly/names.h"
#include "report/paragraph.h"
#include "report/text_table.h"
#include "report/words.h"

namespace pastonly::report {
namespace {

/// "chunk=8" of "final_loss[chunk=8]"; nothing where the figure has another name.
std::optional<std::string> label_of(const Measurement& figure, std::string_view name) {
  const std::string& text = figure.name;
  if (!text.starts_with(std::string(name) + "[") || !text.ends_with(']')) return std::nullopt;
  return text.substr(name.size() + 1, text.size() - name.size() - 2);
}

std::string cell_of(const Report::CheckEntry& check, std::string_view name, const std::string& arm,
                    std::string_view format) {
  for (const Measurement& figure : check.measurements) {
    if (label_of(figure, name) == arm) return fmt::format(fmt::runtime(format), figure.value);
  }
  return "-";
}

std::string interval_words(const Measurement& figure, bool with_sign) {
  const auto word = [&](double value) {
    return with_sign ? signed_bits(value) : fmt::format("{:.3f}", value);
  };
  if (!figure.lower || !figure.upper) return word(figure.value);
  return fmt::format("{} [{}, {}]", word(figure.value), word(*figure.lower), word(*figure.upper));
}

std::string against(const Value& witness) {
  return measurement::against(witness.text_or("arm", ""), witness.text_or("against", ""));
}

/// Why a drop is no finding; "" where it is one, or where the causal arm gained.
std::string why_no_finding(const Report& report, const std::string& pair) {
  for (const auto& row : report.dismissed) {
    if (against(row.claim.witness) == pair) return row.reason;
  }
  for (const auto& found : report.findings) {
    if (found.claim == claim::lone_run && against(found.witness) == pair)
      return "an arm of a single run shows no spread";
    if (found.claim == claim::short_run && against(found.witness) == pair) return "a run ended early";
  }
  return "";
}

}  // namespace

std::string log_table(const Report& report, const TextStyle& style) {
  if (report.subject.kind != "logs") return "";
  const auto check = std::ranges::find(report.checks, check_id::loss_anomaly, &Report::CheckEntry::id);
  if (check == report.checks.end()) return "";
  std::vector<Row> ends{
      {"runs", "final loss, bits per token", "seeds", "bits per doubling", "steps to the causal end"}};
  std::vector<Row> drops{{"runs", "bits per token below", "not a finding because"}};
  for (const Measurement& figure : check->measurements) {
    if (const auto arm = label_of(figure, measurement::final_loss)) {
      ends.push_back({*arm, interval_words(figure, false), fmt::format("{}", figure.samples),
                      cell_of(*check, measurement::decline, *arm, "{:.3f}"),
                      cell_of(*check, measurement::steps_to_baseline, *arm, "{:.0f}")});
    }
    if (const auto pair = label_of(figure, measurement::drop))
      drops.push_back({*pair, interval_words(figure, true), why_no_finding(report, *pair)});
  }
  if (ends.size() + drops.size() == 2) return "";
  std::string out = "\n" + inked("Training logs", Ink::bold, style.color) + "\n";
  if (ends.size() > 1) out += aligned(ends, style.color);
  if (drops.size() > 1) out += (ends.size() > 1 ? "\n" : "") + aligned(drops, style.color);
  return out;
}

}  // namespace pastonly::report
