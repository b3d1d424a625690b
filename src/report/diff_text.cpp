#include <fmt/format.h>

#include "report/diff.h"
#include "report/markdown_text.h"
#include "report/paragraph.h"
#include "report/told_findings.h"
#include "report/words.h"

namespace pastonly::report {
namespace {

struct DiffLine {
  std::string head, text;
};
struct DiffPart {
  std::string title;
  std::vector<DiffLine> lines;
};

constexpr std::size_t most_lines = 200;  // of a part

std::string diff_cell(std::string_view text) { return markdown_text(cut_to(text, 2'000)); }

std::string value_in_words(const Measurement& m) {
  std::string out = fmt::format("{:.4g}", m.value);
  if (m.lower && m.upper) out += fmt::format(" ({:.4g} to {:.4g})", *m.lower, *m.upper);
  return out;
}

DiffPart standing_part(const Diff& diff, std::string_view state, std::string title) {
  DiffPart part{std::move(title), {}};
  for (const ToldFinding& told : told_findings(diff.b)) {
    const Report::Finding& finding = *told.finding;
    if (!finding.standing || finding.standing->state != state) continue;
    const std::string where = layers_in_words(finding.layers);
    part.lines.push_back(
        {fmt::format("{} {}{}{}", name(finding.severity), told.rule, where.empty() ? "" : ", ", where),
         finding.standing->why.empty() ? finding.message : finding.standing->why});
  }
  return part;
}

DiffPart gone_part(const Diff& diff, std::string_view state, std::string title) {
  DiffPart part{std::move(title), {}};
  for (const Report* one : all_of(diff.b)) {
    if (!one->baseline) continue;
    for (const auto& entry : one->baseline->entries) {
      if (entry.state != state) continue;
      const std::string where = layers_in_words(entry.layers);
      part.lines.push_back({fmt::format("{} {}/{}{}{}", name(entry.severity), entry.check, entry.claim,
                                        where.empty() ? "" : ", ", where),
                            ""});
    }
  }
  return part;
}

DiffPart pairs_part(const std::vector<Diff::Pair>& pairs, std::string title) {
  DiffPart part{std::move(title), {}};
  for (const auto& pair : pairs) part.lines.push_back({pair.what, pair.a + "  →  " + pair.b});
  return part;
}

DiffPart open_part(const std::vector<std::pair<std::string, std::string>>& rows, std::string title) {
  DiffPart part{std::move(title), {}};
  for (const auto& [check, reason] : rows) part.lines.push_back({check, reason});
  return part;
}

/// The most telling first.
std::vector<DiffPart> parts_of(const Diff& diff) {
  DiffPart changed{"In both, with other figures", {}};
  for (const auto& one : diff.changed)
    changed.lines.push_back(
        {one.what, fmt::format("{}  →  {} {}", value_in_words(one.a), value_in_words(one.b), one.b.unit)});
  return {standing_part(diff, "new", "Only in B"),
          standing_part(diff, "worse", "Worse in B"),
          gone_part(diff, "gone", "Only in A"),
          gone_part(diff, "not assessed", "In A, and not assessed in B"),
          std::move(changed),
          pairs_part(diff.layers, "Layers"),
          pairs_part(diff.limits, "Detection limit"),
          open_part(diff.open_in_a, "Not assessed in A alone"),
          open_part(diff.open_in_b, "Not assessed in B alone")};
}

std::string side(std::string_view letter, const std::string& file, const Report& report) {
  return fmt::format("{}  {}  {} ({}; policy {}; {})", letter, name(report.verdict), report.subject.name,
                     subject_in_words(report.subject), report.policy.name, file);
}

std::string summary(const Diff& diff) {
  const std::size_t same = run::findings_that_are(diff.b, "accepted");
  std::string out = fmt::format(
      "{} finding{} only in B, {} worse in B, {} only in A, {} in both.",
      run::findings_that_are(diff.b, "new"), run::findings_that_are(diff.b, "new") == 1 ? "" : "s",
      run::findings_that_are(diff.b, "worse"), run::entries_that_are(diff.b, "gone"), same);
  out += fmt::format(" {} of {} and {} files are the same.", diff.same_files, diff.files_a, diff.files_b);
  if (diff.a.report.policy.name != diff.b.policy.name) out += " The policies differ.";
  if (diff.a.report.tool.version != diff.b.tool.version) out += " The versions of pastonly differ.";
  return out;
}

}  // namespace

std::string write_diff_text(const Diff& diff, const TextStyle& style) {
  std::string out = wrapped(side("A", diff.a.name, diff.a.report), 3, style.width) + "\n" +
                    wrapped(side("B", diff.name_b, diff.b), 3, style.width) + "\n" +
                    wrapped(summary(diff), 0, style.width) + "\n";
  for (const DiffPart& part : parts_of(diff)) {
    if (part.lines.empty()) continue;
    out += "\n" + inked(part.title, Ink::bold, style.color) + "\n";
    for (std::size_t i = 0; i < std::min(most_lines, part.lines.size()); ++i) {
      out += "  " + wrapped(part.lines[i].head, 2, style.width) + "\n";
      if (!part.lines[i].text.empty()) out += "      " + wrapped(part.lines[i].text, 6, style.width) + "\n";
    }
    if (part.lines.size() > most_lines)
      out += fmt::format("  … and {} more: -o json has all\n", part.lines.size() - most_lines);
  }
  return out;
}

std::string write_diff_markdown(const Diff& diff) {
  std::string out =
      fmt::format("## pastonly: {} → {}\n\n", name(diff.a.report.verdict), name(diff.b.verdict));
  out += fmt::format("- {}\n- {}\n\n{}\n", diff_cell(side("A:", diff.a.name, diff.a.report)),
                     diff_cell(side("B:", diff.name_b, diff.b)), diff_cell(summary(diff)));
  for (const DiffPart& part : parts_of(diff)) {
    if (part.lines.empty()) continue;
    out += fmt::format("\n### {}\n\n", part.title);
    for (std::size_t i = 0; i < std::min(most_lines, part.lines.size()); ++i)
      out += fmt::format("- {}{}{}\n", diff_cell(part.lines[i].head), part.lines[i].text.empty() ? "" : ": ",
                         diff_cell(part.lines[i].text));
    if (part.lines.size() > most_lines)
      out += fmt::format("- … and {} more: -o json has all\n", part.lines.size() - most_lines);
  }
  return out;
}

}  // namespace pastonly::report
