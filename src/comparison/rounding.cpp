#include "comparison/rounding.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "kernels/elementary.h"

namespace pastonly::comparison {
namespace {

constexpr double plain_share = 0.95;

/// The scores of the tokens that flipped.
class ScoreLookup {
 public:
  ScoreLookup(const Trace& base, const LayerRecord& layer) : base_(base), layer_(layer) {}
  double operator()(const Flip& flip, std::size_t expert) { return double{row(flip)[expert]}; }
  std::span<const float> row(const Flip& flip) {
    return read_floats(*layer_.ranking(), base_.layout.token(flip.row, flip.position), 1, scratch_).row(0);
  }

 private:
  const Trace& base_;
  const LayerRecord& layer_;
  std::vector<float> scratch_;
};

/// Whether another expert of the flip's token scores within `reach`, with the recorded bias or without.
bool tied(const LayerRecord& layer, std::span<const float> scores, std::size_t expert, double reach) {
  for (std::size_t e = 0; e < layer.experts; ++e) {
    if (e == expert) continue;
    const double gap = double{scores[e]} - double{scores[expert]};
    const double offset = layer.bias.empty() ? 0.0 : double{layer.bias[e]} - double{layer.bias[expert]};
    if (std::min(std::abs(gap), std::abs(gap + offset)) <= reach) return true;
  }
  return false;
}

/// What the decisions of the base say of the boundary of s_i - s_j between "i, not j" and "j, not i".
struct Boundary {
  double lowest_chosen = std::numeric_limits<double>::infinity();  ///< least s_i - s_j with i chosen, j not
  double highest_refused = -std::numeric_limits<double>::infinity();  ///< largest with j chosen, i not
};
using Pair = std::pair<std::size_t, std::size_t>;

/// Whether a token's chosen experts are its best by score.
bool plain(std::span<const std::uint8_t> mask, std::span<const float> scores) {
  float worst = std::numeric_limits<float>::infinity(), best = -worst;
  for (std::size_t e = 0; e < scores.size(); ++e) {
    if (mask[e]) worst = std::min(worst, scores[e]);
    if (!mask[e]) best = std::max(best, scores[e]);
  }
  return worst >= best;
}

/// How the tokens that did not flip choose.
struct Choices {
  /// The best by score, up to a planted exception: then there is no bias, and a boundary anywhere but at 0
  /// explains nothing.
  bool unbiased = false;
  /// Tokens whose last choice and first refusal stand as close as scores were seen to move, wherever a bias
  /// puts the boundary between them, were all scores of a token spread evenly: at most so many exchanges are
  /// rounding's.
  double expected_ties = 0.0;
};

/// Fills in the boundaries of the pairs asked for, from all tokens of the regions but those that flipped.
Choices learn_boundaries(const RoundingContext& context, std::span<const Flip> flips,
                         std::map<Pair, Boundary>& boundaries) {
  const std::size_t experts = context.layer.experts;
  std::vector<std::uint8_t> mask;
  std::vector<float> scratch;
  std::size_t tokens = 0, plain_tokens = 0;
  Choices out;
  std::set<std::pair<std::size_t, std::size_t>> flipped;  // (row, position)
  for (const Flip& flip : flips) flipped.emplace(flip.row, flip.position);
  for (const Region& region : context.regions) {
    const std::size_t first = region.base_row * context.base.layout.positions;
    mask.resize(region.positions * experts);
    read_mask(context.layer, first, region.positions, mask);
    const auto scores = read_floats(*context.layer.ranking(), first, region.positions, scratch);
    for (std::size_t s = 0; s < region.positions; ++s) {
      if (flipped.contains({region.base_row, s})) continue;
      ++tokens;
      plain_tokens += plain({&mask[s * experts], experts}, scores.row(s)) ? 1 : 0;
      const auto [least, most] = std::ranges::minmax(scores.row(s));
      const double spacing = (double{most} - double{least}) / static_cast<double>(experts);
      out.expected_ties += std::min(1.0, 4.0 * context.movement / std::max(spacing, 1e-300));
      for (auto& [pair, boundary] : boundaries) {
        const bool i = mask[s * experts + pair.first] != 0, j = mask[s * experts + pair.second] != 0;
        const double gap = double{scores(s, pair.first)} - double{scores(s, pair.second)};
        if (i && !j) boundary.lowest_chosen = std::min(boundary.lowest_chosen, gap);
        if (j && !i) boundary.highest_refused = std::max(boundary.highest_refused, gap);
      }
    }
  }
  out.unbiased = static_cast<double>(plain_tokens) >= plain_share * static_cast<double>(tokens);
  return out;
}

/// Whether so many events, or more, happen at least once in 10,000 where `mean` are expected (Poisson).
bool likely(std::size_t events, double mean) {
  if (mean > 500.0) return static_cast<double>(events) <= mean + 4.0 * std::sqrt(mean);
  double term = kernels::exp(-mean), below = 0.0;
  for (std::size_t i = 0; i < events && below < 1.0; ++i) {
    below += term;
    term *= mean / static_cast<double>(i + 1);
  }
  return 1.0 - below >= 1e-4;
}

/// Whether another token of the regions scores so close for the flip's expert that what was seen to move
/// could have changed their order. Rules that rank tokens as they come flip one of two such tokens only.
bool near_neighbour(const RoundingContext& context, const Flip& flip, double own) {
  std::vector<float> scratch;
  const std::size_t token = context.base.layout.token(flip.row, flip.position);
  for (const Region& region : context.regions) {
    const std::size_t first = context.base.layout.token(region.base_row, 0);
    const auto scores = read_floats(*context.layer.ranking(), first, region.positions, scratch);
    for (std::size_t s = 0; s < region.positions; ++s) {
      const double gap = std::abs(double{scores(s, flip.expert)} - own);
      if (first + s != token && gap <= 4.0 * context.movement) return true;
    }
  }
  return false;
}

bool same_token(const Flip& a, const Flip& b) { return a.row == b.row && a.position == b.position; }

}  // namespace

std::vector<bool> exchanged(std::span<const Flip> flips) {
  std::vector<bool> out(flips.size(), false);
  for (std::size_t first = 0, end = 0; first < flips.size(); first = end) {
    bool in = false, gone = false;
    for (end = first; end < flips.size() && same_token(flips[first], flips[end]); ++end)
      (flips[end].after ? in : gone) = true;
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(first),
              out.begin() + static_cast<std::ptrdiff_t>(end), in && gone);
  }
  return out;
}

