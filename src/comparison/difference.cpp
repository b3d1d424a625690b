#include "comparison/difference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <tuple>

#include "comparison/rounding.h"
#include "comparison/unit_sums.h"

namespace pastonly::comparison {
namespace {

double distance(double a, double b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return 0.0;
  const double d = std::abs(a - b);
  return std::isnan(d) ? std::numeric_limits<double>::infinity() : d;
}

bool padded(const Trace& trace, std::size_t token) { return !trace.is_valid(token); }

/// One row of one layer of one run.
struct RowView {
  std::vector<std::uint8_t> mask;  // (positions, experts)
  std::vector<float> score_scratch;
  MatrixView<const float> scores;  // (positions, experts), empty where not recorded
  std::vector<float> gates;        // (positions, experts), empty where not recorded

  void read(const Trace& trace, const LayerRecord& layer, std::size_t row, std::size_t positions, bool scored,
            bool gated) {
    const std::size_t first = row * trace.layout.positions;
    mask.resize(positions * layer.experts);
    read_mask(layer, first, positions, mask);
    if (scored) scores = read_floats(*layer.ranking(), first, positions, score_scratch);
    gates.resize(gated ? positions * layer.experts : 0);
    if (gated) read_gates(layer, first, positions, gates);
  }
};

/// A movement that is infinite or not a number is large, and sums go on.
double bounded(double movement) { return std::min(movement, 1e300); }

/// Fills Difference::moved_at.
class MovedPlaces {
 public:
  MovedPlaces(std::span<const Region> regions, Difference& out) : regions_(regions), out_(out) {
    out_.moved_at.resize(regions.size());
  }
  void add(std::size_t region, std::size_t position, std::uint8_t how) {
    auto& places = out_.moved_at[region];
    if (places.empty()) places.assign(regions_[region].positions, 0);
    places[position] |= how;
  }

 private:
  std::span<const Region> regions_;
  Difference& out_;
};

/// Compares one layer of two runs; `excused` holds per base row the position from which on differences may
/// follow from an earlier layer's rounding flip, and is lowered by what is found here.
class LayerComparison {
 public:
  LayerComparison(const Trace& base, const Trace& run, std::size_t layer, const Tolerances& tolerances,
                  std::vector<std::size_t>& excused, std::vector<std::size_t>& flipped, MovedPlaces& places)
      : base_(base),
        run_(run),
        base_layer_(base.layers[layer]),
        run_layer_(run.layers[layer]),
        tolerance_(tolerances.layers[layer]),
        gross_(tolerances.gross),
        excused_(excused),
        flipped_(flipped),
        flipped_here_(flipped),
        places_(places) {
    out_.scored = base_layer_.ranking() != nullptr && run_layer_.ranking() != nullptr;
    gated_ = base_layer_.gates.has_value() && run_layer_.gates.has_value();
  }

  LayerDifference compare(std::span<const Region> regions, const UnitLengths& lengths) {
    static const std::vector<std::size_t> none;
    for (std::size_t i = 0; i < regions.size(); ++i) {
      const Region& region = regions[i];
      const auto& asked = lengths.empty() ? none : lengths[region.base_row];
      const std::size_t counted = std::min(region.positions, excused_[region.base_row]);
      // What is excused still belongs to the units: other runs are excused elsewhere.
      const std::size_t positions = asked.empty() ? counted : region.positions;
      units_.emplace_back(asked, region.positions);
      if (positions == 0) continue;
      before_.read(base_, base_layer_, region.base_row, positions, out_.scored, gated_);
      after_.read(run_, run_layer_, region.run_row, positions, out_.scored, gated_);
      for (std::size_t s = 0; s < positions; ++s) token(i, region, s, s < counted);
    }
    settle(regions);
    flipped_ = std::move(flipped_here_);
    if (!lengths.empty()) {
      for (const UnitSums& unit : units_) out_.units.push_back(unit.sums());
    }
    return std::move(out_);
  }

