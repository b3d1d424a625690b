#include "audits/shared/influence_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "comparison/difference.h"
#include "comparison/influence.h"

namespace pastonly::audits {
namespace {

using comparison::Influence;
using comparison::MovedAt;

std::string counted(std::uint64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

/// "12", or "12-15" of a bin.
std::vector<std::string> bin_names(const Influence& map) {
  std::vector<std::string> names;
  for (std::size_t bin = 0; bin < map.bins; ++bin) {
    const std::size_t from = bin * map.width, to = std::min(map.length, from + map.width) - 1;
    names.push_back(from == to ? fmt::format("{}", from) : fmt::format("{}-{}", from, to));
  }
  return names;
}

/// Whether every token that moved was also asked about later tokens than the next one.
bool asked_farther(const Influence& map) {
  for (std::size_t decided = 0; decided < map.bins; ++decided) {
    const double* row = map.share.data() + decided * map.bins;
    if (std::none_of(row, row + map.bins, [](double share) { return share > 0.0; })) continue;
    const std::size_t farther = decided + (map.width == 1 ? 2 : 1);
    if (farther < map.bins &&
        std::all_of(row + farther, row + map.bins, [](double share) { return std::isnan(share); }))
      return false;
  }
  return true;
}

std::string what_changed(const Influence& map, bool decisions, std::size_t trials, bool proven) {
  const std::string_view what =
      decisions ? "routing decisions of a token" : "what the model computes at a token";
  if (map.moved == 0)
    return fmt::format(
        "Nothing is red: {} before a cut, in {}, are decided as before when later tokens are redrawn.",
        counted(map.asked, "token"), counted(trials, "trial"));
  std::string out =
      fmt::format("Red: {} changed although every token up to it stayed: at {} of {} tokens asked, over {}. ",
                  what, map.moved, map.asked, counted(trials, "trial"));
  if (!proven) out += "It is not proven that the later tokens did it: see the findings. ";
  const auto& far = *map.farthest;
  if (far.distance() == 1)
    return out + (asked_farther(map)
                      ? "No change needed more than the very next token."
                      : "Of some only the very next token was asked about: farther ones may matter as well.");
  out += fmt::format("The farthest: position {} changed with nothing redrawn before position {}.",
                     far.decided, far.redrawn);
  return out;
}

}  // namespace

std::optional<Chart> influence_chart(std::span<const comparison::Trial> trials, bool proven) {
  if (trials.empty()) return std::nullopt;
  const bool routed = !trials.front().of.compared->reference->base.layers.empty();
  const bool decisions =
      routed && (comparison::moves(trials, MovedAt::decision) || !comparison::moves(trials, MovedAt::number));
  const Influence map =
      comparison::influence(trials, decisions ? MovedAt::decision : MovedAt::decision | MovedAt::number);
  if (map.asked == 0) return std::nullopt;
  Chart chart;
  chart.id = "influence";
  chart.title =
      decisions ? "which later tokens change which decisions" : "which later tokens change which tokens";
  chart.x = "position of the first redrawn token";
  chart.y = "position decided";
  chart.unit = map.width == 1 ? "of trials" : "of tokens asked";
  chart.rows = chart.columns = bin_names(map);
  chart.values = map.share;
  chart.forbidden = true;
  chart.about =
      what_changed(map, decisions, trials.size(), proven) +
      " A trial redraws every token from its first one on, so a cell accuses that token or a later "
      "one. Grey: not asked, because no trial began there, or because the past may change a "
      "decision (below the diagonal). Runs that redraw several rows at once are no trials here: what "
      "they change may come from another row.";
  if (map.width > 1) chart.about += fmt::format(" A cell holds {} by {} positions.", map.width, map.width);
  return chart;
}

}  // namespace pastonly::audits
