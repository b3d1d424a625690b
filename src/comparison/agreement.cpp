#include "comparison/agreement.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "comparison/common_positions.h"
#include "stats/bootstrap.h"
#include "stats/parallel.h"

namespace pastonly::comparison {
namespace {

/// Sums of one figure by sequence, and what they are shares of.
struct BySequence {
  explicit BySequence(std::size_t sequences) : sums(sequences, 0.0), weights(sequences, 0.0) {}
  void add(std::size_t sequence, double sum, double weight) {
    sums[sequence] += sum;
    weights[sequence] += weight;
  }
  Measurement measurement(std::string name, std::string unit, LayerIndex layer, double alpha,
                          std::uint64_t seed) const {
    double sum = 0.0, weight = 0.0;
    for (std::size_t i = 0; i < sums.size(); ++i) {
      sum += sums[i];
      weight += weights[i];
    }
    Measurement out{std::move(name), weight > 0.0 ? sum / weight : 0.0,  {},   {},
                    std::move(unit), static_cast<std::uint64_t>(weight), layer};
    if (const auto interval = stats::bootstrap_ratio(sums, weights, {alpha, 2000, seed, raw(layer)})) {
      out.lower = interval->lower;
      out.upper = interval->upper;
    }
    return out;
  }

  std::vector<double> sums, weights;  // (sequences)
};

/// Half the sum of |p - q|, scores divided by their sums; nullopt where they are no shares.
std::optional<double> total_variation(std::span<const float> first, std::span<const float> second) {
  double sums[2] = {0.0, 0.0};
  for (std::size_t e = 0; e < first.size(); ++e) {
    if (!(first[e] >= 0.0F) || !(second[e] >= 0.0F)) return std::nullopt;
    sums[0] += static_cast<double>(first[e]);
    sums[1] += static_cast<double>(second[e]);
  }
  if (!(sums[0] > 0.0) || !(sums[1] > 0.0) || !std::isfinite(sums[0] + sums[1])) return std::nullopt;
  double distance = 0.0;
  for (std::size_t e = 0; e < first.size(); ++e)
    distance += std::abs(static_cast<double>(first[e]) / sums[0] - static_cast<double>(second[e]) / sums[1]);
  return distance / 2.0;
}

class LayerComparer {
 public:
  LayerComparer(const Trace& a, const Trace& b, const LayerRecord& first, const LayerRecord& second)
      : a_(a),
        b_(b),
        first_(first),
        second_(second),
        kept_(a.layout.sequences),
        same_(a.layout.sequences),
        drift_(a.layout.sequences),
        loads_{std::vector<double>(first.experts, 0.0), std::vector<double>(first.experts, 0.0)},
        scored_(first.scores && second.scores) {}

  LayerAgreement run(double alpha, std::uint64_t seed) {
    for (std::size_t sequence = 0; sequence < a_.layout.sequences; ++sequence) add(sequence);
    LayerAgreement out;
    out.index = first_.index;
    out.experts = first_.experts;
    out.kept = kept_.measurement("routes_kept", "fraction of routes", out.index, alpha, seed);
    out.same_tokens = same_.measurement("same_experts", "fraction of tokens", out.index, alpha, seed);
    out.by_chance = chance();
    if (scored_)
      out.score_drift = drift_.measurement("score_drift", "total variation", out.index, alpha, seed);
    return out;
  }

 private:
  void add(std::size_t sequence) {
    const std::size_t positions = a_.layout.positions, experts = first_.experts;
    const std::size_t begin = sequence * positions;
    masks_[0].resize(positions * experts);
    masks_[1].resize(positions * experts);
    read_mask(first_, begin, positions, masks_[0]);
    read_mask(second_, begin, positions, masks_[1]);
    for (std::size_t s = 0; s < positions; ++s) {
      if (!a_.is_valid(begin + s) || !b_.is_valid(begin + s)) continue;
      const std::span one(masks_[0].data() + s * experts, experts);
      const std::span other(masks_[1].data() + s * experts, experts);
      std::size_t routes = 0, common = 0;
      for (std::size_t e = 0; e < experts; ++e) {
        routes += one[e];
        common += one[e] & other[e];
        loads_[0][e] += one[e];
        loads_[1][e] += other[e];
      }
      tokens_ += 1.0;
      kept_.add(sequence, static_cast<double>(common), static_cast<double>(routes));
      same_.add(sequence, std::ranges::equal(one, other) ? 1.0 : 0.0, 1.0);
      if (scored_) add_drift(sequence, begin + s);
    }
  }