 private:
  void token(std::size_t index, const Region& region, std::size_t s, bool counted) {
    if (padded(base_, base_.layout.token(region.base_row, s)) ||
        padded(run_, run_.layout.token(region.run_row, s))) {
      return;
    }
    const std::size_t experts = base_layer_.experts;
    double moved = 0.0;
    std::size_t where = 0;
    for (std::size_t e = 0; out_.scored && e < experts; ++e) {
      const double d = distance(before_.scores(s, e), after_.scores(s, e));
      if (d > moved) moved = d, where = e;
    }
    const GateChange gate = gated_ ? gate_change(s) : GateChange{};
    if (UnitChange* unit = units_[index].at(s)) {
      unit->movement = bounded(moved);
      unit->gates = bounded(gate.largest);
      for (std::size_t e = 0; e < experts; ++e)
        unit->flips += before_.mask[s * experts + e] != after_.mask[s * experts + e];
      const auto farther = [&](double tolerances) {
        return counted &&
               (moved > tolerances * tolerance_.scores || gate.largest > tolerances * tolerance_.gates);
      };
      unit->beyond = farther(1.0) ? 1.0 : 0.0;
      unit->gross = first_hand(region.base_row, s) && farther(gross_) ? 1.0 : 0.0;
      if (unit->flips > 0.0) flipped_here_[region.base_row] = std::min(flipped_here_[region.base_row], s);
    }
    if (!counted) return;
    ++out_.tokens;
    out_.decisions += experts;
    out_.largest_score = std::max(out_.largest_score, moved);
    const bool beyond = moved > tolerance_.scores;
    if (beyond || gate.largest > tolerance_.gates) places_.add(index, s, MovedAt::number);
    if (beyond) {
      if (out_.scores_moved++ == 0) {
        drift(Drift::What::scores, region, s, where, before_.scores(s, where), after_.scores(s, where));
      }
    } else if (moved > 0.0) {
      ++out_.scores_rounded;
      movement_ = std::max(movement_, moved);
    }
    bool own = decisions(index, region, s, moved, beyond);
    if (gated_) own = gates(gate, region, s) || own;
    if (own && !beyond && out_.scored) ++out_.own_changes;
  }

  /// Returns whether a flip counts for sure.
  bool decisions(std::size_t index, const Region& region, std::size_t s, double moved, bool beyond) {
    const std::size_t experts = base_layer_.experts;
    bool counted = false;
    std::size_t chosen_before = 0, chosen_after = 0;
    for (std::size_t e = 0; e < experts; ++e) {
      const bool was = before_.mask[s * experts + e] != 0;
      const bool is = after_.mask[s * experts + e] != 0;
      chosen_before += was ? 1 : 0;
      chosen_after += is ? 1 : 0;
      if (was == is) continue;
      const Flip flip{region.base_row, region.run_row, s, e, is, !beyond, moved, index};
      if (out_.scored && !beyond && moved > 0.0) {
        doubtful_.push_back(flip);
      } else {
        certain_.push_back(flip);
        counted = true;
      }
    }
    out_.routes += chosen_before;
    if (!experts_per_token_) experts_per_token_ = chosen_before;
    slots_ = slots_ || chosen_before != *experts_per_token_ || chosen_after != *experts_per_token_;
    return counted;
  }

  struct GateChange {
    double largest = 0.0;  ///< of a token whose experts are the same in both runs; else 0
    std::size_t where = 0;
  };
  /// A flip changes the gates of the whole token where they are renormalised: the flip says it all.
  GateChange gate_change(std::size_t s) const {
    const std::size_t experts = base_layer_.experts;
    GateChange out;
    for (std::size_t e = 0; e < experts; ++e) {
      const std::size_t at = s * experts + e;
      const bool was = before_.mask[at] != 0, is = after_.mask[at] != 0;
      if (was != is) return {};
      if (!was) continue;
      const double d = distance(before_.gates[at], after_.gates[at]);
      if (d > out.largest) out = {d, e};
    }
    return out;
  }

  bool gates(const GateChange& change, const Region& region, std::size_t s) {
    out_.largest_gate = std::max(out_.largest_gate, change.largest);
    if (!(change.largest > tolerance_.gates)) return false;
    if (out_.gates_moved++ == 0) {
      const std::size_t at = s * base_layer_.experts + change.where;
      drift(Drift::What::gates, region, s, change.where, before_.gates[at], after_.gates[at]);
    }
    return true;
  }

  void drift(Drift::What what, const Region& region, std::size_t s, std::size_t expert, double before,
             double after) {
    out_.first_drifts.push_back({what, region.base_row, region.run_row, s, expert, before, after});
  }

  /// Whether no earlier layer decided otherwise at this token or before: what follows from a decision may be
  /// large whatever the decision's own cause.
  bool first_hand(std::size_t row, std::size_t position) const { return position < flipped_[row]; }

