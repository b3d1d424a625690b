#include "report/markdown.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/agreement_table.h"
#include "report/baseline_words.h"
#include "report/experiment_json.h"
#include "report/finding_families.h"
#include "report/headline.h"
#include "report/layer_words.h"
#include "report/limit_words.h"
#include "report/markdown_text.h"
#include "report/told_findings.h"
#include "report/what_to_do.h"
#include "report/words.h"

namespace pastonly::report {
namespace {

// Together below 1 MiB, also with several recordings.
constexpr std::size_t most_markdown_bytes = 1'000'000;
constexpr std::size_t most_markdown_rows = 100;
constexpr std::size_t longest_markdown_text = 2'000;

std::string markdown_cell(std::string_view text) {
  return markdown_text(cut_to(text, longest_markdown_text));
}

std::string markdown_row(const std::vector<std::string>& cells) {
  std::string out = "|";
  for (const std::string& cell : cells) out += " " + cell + " |";
  return out + "\n";
}

std::string markdown_head(const std::vector<std::string>& cells) {
  return markdown_row(cells) + markdown_row(std::vector<std::string>(cells.size(), "---"));
}

std::string markdown_more(std::size_t all) {
  return all > most_markdown_rows
             ? fmt::format("\n… and {} more; the JSON report has all.\n", all - most_markdown_rows)
             : "";
}

std::string_view mark_of(Verdict verdict) {
  return verdict == Verdict::pass ? "✅" : verdict == Verdict::fail ? "❌" : "⚠️";
}

std::string markdown_verdict(const Report& report) {
  const std::string_view word = verdict_word(report);
  const bool sure = word == name(report.verdict);
  std::string out = fmt::format("## {} pastonly: {}\n\n", sure ? mark_of(report.verdict) : "⚠️", word);
  const auto reasons = reasons_in_words(report);
  for (std::size_t i = 0; i < std::min(reasons.size(), most_markdown_rows); ++i)
    out += (reasons.size() > 1 ? "- " : "") + markdown_cell(reasons[i]) + "\n";
  out += markdown_more(reasons.size());
  if (const std::string advice = what_to_do(report); !advice.empty())
    out += "\nWhat to do: " + markdown_text(advice) + "\n";
  return out;
}

std::string markdown_subject(const Report& report) {
  const auto& subject = report.subject;
  return fmt::format("\n{} ({}; policy {})\n", markdown_code(cut_to(subject.name, longest_markdown_text)),
                     markdown_text(subject_in_words(subject)), markdown_cell(report.policy.name));
}

std::string markdown_findings(const Report& report) {
  if (report.findings.empty()) return "";
  std::string out = "\n### Findings\n\n" + markdown_head({"severity", "finding", "what"});
  auto kin = families(report.findings);
  std::ranges::stable_sort(kin, std::ranges::greater{}, [](const Kin& one) { return one.first->severity; });
  for (std::size_t i = 0; i < std::min(kin.size(), most_markdown_rows); ++i) {
    const Report::Finding& finding = *kin[i].first;
    std::string what = markdown_cell(placed_message(finding));
    if (kin[i].more > 0) what += fmt::format(" ({} more like it)", kin[i].more);
    if (finding.severity >= Severity::warning) {
      if (const auto witness = witness_in_words(finding.witness); !witness.empty())
        what += "<br>Witness: " + markdown_cell(witness) + ".";
      if (!finding.help.empty())
        what += "<br>" + markdown_cell((finding.place ? "Instead: " : "") + finding.help);
    }
    if (const auto standing = standing_in_words(finding); !standing.empty())
      what += "<br>" + markdown_cell(standing);
    out += markdown_row({std::string(name(finding.severity)), markdown_cell(heading_of(kin[i])), what});
  }
  return out + markdown_more(kin.size());
}

std::string markdown_layers(const Report& report) {
  if (report.layers.empty()) return "";
  const auto rates = flip_rates(report);
  std::string out = "\n### Layers\n\n" + markdown_head({"layer", "rule", "causal", "flips", "floor, bits",
                                                        "leak, bits", "origin"});
  for (std::size_t i = 0; i < std::min(report.layers.size(), most_markdown_rows); ++i) {
    const auto& layer = report.layers[i];
    const auto rate = rates.find(layer.index);
    out += markdown_row({fmt::format("{}", layer.index),
                         layer.facts.rule ? markdown_cell(rule_in_words(*layer.facts.rule)) : "-",
                         causal_word(layer),
                         rate == rates.end() ? "-" : fmt::format("{:.2f}%", 100.0 * rate->second),
                         bound_words(layer), leak_words(layer), markdown_cell(origin_words(layer))});
  }
  return out + markdown_more(report.layers.size());
}

/// Of a comparison, in place of the rules of layers.
std::string markdown_agreement(const Report& report) {
  const auto rows = agreement_rows(report);
  if (rows.size() < 2) return "";
  std::string out = "\n### Layers\n\n" + markdown_head(rows.front());
  for (std::size_t i = 1; i < std::min(rows.size(), most_markdown_rows + 1); ++i) {
    std::vector<std::string> cells;
    for (const std::string& cell : rows[i]) cells.push_back(markdown_cell(cell));
    out += markdown_row(cells);
  }
  return out + markdown_more(rows.size() - 1);
}

std::string markdown_arms(const Report& report) {
  if (!report.experiment) return "";
  const auto& arms = report.experiment->arms;
  std::string out = fmt::format("\n### Experiment {}\n\n", markdown_cell(report.experiment->name)) +
                    markdown_head({"arm", "loss, bits per token", "leak, bits"});
  for (std::size_t i = 0; i < std::min(arms.size(), most_markdown_rows); ++i) {
    const auto& arm = arms[i];
    out += markdown_row({markdown_cell(arm.name),
                         fmt::format("{:.3f} [{:.3f}, {:.3f}]", arm.loss_bits, arm.lower, arm.upper),
                         arm.leak_bits ? signed_bits(*arm.leak_bits) : "-"});
  }
  return out + markdown_more(arms.size());
}

std::string markdown_gaps(const Report& report) {
  if (report.not_assessed.empty()) return "";
  std::string out = "\n### Not assessed\n\n" + markdown_head({"check", "reason"});
  for (std::size_t i = 0; i < std::min(report.not_assessed.size(), most_markdown_rows); ++i) {
    const auto& row = report.not_assessed[i];
    out += markdown_row({markdown_cell(row.check), markdown_cell(row.reason)});
  }
  return out + markdown_more(report.not_assessed.size());
}

}  // namespace

std::string write_markdown(const Report& report, const TextStyle&) {
  std::string out = markdown_verdict(report);
  std::size_t left_out = 0;
  const auto add = [&](const std::string& part) {
    const bool fits = out.size() + part.size() <= most_markdown_bytes;
    fits ? void(out += part) : void(++left_out);
  };
  for (const Report* one : all_of(report)) {
    add(markdown_subject(*one));
    add(markdown_findings(*one));
    add(markdown_arms(*one));
    add(markdown_layers(*one));
    add(markdown_agreement(*one));
    if (const auto limit = limit_in_words(*one); !limit.empty())
      add("\n" + markdown_text(cut_to(limit, 4 * longest_markdown_text)) + "\n");
    add(markdown_gaps(*one));
  }
  if (left_out > 0)
    out += fmt::format("\nLeft out, so that this stays below 1 MiB: {} sections. The JSON report has all.\n",
                       left_out);
  return out;
}

}  // namespace pastonly::report
