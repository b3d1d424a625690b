#include "report/coverage_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string_view>

#include "pastonly/names.h"
#include "report/paragraph.h"
#include "report/text_table.h"
#include "report/words.h"

namespace pastonly::report {
namespace {

std::string range_text(std::uint64_t least, std::uint64_t most) {
  return least == most ? fmt::format("{}", least) : fmt::format("{} to {}", least, most);
}

std::string percent_text(double share) { return fmt::format("{:.0f}%", 100.0 * share); }

/// The least and the largest share of redrawn tokens that are routed otherwise, over the layers.
std::optional<std::pair<double, double>> moved_range(const Report& report) {
  std::optional<std::pair<double, double>> out;
  for (const auto& check : report.checks) {
    if (check.id != check_id::causal_mask) continue;
    for (const Measurement& m : check.measurements) {
      if (m.name != measurement::moved_after_cut) continue;
      if (!out) out = {m.value, m.value};
      out = {std::min(out->first, m.value), std::max(out->second, m.value)};
    }
  }
  return out;
}

std::string figures(const Report& report, const TextStyle& style) {
  const Coverage& seen = report.detection_limit->coverage;
  std::vector<Row> rows{{"covered", "", ""}};
  rows.push_back({"cuts", fmt::format("at {} of {}", range_text(seen.least_cut, seen.most_cut), seen.length),
                  "the first redrawn token"});
  rows.push_back({"tokens before the cut", range_text(seen.least_before, seen.most_before), ""});
  rows.push_back({"distances", fmt::format("1 to {}", seen.farthest),
                  "from a compared decision to a redrawn token, at most"});
  rows.push_back({"positions", percent_text(seen.positions), "of a row at which decisions were compared"});
  rows.push_back(
      {"next tokens", percent_text(seen.next_token), "of the positions: the very next token was redrawn"});
  rows.push_back({"pairs", percent_text(seen.pairs), "of all (position, later position)"});
  if (seen.ids_before > 0) {
    const std::string all = report.subject.vocab ? fmt::format("of {} token ids", *report.subject.vocab)
                                                 : std::string("token ids");
    rows.push_back({"tokens", fmt::format("{} before, {} redrawn", seen.ids_before, seen.ids_redrawn),
                    fmt::format("{} stood before a cut, or were redrawn", all)});
  }
  if (seen.special > 0)
    rows.push_back({"special tokens",
                    fmt::format("{} before, {} redrawn", seen.special_before, seen.special_redrawn),
                    fmt::format("of {}", seen.special)});
  if (const auto moved = moved_range(report)) {
    const bool same = percent_text(moved->first) == percent_text(moved->second);
    rows.push_back({"moved after the cut",
                    same ? percent_text(moved->first)
                         : fmt::format("{} to {}", percent_text(moved->first), percent_text(moved->second)),
                    "of redrawn tokens are routed otherwise, by layer"});
  }
  return aligned(rows, style.color);
}

std::string band_name(std::size_t band, std::size_t length) {
  const std::size_t first = std::size_t{1} << band, last = std::min(2 * first - 1, length - 1);
  return first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last);
}

/// A cell of the picture: empty, four steps, full.
std::string shade(double share, std::size_t width) {
  static constexpr std::array<std::string_view, 5> steps{"·", "░", "▒", "▓", "█"};
  if (share < 0.0) return std::string(width, ' ');
  const auto step = share <= 0.0 ? 0 : share >= 1.0 ? 4 : 1 + std::min(2, static_cast<int>(share * 3.0));
  std::string out;
  for (std::size_t i = 0; i < width; ++i) out += steps[static_cast<std::size_t>(step)];
  return out;
}

std::string picture(const Coverage& seen, const TextStyle& style) {
  constexpr std::size_t cell = 4;
  std::vector<Row> rows{{"decisions at"}};
  for (std::size_t d = 0; d < seen.map.front().size(); ++d) rows.front().push_back(band_name(d, seen.length));
  const std::size_t bands = seen.map.size();
  for (std::size_t band = 0; band < bands; ++band) {
    // Position p is in band p * bands / (length - 1), rounded down.
    const std::size_t places = seen.length - 1;
    const std::size_t first = (band * places + bands - 1) / bands;
    const std::size_t last = ((band + 1) * places + bands - 1) / bands - 1;
    Row& row =
        rows.emplace_back(Row{first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last)});
    for (const double share : seen.map[band]) row.push_back(shade(share, cell));
  }
  return aligned(rows, style.color) + table_note(
                                          "Columns: distance to a redrawn token. Shade: share of (decision, "
                                          "redrawn token) pairs that some "
                                          "trial covers, from · none to █ all.",
                                          style.width);
}

}  // namespace

std::string coverage_table(const Report& report, const TextStyle& style) {
  if (!report.detection_limit || report.detection_limit->trial_rate >= 1.0) return "";
  if (report.detection_limit->coverage.map.empty()) return "";
  return "\n" + inked("Coverage", Ink::bold, style.color) + "\n" + figures(report, style) +
         picture(report.detection_limit->coverage, style);
}

}  // namespace pastonly::report
