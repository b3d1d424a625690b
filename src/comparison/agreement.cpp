#include "comparison/agreement.h"

#include <algorithm>
#include <cmath>

#include "comparison/by_sequence.h"
#include "comparison/near_ties.h"
#include "pastonly/names.h"
#include "stats/parallel.h"

namespace pastonly::comparison {
namespace {

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
  LayerComparer(const Trace& a, const Trace& b, const Alignment& alignment, std::size_t pair)
      : a_(a),
        alignment_(alignment),
        first_(*alignment.layers[pair].first),
        second_(*alignment.layers[pair].second),
        kept_(a.layout.sequences),
        same_(a.layout.sequences),
        drift_(a.layout.sequences),
        near_(a.layout.sequences),
        differing_(a.layout.sequences),
        lost_(a.layout.sequences),
        ties_(a, b, first_, second_, alignment.tokens),
        loads_{std::vector<double>(first_.experts, 0.0), std::vector<double>(first_.experts, 0.0)},
        scored_(first_.scores && second_.scores) {}

  LayerAgreement run(double alpha, std::uint64_t seed) {
    for (const Alignment::Stretch& stretch : alignment_.stretches) add(stretch);
    settle_differences();
    LayerAgreement out;
    out.index = first_.index;
    out.other_index = second_.index;
    out.experts = first_.experts;
    const auto figure = [&](const BySequence& sums, const char* name, const char* unit) {
      return sums.measurement(name, unit, out.index, alpha, seed);
    };
    out.kept = figure(kept_, measurement::routes_kept, "fraction of routes");
    out.same_tokens = figure(same_, measurement::same_experts, "fraction of tokens");
    out.by_chance = chance();
    if (scored_) out.score_drift = figure(drift_, measurement::score_drift, "total variation");
    out.near_ties = figure(near_, measurement::near_ties, "fraction of tokens");
    out.differing_tokens = figure(differing_, measurement::differing_tokens, "fraction of tokens");
    out.lost_routes = figure(lost_, measurement::lost_routes, "fraction of routes");
    out.noise = noise_;
    out.place = std::move(place_);
    out.differing = std::move(differing_tokens_);
    out.near = std::move(near_tokens_);
    return out;
  }

 private:
  struct Differing {
    std::size_t first, second;
    double margin;  ///< between the experts that were exchanged, at most
    double lost;    ///< routes
  };

  void add(const Alignment::Stretch& stretch) {
    const std::size_t experts = first_.experts;
    masks_[0].resize(stretch.count * experts);
    masks_[1].resize(stretch.count * experts);
    read_mask(first_, stretch.first, stretch.count, masks_[0]);
    read_mask(second_, stretch.second, stretch.count, masks_[1]);
    const std::size_t sequence = stretch.first / a_.layout.positions;
    for (std::size_t s = 0; s < stretch.count; ++s) {
      const std::span<const std::uint8_t> one(masks_[0].data() + s * experts, experts);
      const std::span<const std::uint8_t> other(masks_[1].data() + s * experts, experts);
      const bool same = std::ranges::equal(one, other);
      std::size_t routes = 0, common = 0;
      for (std::size_t e = 0; e < experts; ++e) {
        if ((one[e] | other[e]) == 0) continue;
        routes += one[e];
        common += one[e] & other[e];
        loads_[0][e] += one[e];
        loads_[1][e] += other[e];
      }
      tokens_ += 1.0;
      kept_.add(sequence, static_cast<double>(common), static_cast<double>(routes));
      same_.add(sequence, same ? 1.0 : 0.0, 1.0);
      near_.add(sequence, 0.0, 1.0);
      differing_.add(sequence, 0.0, 1.0);
      lost_.add(sequence, 0.0, static_cast<double>(routes));
      if (same)
        ties_.agree(stretch.first + s, stretch.second + s, one);
      else
        differences_.push_back({stretch.first + s, stretch.second + s,
                                ties_.exchanged(stretch.first + s, stretch.second + s, one, other),
                                static_cast<double>(routes - common)});
      if (scored_) add_drift(sequence, stretch.first + s, stretch.second + s);
    }
  }

  void add_drift(std::size_t sequence, std::size_t token, std::size_t other_token) {
    const auto one = read_floats(*first_.scores, token, 1, scratch_[0]);
    const auto other = read_floats(*second_.scores, other_token, 1, scratch_[1]);
    const auto distance = total_variation(one.row(0), other.row(0));
    if (distance)
      drift_.add(sequence, *distance, 1.0);
    else
      scored_ = false;
  }

  /// Once the noise is known.
  void settle_differences() {
    noise_ = ties_.noise();
    for (const Differing& token : differences_) {
      const std::size_t sequence = token.first / a_.layout.positions;
      if (noise_ && token.margin <= *noise_) {
        near_.add(sequence, 1.0, 0.0);
        near_tokens_.push_back(token.first);
        continue;
      }
      differing_.add(sequence, 1.0, 0.0);
      differing_tokens_.push_back(token.first);
      lost_.add(sequence, token.lost, 0.0);
      if (!place_) place_ = place_of(token);
    }
  }

  LayerAgreement::Place place_of(const Differing& token) const {
    LayerAgreement::Place out{token.first, token.second, {}, {}};
    std::vector<std::uint8_t> masks[2] = {std::vector<std::uint8_t>(first_.experts),
                                          std::vector<std::uint8_t>(first_.experts)};
    read_mask(first_, token.first, 1, masks[0]);
    read_mask(second_, token.second, 1, masks[1]);
    for (std::size_t e = 0; e < first_.experts; ++e) {
      if (masks[0][e] > masks[1][e]) out.only_first.push_back(e);
      if (masks[1][e] > masks[0][e]) out.only_second.push_back(e);
    }
    return out;
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
  const Alignment& alignment_;
  const LayerRecord& first_;
  const LayerRecord& second_;
  BySequence kept_, same_, drift_, near_, differing_, lost_;
  NearTies ties_;
  std::vector<Differing> differences_;
  std::vector<std::size_t> differing_tokens_, near_tokens_;
  std::optional<double> noise_;
  std::optional<LayerAgreement::Place> place_;
  std::vector<double> loads_[2];        // (experts) tokens
  std::vector<std::uint8_t> masks_[2];  // (tokens of a stretch, experts)
  std::vector<float> scratch_[2];
  double tokens_ = 0.0;
  bool scored_;
};

}  // namespace

Agreement agreement(const Trace& first, const Trace& second, const Alignment& alignment, double alpha,
                    std::uint64_t seed, const std::function<void()>& layer_done) {
  Agreement out;
  out.tokens_known = alignment.known;
  out.tokens = alignment.tokens;
  out.layers.resize(alignment.layers.size());
  stats::parallel_for(alignment.layers.size(), [&](std::size_t i) {
    out.layers[i] = LayerComparer(first, second, alignment, i).run(alpha, seed);
    layer_done();
  });
  return out;
}

Expected<Agreement> agreement(const Trace& first, const Trace& second, double alpha, std::uint64_t seed) {
  const auto alignment = align(first, second);
  if (!alignment) return tl::unexpected(alignment.error());
  return agreement(first, second, *alignment, alpha, seed);
}

}  // namespace pastonly::comparison