std::vector<bool> tell_rounding(const RoundingContext& context, std::span<const Flip> flips) {
  std::vector<bool> out(flips.size(), false);
  ScoreLookup score(context.base, context.layer);
  // A tie with another expert of the token, which may have been taken in exchange and dropped.
  for (std::size_t i = 0; i < flips.size(); ++i)
    out[i] = tied(context.layer, score.row(flips[i]), flips[i].expert, 2.0 * context.tolerance);
  // Flips come token by token, so exchanges lie next to each other.
  std::map<Pair, Boundary> boundaries;
  const auto each_exchange = [&](auto&& visit) {
    for (std::size_t a = 0; a < flips.size(); ++a) {
      for (std::size_t b = a + 1; b < flips.size() && same_token(flips[a], flips[b]); ++b) {
        if (flips[a].after != flips[b].after) visit(flips[a].after ? b : a, flips[a].after ? a : b);
      }
    }
  };
  each_exchange([&](std::size_t gone, std::size_t in) {
    boundaries[{flips[gone].expert, flips[in].expert}];
  });
  Choices choices;
  if (!boundaries.empty()) choices = learn_boundaries(context, flips, boundaries);
  std::vector<std::pair<std::size_t, std::size_t>> fitting;
  each_exchange([&](std::size_t gone, std::size_t in) {
    const Boundary& boundary = boundaries[{flips[gone].expert, flips[in].expert}];
    const double gap = score(flips[gone], flips[gone].expert) - score(flips[in], flips[in].expert);
    const bool fits = gap <= boundary.lowest_chosen + 2.0 * context.tolerance &&
                      gap >= boundary.highest_refused - 2.0 * context.tolerance;
    const bool tie = out[gone] && out[in];
    if (fits && !tie && !choices.unbiased && context.layer.bias.empty()) fitting.emplace_back(gone, in);
  });
  if (likely(fitting.size(), choices.expected_ties)) {
    for (const auto& [gone, in] : fitting) out[gone] = out[in] = true;
  }
  if (!context.slots) return out;
  // Two tokens that changed places in one expert's column.
  std::map<std::size_t, std::vector<std::size_t>> columns;
  for (std::size_t i = 0; i < flips.size(); ++i) columns[flips[i].expert].push_back(i);
  for (const auto& [expert, column] : columns) {
    std::vector<std::pair<double, std::size_t>> sorted;
    for (const std::size_t i : column) sorted.emplace_back(score(flips[i], expert), i);
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t a = 0; a < sorted.size(); ++a) {
      for (std::size_t b = a + 1; b < sorted.size(); ++b) {
        if (sorted[b].first - sorted[a].first > 2.0 * context.tolerance) break;
        const std::size_t i = sorted[a].second, j = sorted[b].second;
        if (flips[i].after != flips[j].after) out[i] = out[j] = true;
      }
    }
  }
  const auto in_exchange = exchanged(flips);
  for (std::size_t i = 0; i < flips.size(); ++i) {
    if (!out[i] && !in_exchange[i] && near_neighbour(context, flips[i], score(flips[i], flips[i].expert)))
      out[i] = true;
  }
  return out;
}

std::vector<bool> crossed(const Trace& base, const LayerRecord& layer, std::span<const Flip> flips) {
  std::vector<bool> out(flips.size(), false);
  ScoreLookup score(base, layer);
  for (std::size_t i = 0; i < flips.size(); ++i)
    out[i] = tied(layer, score.row(flips[i]), flips[i].expert, 2.0 * flips[i].moved);
  return out;
}

}  // namespace pastonly::comparison