  void add_drift(std::size_t sequence, std::size_t token) {
    const auto one = read_floats(*first_.scores, token, 1, scratch_[0]);
    const auto other = read_floats(*second_.scores, token, 1, scratch_[1]);
    const auto distance = total_variation(one.row(0), other.row(0));
    if (distance)
      drift_.add(sequence, *distance, 1.0);
    else
      scored_ = false;
  }

  /// Of routes (t, e) of the first, the share that the second would make if it gave expert e as many tokens
  /// as it does, whichever they are.
  double chance() const {
    double routes = 0.0, met = 0.0;
    for (std::size_t e = 0; e < first_.experts; ++e) {
      routes += loads_[0][e];
      met += loads_[0][e] * loads_[1][e];
    }
    return routes > 0.0 ? met / (tokens_ * routes) : 0.0;
  }

  const Trace& a_;
  const Trace& b_;
  const LayerRecord& first_;
  const LayerRecord& second_;
  BySequence kept_, same_, drift_;
  std::vector<double> loads_[2];        // (experts) tokens
  std::vector<std::uint8_t> masks_[2];  // (positions, experts)
  std::vector<float> scratch_[2];
  double tokens_ = 0.0;
  bool scored_;
};

std::string shape(const Layout& layout) { return fmt::format("{} x {}", layout.sequences, layout.positions); }

Expected<void> check_tokens(const Trace& first, const Trace& second) {
  if (first.tokens.empty() || second.tokens.empty()) return {};
  for (std::size_t token = 0; token < first.layout.tokens(); ++token) {
    const std::int64_t one = first.tokens[token], other = second.tokens[token];
    // Padding may be anything.
    if (one == other || !first.is_valid(token) || !second.is_valid(token)) continue;
    return input_error(fmt::format(
        "{} and {}: row {} position {} holds token {} in one and {} in the other; compare runs of the same "
        "tokens",
        first.path, second.path, token / first.layout.positions, token % first.layout.positions, one, other));
  }
  return {};
}

}  // namespace

Expected<Agreement> agreement(const Trace& first, const Trace& second, double alpha, std::uint64_t seed) {
  const std::size_t mine = first.layout.positions, its = second.layout.positions;
  if (const std::size_t common = std::min(mine, its); mine != its && common > 0) {
    const Trace& longer = mine > its ? first : second;
    const bool padded = padding_behind(longer, common);
    if (padded || longer.layout.positions == common + 1) {
      auto agreed = mine > its ? agreement(first_positions(first, common), second, alpha, seed)
                               : agreement(first, first_positions(second, common), alpha, seed);
      if (agreed) agreed->last_position_left_out = !padded;
      return agreed;
    }
  }
  if (first.layout.sequences != second.layout.sequences || mine != its) {
    return input_error(fmt::format("{} holds {} tokens and {} {}; compare runs of the same tokens",
                                   first.path, shape(first.layout), second.path, shape(second.layout)));
  }
  if (auto same = check_tokens(first, second); !same) return tl::unexpected(same.error());
  Agreement out;
  out.tokens_known = !first.tokens.empty() && !second.tokens.empty();
  for (std::size_t token = 0; token < first.layout.tokens(); ++token) {
    out.tokens += first.is_valid(token) && second.is_valid(token) ? 1 : 0;
  }
  if (out.tokens == 0)
    return input_error(fmt::format("{} and {}: no token is valid in both", first.path, second.path));
  std::vector<std::pair<const LayerRecord*, const LayerRecord*>> pairs;
  for (const LayerRecord& layer : first.layers) {
    const auto other = std::ranges::find(second.layers, layer.index, &LayerRecord::index);
    if (other == second.layers.end()) continue;
    if (other->experts != layer.experts) {
      return input_error(fmt::format("layer {}: {} has {} experts and {} has {}", raw(layer.index),
                                     first.path, layer.experts, second.path, other->experts));
    }
    pairs.emplace_back(&layer, &*other);
  }
  if (pairs.empty())
    return input_error(fmt::format("{} and {}: no layer is recorded in both", first.path, second.path));
  out.layers.resize(pairs.size());
  stats::parallel_for(pairs.size(), [&](std::size_t i) {
    out.layers[i] = LayerComparer(first, second, *pairs[i].first, *pairs[i].second).run(alpha, seed);
  });
  return out;
}

}  // namespace pastonly::comparison
