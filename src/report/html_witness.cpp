#include "report/html_witness.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/html_parts.h"
#include "report/words.h"

namespace pastonly::report {
namespace {

std::string held_by(const Value& witness, std::string_view key) {
  const Value* value = witness.find(key);
  return value == nullptr ? "" : in_words(*value);
}

/// "expert 4 takes this token; its score is 0.4, the last admitted one 0.23"
std::string decision_words(const Value& witness, std::string_view side) {
  const auto of = [&](std::string_view what) { return held_by(witness, fmt::format("{}_{}", what, side)); };
  const Value* taken = witness.find(side);
  const bool mask = witness.find("tensor") == nullptr && witness.find("expert") != nullptr;
  const bool takes = taken != nullptr && taken->number().value_or(0.0) != 0.0;
  std::string out = mask ? fmt::format("expert {} {} this token", held_by(witness, "expert"),
                                       takes ? "takes" : "does not take")
                         : fmt::format("{} is {}", held_by(witness, "tensor"), held_by(witness, side));
  if (!of("score").empty()) out += "; its score is " + of("score");
  if (!of("threshold").empty()) out += ", the admission threshold " + of("threshold");
  return out;
}

std::string place_words(const Value& witness) {
  std::string out;
  for (const char* part : {"layer", "row", "position"}) {
    if (witness.find(part) == nullptr) continue;
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", part, held_by(witness, part));
  }
  return out;
}

std::string change_words(const Value& witness) {
  const std::string kind = witness.text_or("kind", "");
  if (witness.find("cut") != nullptr) {
    const Value::Array* rows = witness.array("rows_changed");
    const std::string row =
        rows != nullptr && !rows->empty() ? in_words(rows->front()) : held_by(witness, "row");
    return fmt::format("Run {} redraws row {} from position {} on; every token before it stays",
                       held_by(witness, "run_id"), row, held_by(witness, "cut"));
  }
  return fmt::format("Run {} changes the batch{}", held_by(witness, "run_id"),
                     kind.empty() ? "" : " (" + kind + ")");
}

/// Tokens of the row from left to right, twice: as they were, and redrawn from the cut on. The decision that
/// changed stands left of the cut.
std::string strips(const Value& witness) {
  const auto cut = witness.integer("cut"), position = witness.integer("position");
  const Value::Array* rows = witness.array("rows_changed");
  if (!cut || !position || *position < 0 || *cut <= *position || *cut > 1'000'000'000) return "";
  if (rows == nullptr || rows->size() != 1 || rows->front().integer() != witness.integer("row")) return "";
  constexpr double width = 340.0, left = 64.0, right = width - 12.0, height = 22.0;
  const double length = static_cast<double>(*cut) * 1.25 + 2.0;
  const auto at = [&](double token) { return left + token / length * (right - left); };
  const double start = at(static_cast<double>(*cut)), mark = at(static_cast<double>(*position) + 0.5);
  Drawing out;
  out.height = 132.0;
  for (const bool after : {false, true}) {
    const double y = after ? 74.0 : 24.0;
    out.body += fmt::format(
        "<text x=\"{0:.0f}\" y=\"{1:.0f}\" text-anchor=\"end\">{2}</text>\n<rect class=\"seen\" "
        "x=\"{3:.0f}\" y=\"{4:.0f}\" "
        "width=\"{5:.1f}\" height=\"{6:.0f}\"/>\n<rect class=\"{7}\" x=\"{8:.1f}\" y=\"{4:.0f}\" "
        "width=\"{9:.1f}\" "
        "height=\"{6:.0f}\"/>\n",
        left - 8.0, y + 16.0,
        xml_text(fmt::format("run {}", held_by(witness, after ? "run_id" : "base_run"))), left, y,
        start - left, height, after ? "redrawn" : "seen", start, right - start);
    const bool takes = witness.number(after ? "after" : "before").value_or(0.0) != 0.0;
    out.body +=
        fmt::format("<rect class=\"mark\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"10\" height=\"{:.0f}\"{}/>\n",
                    mark - 5.0, y - 3.0, height + 6.0, takes ? " style=\"fill:currentColor\"" : "");
  }
  out.body += fmt::format(
      "<path class=\"axis\" d=\"M{0:.1f} 16V104\" stroke-dasharray=\"4 3\"/>\n<text x=\"{0:.1f}\" y=\"122\" "
      "text-anchor=\"middle\">cut {1}</text>\n<text x=\"{2:.1f}\" y=\"13\" text-anchor=\"middle\">position "
      "{3}</text>\n",
      start, *cut, std::max(mark, left + 30.0), *position);
  return html_figure(
      "The witness",
      fmt::format(
          "Tokens of row {}, from left to right; coloured: redrawn. The mark at position {} is filled "
          "where expert {} takes the token.",
          held_by(witness, "row"), *position, held_by(witness, "expert")),
      out, {}, width);
}

}  // namespace

std::string html_witness(const Value& witness) {
  if (witness.find("before") == nullptr || witness.find("after") == nullptr) return "";
  const auto step = [](const std::string& text) { return fmt::format("<li>{}.</li>\n", xml_text(text)); };
  std::string out = "<h4>Witness</h4>\n" + strips(witness) + "<ol class=\"steps\">\n";
  out += step(fmt::format("Run {}, {}: {}", held_by(witness, "base_run"), place_words(witness),
                          decision_words(witness, "before")));
  out += step(change_words(witness));
  out += step(fmt::format("At the same place now: {}", decision_words(witness, "after")));
  if (const Value* token = witness.find("single_token")) {
    out += step(fmt::format("Changing only the token at row {}, position {} reproduces it",
                            held_by(*token, "row"), held_by(*token, "position")));
  }
  out += "</ol>\n";
  const std::string base = witness.text_or("base", ""), run = witness.text_or("run", "");
  if (!base.empty()) out += html_paragraph(fmt::format("Recorded in {} and {}.", base, run), "muted");
  return out;
}

}  // namespace pastonly::report
