#include "report/github.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "input/text/printable.h"
#include "report/headline.h"
#include "report/told_findings.h"

namespace pastonly::report {
namespace {

constexpr std::size_t most_of_a_kind = 10;

/// In the form that workflow commands are read back from: "%", CR and LF everywhere, ":" and "," in
/// properties.
std::string escaped_for_github(std::string_view text, bool property) {
  std::string out;
  for (const char c : text) {
    const bool special = c == '%' || c == '\r' || c == '\n' || (property && (c == ':' || c == ','));
    out += special ? fmt::format("%{:02X}", static_cast<unsigned char>(c)) : std::string(1, c);
  }
  return out;
}

struct Annotation {
  std::size_t kind = 0;  ///< in `annotation_kinds`
  Report::Place place;
  std::string title, message;
};
constexpr std::array<std::string_view, 3> annotation_kinds{"error", "warning", "notice"};

std::size_t annotation_kind(Severity severity) {
  return severity == Severity::error ? 0 : severity == Severity::warning ? 1 : 2;
}

std::string annotation_line(const Annotation& annotation) {
  return fmt::format("::{} file={},line={},title={}::{}\n", annotation_kinds.at(annotation.kind),
                     escaped_for_github(input::printable(annotation.place.file), true), annotation.place.line,
                     escaped_for_github(annotation.title, true),
                     escaped_for_github(annotation.message, false));
}

/// The verdict, as severe as it is: a reader of annotations alone must not take silence for a pass.
Annotation verdict_annotation(const Report& report) {
  std::string text;
  for (const std::string& reason : reasons_in_words(report))
    text += (text.empty() ? "" : "\n") + input::printable(reason);
  const std::size_t kind = report.verdict == Verdict::pass           ? 2
                           : report.verdict == Verdict::inconclusive ? 1
                                                                     : 0;
  return {kind, place_of(report), fmt::format("pastonly: {}", name(report.verdict)),
          cut_to(text.empty() ? std::string(name(report.verdict)) : text, 4000)};
}

}  // namespace

std::string write_github(const Report& report, const TextStyle&) {
  std::vector<Annotation> all{verdict_annotation(report)};
  for (const ToldFinding& told : told_findings(report)) {
    if (told.finding->suppressed) continue;
    all.push_back({annotation_kind(told.finding->severity), place_of(*told.report, *told.finding), told.rule,
                   told.message});
  }
  std::array<std::size_t, annotation_kinds.size()> count{}, written{};
  for (const Annotation& annotation : all) ++count.at(annotation.kind);
  std::string out;
  for (const Annotation& annotation : all) {
    const std::size_t of_kind = count.at(annotation.kind), number = ++written.at(annotation.kind);
    if (number < most_of_a_kind || (number == most_of_a_kind && of_kind == number))
      out += annotation_line(annotation);
    if (number == most_of_a_kind && of_kind > number) {
      out += annotation_line({annotation.kind, annotation.place, "pastonly: more",
                              fmt::format("{} findings more of this severity: the other reports have all",
                                          of_kind - number + 1)});
    }
  }
  return out;
}

}  // namespace pastonly::report