  /// Tells rounding from change among the doubtful flips, then what rounding may have caused.
  void settle(std::span<const Region> regions) {
    std::vector<Flip> rounding;
    if (!doubtful_.empty()) {
      const auto is_rounding =
          tell_rounding({base_, base_layer_, regions, tolerance_.scores, movement_, slots_}, doubtful_);
      for (std::size_t i = 0; i < doubtful_.size(); ++i) {
        (is_rounding[i] ? rounding : certain_).push_back(doubtful_[i]);
        if (!is_rounding[i] && (i == 0 || doubtful_[i].position != doubtful_[i - 1].position))
          ++out_.own_changes;
      }
    }
    if (!out_.scored && certain_.size() * unscored_share <= out_.decisions) rounding.swap(certain_);
    if (slots_ && !rounding.empty()) taint(rounding);
    count_own();
    for (const Flip& flip : rounding) {
      excused_[flip.row] = std::min(excused_[flip.row], flip.position);
    }
    for (const Flip& flip : certain_) places_.add(flip.region, flip.position, MovedAt::decision);
    out_.flips = certain_.size();
    out_.rounding_flips = rounding.size();
    std::sort(certain_.begin(), certain_.end(), [](const Flip& a, const Flip& b) {
      return std::tie(a.row, a.position, a.expert) < std::tie(b.row, b.position, b.expert);
    });
    certain_.resize(std::min(certain_.size(), LayerDifference::kept_flips));
    out_.first_flips = std::move(certain_);
  }

  /// The flips that not even the token's own moved scores explain, nor an earlier layer's.
  void count_own() {
    std::vector<Flip> moved;
    for (const Flip& flip : certain_) {
      if (units_[flip.region].at(flip.position) == nullptr || !first_hand(flip.row, flip.position)) continue;
      if (flip.scores_equal || !out_.scored)
        units_[flip.region].at(flip.position)->own += 1.0;
      else
        moved.push_back(flip);
    }
    if (moved.empty()) return;
    const auto explained = crossed(base_, base_layer_, moved);
    for (std::size_t i = 0; i < moved.size(); ++i) {
      if (!explained[i]) units_[moved[i].region].at(moved[i].position)->own += 1.0;
    }
  }

  /// A rounding flip frees or takes a slot of its expert: other flips of that expert may follow from it.
  void taint(std::vector<Flip>& rounding) {
    std::vector<bool> touched(base_layer_.experts, false);
    for (const Flip& flip : rounding) touched[flip.expert] = true;
    const auto exchange = exchanged(certain_);
    std::vector<Flip> kept;
    for (std::size_t i = 0; i < certain_.size(); ++i)
      (touched[certain_[i].expert] && !exchange[i] ? rounding : kept).push_back(certain_[i]);
    certain_ = std::move(kept);
    if (certain_.empty()) out_.own_changes = 0;
  }

  static constexpr std::size_t unscored_share = 100000;

