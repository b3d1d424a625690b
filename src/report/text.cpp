#include "report/text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "input/text/printable.h"
#include "kernels/elementary.h"
#include "report/agreement_table.h"
#include "report/coverage_table.h"
#include "report/experiment_json.h"
#include "report/headline.h"
#include "report/health_table.h"
#include "report/layer_table.h"
#include "report/lint_text.h"
#include "report/log_table.h"
#include "report/loss_table.h"
#include "report/paragraph.h"
#include "report/streaming_table.h"
#include "report/words.h"

namespace pastonly::report {
namespace {

/// Without its closing bracket.
std::string subject_words(const Report& report) {
  const auto& subject = report.subject;
  return fmt::format("{} ({}; mode {}, stage {}; {} token positions", subject.name, subject.kind,
                     subject.mode, subject.stage, grouped(subject.tokens));
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

std::string reasons(const Report& report, const TextStyle& style) {
  if (report.verdict == Verdict::pass)
    return report.subject.kind == "comparison" ? agreement_headline(report, style)
                                               : pass_headline(report, style);
  // A failure's reasons are its findings, which follow in full.
  if (report.verdict == Verdict::fail) {
    std::vector<std::string> checks;
    for (const auto& finding : report.findings) {
      if (finding.suppressed || finding.severity < report.policy.fail_on) continue;
      if (std::ranges::count(checks, finding.check) == 0) checks.push_back(finding.check);
    }
    std::string list;
    for (const auto& check : checks) list += (list.empty() ? "" : ", ") + check;
    return wrapped("Checks that fail this policy: " + list + ".", 0, style.width) + "\n";
  }
  std::string out;
  for (const auto& reason : report.verdict_reasons) out += "- " + wrapped(reason, 2, style.width) + "\n";
  if (const auto muted = muted_in_words(report); !muted.empty()) out += wrapped(muted, 0, style.width) + "\n";
  return out;
}

/// Findings that say the same of several layers: shown once, with the first's message and witness.
struct Kin {
  const Report::Finding* first;
  std::vector<std::uint32_t> layers;
  std::size_t more = 0;
  std::vector<std::string> arms;  ///< of an experiment that are not the first's
};

std::optional<std::string> arm_of(const Report::Finding& finding) {
  const auto* text = finding.witness.text("arm");
  return text != nullptr ? std::optional(*text) : std::nullopt;
}

/// What a message says, without its figures and the details that follow a semicolon.
std::string gist(const Report::Finding& finding) {
  std::string out = finding.witness.text_or("hazard", "");
  for (const char c : finding.message) {
    if (c == ';') break;
    const bool figure = (c >= '0' && c <= '9') || c == '.' || c == ',' || c == '-' || c == '+';
    if (!figure) out += c;
  }
  return out;
}

/// Whether two findings are one told of several layers or arms.
bool alike(const Report::Finding& a, const Report::Finding& b) {
  if (a.check != b.check || a.claim != b.claim || a.severity != b.severity || a.suppressed != b.suppressed)
    return false;
  return arm_of(a) != arm_of(b) || gist(a) == gist(b);  // an experiment's arms differ in more than figures
}

std::vector<Kin> families(const std::vector<Report::Finding>& findings) {
  std::vector<Kin> kin;
  for (const auto& finding : findings) {
    const auto same =
        std::ranges::find_if(kin, [&](const Kin& other) { return alike(*other.first, finding); });
    if (same == kin.end()) {
      kin.push_back({&finding, finding.layers, 0, {}});
      continue;
    }
    ++same->more;
    if (const auto arm = arm_of(finding); arm && arm != arm_of(*same->first)) {
      if (std::ranges::count(same->arms, *arm) == 0) same->arms.push_back(*arm);
    }
    same->layers.insert(same->layers.end(), finding.layers.begin(), finding.layers.end());
  }
  for (Kin& family : kin) {
    std::ranges::sort(family.layers);
    family.layers.erase(std::unique(family.layers.begin(), family.layers.end()), family.layers.end());
  }
  return kin;
}

/// `brief`: without witness and help.
std::string finding_text(const Kin& kin, bool brief, const TextStyle& style) {
  constexpr std::size_t indent = 9;
  const Report::Finding& finding = *kin.first;
  const Ink ink = finding.severity == Severity::error     ? Ink::red
                  : finding.severity == Severity::warning ? Ink::yellow
                                                          : Ink::dim;
  std::string head = fmt::format("{}/{}", finding.check, finding.claim);
  if (const auto where = layers_in_words(kin.layers); !where.empty()) head += ", " + where;
  if (finding.basis == Claim::Basis::statistical && finding.confidence) {
    head += fmt::format(", confidence {:.4g}", *finding.confidence);
  }
  std::string out = inked(padded(name(finding.severity), indent), ink, style.color) +
                    inked(head, Ink::bold, style.color) + "\n";
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
  if (finding.suppressed) paragraph("Ignored by the policy: " + *finding.suppressed);
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

/// Which runs are no trials and why: the first few, for where something moves they are many.
std::string no_trials(const DetectionLimit& limit) {
  constexpr std::size_t shown_reasons = 3, shown_runs = 6;
  std::string text;
  std::size_t others = 0;
  for (std::size_t i = 0; i < limit.left_out.size(); ++i) {
    const auto& [runs, reason] = limit.left_out[i];
    if (i >= shown_reasons) {
      others += runs.size();
      continue;
    }
    const std::size_t count = std::min(runs.size(), shown_runs);
    text += fmt::format(" No trial: run{} {}", runs.size() == 1 ? "" : "s",
                        fmt::join(runs.begin(), runs.begin() + static_cast<std::ptrdiff_t>(count), ", "));
    if (runs.size() > count) text += fmt::format(" and {} more", runs.size() - count);
    text += fmt::format(" ({}).", reason);
  }
  if (others > 0)
    text += fmt::format(" Nor {} other run{}: detection_limit.left_out of the JSON report says why.", others,
                        others == 1 ? "" : "s");
  return text;
}

std::string detection(const Report& report, const TextStyle& style) {
  if (report.detection_limit && report.detection_limit->planted_share &&
      *report.detection_limit->planted_share < 1.0) {
    return "\n" +
           wrapped(fmt::format(
                       "Detection limit: {} trials with redrawn later tokens, among runs that change by "
                       "themselves; a leak that changes {:.2g}% of a layer's decisions before the cut was "
                       "planted into this recording and found in 19 of 20 plantings at least.",
                       report.detection_limit->trials, 100.0 * *report.detection_limit->planted_share),
                   0, style.width) +
           "\n";
  }
  // Where something changed there is no upper limit to state.
  if (!report.detection_limit || report.detection_limit->trial_rate >= 1.0) return "";
  const DetectionLimit& limit = *report.detection_limit;
  std::string text = fmt::format(
      "Detection limit: {} trial{} with redrawn later tokens; a leak that shows in more than {:.3g}% of such "
      "trials ({:.2g} bits of collision information) would have been found with {:g}% confidence.",
      limit.trials, limit.trials == 1 ? "" : "s", 100.0 * limit.trial_rate,
      -kernels::log2(1.0 - limit.trial_rate), 100.0 * limit.confidence);
  if (limit.sequences > 0) {
    text += fmt::format(" The trials are of {} different sequence{}: by sequences the limit is {:.3g}%.",
                        limit.sequences, limit.sequences == 1 ? "" : "s", 100.0 * limit.sequence_rate);
  }
  if (limit.sequences > 0 && limit.decisions > 0) {
    text += fmt::format(
        " Of single decisions ({} compared), a leak that alters them independently is below {:.2g}%.",
        grouped(limit.decisions), 100.0 * limit.decision_rate);
  }
  if (!limit.unseen_chunks.empty())
    text += fmt::format(" Chunk widths that no cut can detect: {}.", fmt::join(limit.unseen_chunks, " "));
  if (!limit.unseen_after_first.empty()) {
    text += fmt::format(" Chunk widths that no cut can detect where chunks begin after a first token: {}.",
                        fmt::join(limit.unseen_after_first, " "));
  }
  return "\n" + wrapped(text + no_trials(limit), 0, style.width) + "\n";
}

std::string details(const Report& report, const TextStyle& style) {
  return findings(report, style) + layer_table(report, style) + agreement_table(report, style) +
         streaming_table(report, style) + loss_table(report, style) + log_table(report, style) +
         detection(report, style) + coverage_table(report, style) + health_table(report, style) +
         not_assessed(report, style);
}

/// The verdict on all, then each under its name.
std::string together(const Report& report, const TextStyle& style) {
  std::string out = verdict_line(report, style);
  for (const auto& reason : report.verdict_reasons) out += "- " + wrapped(reason, 2, style.width) + "\n";
  std::vector<const Report*> all{&report};
  for (const Report& other : report.beside) all.push_back(&other);
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
