#include "comparison/agreement.h"

#include <cmath>
#include <cstring>

#include "comparison/by_sequence.h"
#include "comparison/near_ties.h"
#include "kernels/bit_counts.h"
#include "kernels/score_sums.h"
#include "pastonly/names.h"
#include "stats/parallel.h"

namespace pastonly::comparison {
namespace {

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
        loads_{std::vector<std::uint64_t>(first_.experts, 0), std::vector<std::uint64_t>(first_.experts, 0)},
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
    const std::size_t sequence = stretch.first / a_.layout.positions;
    read(first_, stretch.first, stretch.count, 0);
    read(second_, stretch.second, stretch.count, 1);
    std::uint64_t routes = 0, lost = 0, same = 0;
    for (std::size_t s = 0; s < stretch.count; ++s) {
      const std::span<const std::uint8_t> one(masks_[0].data() + s * experts, experts);
      const std::span<const std::uint8_t> other(masks_[1].data() + s * experts, experts);
      routes += routes_[s];
      if (std::memcmp(one.data(), other.data(), experts) == 0) {
        ++same;
        ties_.agree(stretch.first + s, stretch.second + s, one);
        continue;
      }
      const std::size_t token_lost = lost_routes(one, other);
      lost += token_lost;
      differences_.push_back({stretch.first + s, stretch.second + s,
                              ties_.exchanged(stretch.first + s, stretch.second + s, one, other),
                              static_cast<double>(token_lost)});
    }
    const auto tokens = static_cast<double>(stretch.count), all_routes = static_cast<double>(routes);
    tokens_ += tokens;
    kept_.add(sequence, static_cast<double>(routes - lost), all_routes);
    same_.add(sequence, static_cast<double>(same), tokens);
    near_.add(sequence, 0.0, tokens);
    differing_.add(sequence, 0.0, tokens);
    lost_.add(sequence, 0.0, all_routes);
    if (scored_) add_drift(sequence, stretch);
  }

  /// The masks of one side, their loads, and how many routes each token of the first has.
  void read(const LayerRecord& layer, std::size_t first, std::size_t count, std::size_t side) {
    auto& mask = masks_[side];
    mask.resize(count * layer.experts);
    read_mask(layer, first, count, mask);
    kernels::add_column_ones(mask.data(), count, layer.experts, loads_[side].data());
    if (side != 0) return;
    routes_.resize(count);
    kernels::count_row_ones(mask.data(), count, layer.experts, routes_.data());
  }

  static std::size_t lost_routes(std::span<const std::uint8_t> one, std::span<const std::uint8_t> other) {
    std::size_t lost = 0;
    for (std::size_t e = 0; e < one.size(); ++e) lost += one[e] > other[e] ? 1 : 0;
    return lost;
  }

  void add_drift(std::size_t sequence, const Alignment::Stretch& stretch) {
    const auto one = read_floats(*first_.scores, stretch.first, stretch.count, scratch_[0]);
    const auto other = read_floats(*second_.scores, stretch.second, stretch.count, scratch_[1]);
    double drift = 0.0;
    for (std::size_t s = 0; s < stretch.count; ++s)
      drift += kernels::total_variation(one.row(s).data(), other.row(s).data(), first_.experts);
    scored_ = !std::isnan(drift);
    drift_.add(sequence, drift, static_cast<double>(stretch.count));
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
      const auto load = static_cast<double>(loads_[0][e]);
      routes += load;
      met += load * static_cast<double>(loads_[1][e]);
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
  std::vector<std::uint64_t> loads_[2];  // (experts) tokens
  std::vector<std::uint32_t> routes_;    // (tokens of a stretch) of the first
  std::vector<std::uint8_t> masks_[2];   // (tokens of a stretch, experts)
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