  const Trace& base_;
  const Trace& run_;
  const LayerRecord& base_layer_;
  const LayerRecord& run_layer_;
  Tolerance tolerance_;
  double gross_;
  std::vector<std::size_t>& excused_;  // (base rows)
  std::vector<std::size_t>& flipped_;  // (base rows) first position that an earlier layer decided otherwise
  std::vector<std::size_t> flipped_here_;
  MovedPlaces& places_;
  bool gated_ = false;
  std::optional<std::size_t> experts_per_token_;
  bool slots_ = false;     // tokens have unlike numbers of experts: those of one expert compete
  double movement_ = 0.0;  // the largest within tolerance
  RowView before_, after_;
  std::vector<Flip> certain_, doubtful_;
  std::vector<UnitSums> units_;  // (regions)
  LayerDifference out_;
};

/// What the model said at one position in two runs: where it moved most.
struct Said {
  bool any = false;
  double moved = 0.0;
  Drift drift;
};

/// The log-probability at s is made of positions before s, a prediction of s as well: `told` is the first
/// position whose own past an earlier layer's rounding has touched.
Said said_at(const Trace& base, std::size_t a, const Trace& run, std::size_t b, std::size_t s,
             std::size_t told) {
  Said out;
  const auto take = [&](Drift::What what, std::size_t which, double before, double after) {
    const double d = distance(before, after);
    out.any = true;
    if (d <= out.moved) return;
    out.moved = d;
    out.drift = {what, 0, 0, s, which, before, after};
  };
  if (!base.log_probs.empty() && !run.log_probs.empty())
    take(Drift::What::log_probs, 0, base.log_probs[a], run.log_probs[b]);
  if (base.probes != run.probes || s >= told) return out;
  for (std::size_t i = 0; i < base.probes; ++i)
    take(Drift::What::predictions, i, base.predictions[a * base.probes + i],
         run.predictions[b * base.probes + i]);
  return out;
}

void compare_said(const Trace& base, const Trace& run, std::span<const Region> regions,
                  const Tolerances& tolerances, const std::vector<std::size_t>& excused,
                  const std::vector<std::size_t>& flipped, const UnitLengths& lengths, MovedPlaces& places,
                  Difference& out) {
  const double tolerance = tolerances.log_probs;
  const bool told = !base.log_probs.empty() && !run.log_probs.empty();
  if (!told && (base.probes == 0 || base.probes != run.probes)) return;
  static const std::vector<std::size_t> none;
  for (std::size_t i = 0; i < regions.size(); ++i) {
    const Region& region = regions[i];
    UnitSums unit(lengths.empty() ? none : lengths[region.base_row], region.positions);
    // The log-probability at s is made of positions before s, so the excused position itself still counts.
    const std::size_t limit = excused[region.base_row];
    const std::size_t counted = std::min(region.positions, limit == SIZE_MAX ? limit : limit + 1);
    for (std::size_t s = 0; s < (lengths.empty() ? counted : region.positions); ++s) {
      const std::size_t a = base.layout.token(region.base_row, s), b = run.layout.token(region.run_row, s);
      if (padded(base, a) || padded(run, b)) continue;
      Said said = said_at(base, a, run, b, s, limit);
      if (UnitChange* change = unit.at(s)) {
        change->movement = bounded(said.moved);
        change->beyond = s < counted && said.moved > tolerance ? 1.0 : 0.0;
        const bool first_hand = s <= flipped[region.base_row];
        change->gross = s < counted && first_hand && said.moved > tolerances.gross * tolerance ? 1.0 : 0.0;
      }
      if (s >= counted || !said.any) continue;
      ++out.log_probs;
      out.largest_log_prob = std::max(out.largest_log_prob, said.moved);
      if (!(said.moved > tolerance)) continue;
      places.add(i, s, MovedAt::number);
      if (out.log_probs_moved++ > 0) continue;
      said.drift.row = region.base_row;
      said.drift.run_row = region.run_row;
      out.first_drifts.push_back(said.drift);
    }
    if (!lengths.empty()) out.log_prob_units.push_back(unit.sums());
  }
}

}  // namespace

bool Difference::changed() const noexcept {
  return log_probs_moved > 0 || std::any_of(layers.begin(), layers.end(),
                                            [](const LayerDifference& layer) { return layer.changed(); });
}
std::size_t Difference::flips() const noexcept {
  return std::accumulate(layers.begin(), layers.end(), std::size_t{0},
                         [](std::size_t sum, const LayerDifference& layer) { return sum + layer.flips; });
}
std::size_t Difference::rounding_flips() const noexcept {
  return std::accumulate(
      layers.begin(), layers.end(), std::size_t{0},
      [](std::size_t sum, const LayerDifference& layer) { return sum + layer.rounding_flips; });
}

Expected<Difference> compare(const Trace& base, const Trace& run, std::span<const Region> regions,
                             const Tolerances& tolerances, const UnitLengths& lengths) {
  bool alike = base.layers.size() == run.layers.size();
  for (std::size_t l = 0; alike && l < base.layers.size(); ++l) {
    alike = base.layers[l].index == run.layers[l].index && base.layers[l].experts == run.layers[l].experts;
  }
  if (!alike) {
    return input_error(base.path + " and " + run.path +
                       ": different layers or numbers of experts; runs of one plan must come from one model");
  }
  std::vector<std::size_t> excused(base.layout.sequences, SIZE_MAX), flipped = excused;  // (rows)
  Difference out;
  MovedPlaces places(regions, out);
  for (std::size_t l = 0; l < base.layers.size(); ++l) {
    out.layers.push_back(
        LayerComparison(base, run, l, tolerances, excused, flipped, places).compare(regions, lengths));
  }
  compare_said(base, run, regions, tolerances, excused, flipped, lengths, places, out);
  return out;
}

}  // namespace pastonly::comparison
