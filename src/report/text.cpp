#include "report/text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "input/text/printable.h"
#include "report/agreement_table.h"
#include "report/baseline_words.h"
#include "report/coverage_table.h"
#include "report/experiment_json.h"
#include "report/finding_families.h"
#include "report/headline.h"
#include "report/health_table.h"
#include "report/layer_table.h"
#include "report/limit_words.h"
#include "report/lint_text.h"
#include "report/log_table.h"
#include "report/loss_table.h"
#include "report/paragraph.h"
#include "report/streaming_table.h"
#include "report/what_to_do.h"
#include "report/words.h"

namespace pastonly::report {
namespace {

/// Without its closing bracket.
std::string subject_words(const Report& report) {
  return fmt::format("{} ({}", report.subject.name, subject_in_words(report.subject));
}

std::string verdict_line(const Report& report, const TextStyle& style) {
  const Ink ink = report.verdict == Verdict::pass   ? Ink::green
                  : report.verdict == Verdict::fail ? Ink::red
                                                    : Ink::yellow;
  std::string word(name(report.verdict));
  std::ranges::transform(word, word.begin(), [](char c) { return static_cast<char>(c - 'a' + 'A'); });
  const std::string about = report.beside.empty()
                                ? fmt::format("{}; policy {})", subject_words(report), report.policy.name)
                                : fmt::format("{} recordings of one model, judged together (policy {})",
                                              1 + report.beside.size(), report.policy.name);
  return inked(word, ink, style.color) + "  " + input::printable(about) + "\n";
}

std::string advice(const Report& report, const TextStyle& style) {
  constexpr std::string_view label = "What to do:";
  const std::string text = what_to_do(report);
  if (text.empty()) return "";
  const std::string line = wrapped(fmt::format("{} {}", label, text), 0, style.width) + "\n";
  return inked(label, Ink::bold, style.color) + line.substr(label.size());
}

std::string reasons(const Report& report, const TextStyle& style) {
  if (report.verdict == Verdict::pass)
    return report.subject.kind == "comparison" ? agreement_headline(report, style)
                                               : pass_headline(report, style);
  // A failure's reasons are its findings, which follow in full.
  std::string baseline = baseline_in_words(report);
  if (!baseline.empty()) baseline = wrapped(baseline, 0, style.width) + "\n";
  if (report.verdict == Verdict::fail) {
    // A comparison's headline holds the baseline's words.
    const std::string why = report.subject.kind == "comparison"
                                ? agreement_headline(report, style)
                                : wrapped(failing_in_words(report), 0, style.width) + "\n" + baseline;
    return why + advice(report, style);
  }
  std::string out;
  for (const auto& reason : report.verdict_reasons) out += "- " + wrapped(reason, 2, style.width) + "\n";
  if (const auto muted = muted_in_words(report); !muted.empty()) out += wrapped(muted, 0, style.width) + "\n";
  return out + baseline;
}

/// `brief`: without witness and help.
std::string finding_text(const Kin& kin, bool brief, const TextStyle& style) {
  constexpr std::size_t indent = 9;
  const Report::Finding& finding = *kin.first;
  const Ink ink = finding.severity == Severity::error     ? Ink::red
                  : finding.severity == Severity::warning ? Ink::yellow
                                                          : Ink::dim;
  std::string out = inked(padded(name(finding.severity), indent), ink, style.color) +
                    inked(heading_of(kin), Ink::bold, style.color) + "\n";
  const auto paragraph = [&](const std::string& text) {
    if (!text.empty()) out += std::string(indent, ' ') + wrapped(text, indent, style.width) + "\n";
  };
  paragraph(finding.message);
  if (!kin.arms.empty()) {
    paragraph(fmt::format("(also {})", fmt::join(kin.arms, "; ")));
  } else if (kin.more > 0) {
    paragraph(fmt::format("({} more like it)", kin.more));
  }
  if (finding.severity >= Severity::warning && !brief) {
    if (const auto witness = witness_in_words(finding.witness); !witness.empty())
      paragraph("Witness: " + witness + ".");
    paragraph(finding.help);
  }
  paragraph(standing_in_words(finding));
  return out;
}

std::string findings(const Report& report, const TextStyle& style) {
  if (report.findings.empty()) return "";
  std::string out = "\n" + inked("Findings", Ink::bold, style.color) + "\n";
  std::vector<std::string> noted;
  bool brief = false;
  for (const Kin& kin : families(report.findings)) {
    // Every arm of an experiment has notes: named here, told in full by the other formats.
    if (report.experiment && kin.first->severity == Severity::note) {
      noted.push_back(fmt::format("{}/{}", kin.first->check, kin.first->claim));
    } else {
      out += finding_text(kin, brief, style);
      // An experiment finds the same in many arms: the first finding shows what a witness is.
      brief = report.experiment.has_value();
    }
  }
  if (!noted.empty()) {
    out += inked("notes    ", Ink::dim, style.color) +
           wrapped(fmt::format("{}", fmt::join(noted, ", ")), 9, style.width) + "\n";
  }
  if (brief)
    out += wrapped("For the findings of every arm, with witnesses and advice, use -o json.", 0, style.width) +
           "\n";
  return out;
}

/// Checks that share one reason: it is said once.
struct Gap {
  std::string reason;
  std::vector<std::string> checks;
};

std::string not_assessed(const Report& report, const TextStyle& style) {
  if (report.not_assessed.empty()) return "";
  std::vector<Gap> gaps;
  for (const auto& row : report.not_assessed) {
    auto same = std::ranges::find(gaps, row.reason, &Gap::reason);
    if (same == gaps.end()) same = gaps.insert(gaps.end(), {row.reason, {}});
    same->checks.push_back(row.check);
  }
  std::size_t widest = 0;
  for (const Gap& gap : gaps) {
    if (gap.checks.size() == 1) widest = std::max(widest, gap.checks.front().size());
  }
  std::string out = "\n" + inked("Not assessed", Ink::bold, style.color) + "\n";
  for (const Gap& gap : gaps) {
    if (gap.checks.size() == 1) {
      out += "  " + padded(gap.checks.front(), widest) + "  " + wrapped(gap.reason, widest + 4, style.width);
    } else {
      out += "  " + wrapped(fmt::format("{}: {}", fmt::join(gap.checks, ", "), gap.reason), 4, style.width);
    }
    out += "\n";
  }
  return out;
}

std::string detection(const Report& report, const TextStyle& style) {
  const std::string text = limit_in_words(report);
  return text.empty() ? "" : "\n" + wrapped(text, 0, style.width) + "\n";
}

std::string details(const Report& report, const TextStyle& style) {
  return findings(report, style) + layer_table(report, style) + agreement_table(report, style) +
         streaming_table(report, style) + loss_table(report, style) + log_table(report, style) +
         detection(report, style) + coverage_table(report, style) + health_table(report, style) +
         not_assessed(report, style);
}

/// Why recordings that were judged together get their verdict: of a failure each that fails, and by what.
/// What was found follows under its name.
std::string reasons_together(const std::vector<const Report*>& all, const TextStyle& style) {
  std::string out;
  const auto line = [&](const std::string& text) { out += "- " + wrapped(text, 2, style.width) + "\n"; };
  if (all.front()->verdict != Verdict::fail) {
    for (const auto& reason : all.front()->verdict_reasons) line(reason);
    return out;
  }
  for (const Report* one : all) {
    const auto checks = failing_checks(*one);
    if (!checks.empty()) line(fmt::format("{} fails: {}", one->subject.name, fmt::join(checks, ", ")));
  }
  for (const Report* one : all) {
    if (!failing_checks(*one).empty()) return out + advice(*one, style);
  }
  return out;
}

/// The verdict on all, then each under its name.
std::string together(const Report& report, const TextStyle& style) {
  std::string out = verdict_line(report, style);
  std::vector<const Report*> all{&report};
  for (const Report& other : report.beside) all.push_back(&other);
  out += reasons_together(all, style);
  if (const auto baseline = baseline_in_words(report); !baseline.empty())
    out += wrapped(baseline, 0, style.width) + "\n";
  for (const Report* one : all) {
    out += "\n" + inked(input::printable(subject_words(*one) + ")"), Ink::bold, style.color) + "\n" +
           details(*one, style);
  }
  return out;
}

}  // namespace

std::string write_text(const Report& report, const TextStyle& style) {
  if (report.subject.kind == "configuration") return lint_text(report, style);
  if (report.experiment) {
    return experiment_text(report, style) + "\n" + verdict_line(report, style) + reasons(report, style) +
           wrapped("(The exit code of pastonly lab depends on this verdict only if --policy is given.)", 0,
                   style.width) +
           "\n" + findings(report, style) + layer_table(report, style) + detection(report, style);
  }
  if (!report.beside.empty()) return together(report, style);
  return verdict_line(report, style) + reasons(report, style) + details(report, style);
}

}  // namespace pastonly::report
