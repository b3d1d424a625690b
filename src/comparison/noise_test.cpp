#include "comparison/noise_test.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "stats/holm.h"
#include "stats/matched_permutation.h"
#include "stats/parallel.h"
#include "stats/planted_effect.h"

namespace pastonly::comparison {
namespace {

enum class Role { treated, neutral, repeat };
enum class Controls { neutral, repeats, both };

/// One run against its base, at the rows where it is treated or a control.
struct Member {
  const Intervention* run = nullptr;
  const Reference* reference = nullptr;
  std::vector<Region> regions;
  std::vector<Role> roles;  // (regions)
  Difference difference;
};

/// The runs of one base.
struct BaseRuns {
  std::map<std::uint32_t, Member> members;  // by run id
  UnitLengths lengths;                      // (rows) of the treated regions
};

using Units = double UnitChange::*;

/// Where a region's units stand in a layer, or in the log-probabilities after the last layer.
const std::vector<std::vector<UnitChange>>& units_of(const Difference& difference, std::size_t layer) {
  return layer < difference.layers.size() ? difference.layers[layer].units : difference.log_prob_units;
}

class Study {
 public:
  Study(evidence::Observations& observations, References& references)
      : observations_(observations), references_(references) {}

  Expected<void> add(std::span<const RunRegions> runs, Role role) {
    for (const RunRegions& one : runs) {
      const auto reference = references_.of(*one.run);
      if (!reference) return tl::unexpected(reference.error());
      const std::uint32_t id = one.run->base.value_or(one.run->id);
      const auto found = bases_.find(id);
      if (role == Role::neutral && found == bases_.end()) continue;
      BaseRuns& base = found != bases_.end() ? found->second : bases_[id];
      base.lengths.resize((*reference)->base.layout.sequences);
      Member& member = base.members[one.run->id];
      member.run = one.run;
      member.reference = *reference;
      for (const Region& region : one.regions) {
        member.regions.push_back(region);
        member.roles.push_back(role);
        if (role == Role::treated) base.lengths[region.base_row].push_back(region.positions);
      }
    }
    return {};
  }

  /// Call after the treated runs were added: repeats of their bases, then the comparisons.
  Expected<void> compare_all() {
    std::vector<std::pair<BaseRuns*, Member*>> all;
    for (auto& [id, base] : bases_) {
      const Reference* reference = base.members.begin()->second.reference;
      for (const Intervention* repeat : reference->repeats) {
        Member& member = base.members[repeat->id];
        member = {repeat, reference, all_rows(reference->base.layout), {}, {}};
        member.roles.assign(member.regions.size(), Role::repeat);
      }
      for (auto& lengths : base.lengths) {
        std::ranges::sort(lengths);
        lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
      }
      for (auto& [run, member] : base.members) all.emplace_back(&base, &member);
    }
    std::vector<std::optional<Error>> failed(all.size());
    stats::parallel_for(all.size(), [&](std::size_t i) {
      Member& member = *all[i].second;
      const auto trace = observations_.trace(*member.run);
      if (!trace) {
        failed[i] = trace.error();
        return;
      }
      auto found = compare(member.reference->base, *trace, member.regions, member.reference->cautious,
                           all[i].first->lengths);
      if (found)
        member.difference = std::move(*found);
      else
        failed[i] = found.error();
    });
    for (auto& error : failed) {
      if (error) return tl::unexpected(std::move(*error));
    }
    return {};
  }

  std::size_t layers() const {
    return bases_.empty() ? 0 : bases_.begin()->second.members.begin()->second.difference.layers.size();
  }
  bool one_row() const {
    return std::ranges::all_of(bases_, [](const auto& base) { return base.second.lengths.size() == 1; });
  }

  /// Visits each region's units at its full share of the lengths asked for.
  template <class Visit>
  void each_region(Visit visit) const {
    for (const auto& [id, base] : bases_) {
      for (const auto& [run, member] : base.members) {
        for (std::size_t r = 0; r < member.regions.size(); ++r) visit(member, r);
      }
    }
  }

  /// One stratum for each row of each base. `value` of a region at a length.
  template <class ValueOf>
  std::vector<stats::MatchedStratum> strata(Controls controls, ValueOf value) const {
    std::vector<stats::MatchedStratum> out;
    for (const auto& [id, base] : bases_) {
      for (std::size_t row = 0; row < base.lengths.size(); ++row) {
        auto stratum = stratum_of(base, row, controls, value);
        if (stratum.treated > 0 && stratum.members > stratum.treated) out.push_back(std::move(stratum));
      }
    }
    return out;
  }

  /// All flips at one layer, with how many decisions each treated region holds.
  stats::CountedStrata counted(std::size_t layer, Controls controls) const {
    stats::CountedStrata out;
    const auto flips = [&](const Difference& difference, std::size_t region, std::size_t length) {
      return units_of(difference, layer)[region][length].flips;
    };
    for (const auto& [id, base] : bases_) {
      const double experts =
          static_cast<double>(base.members.begin()->second.reference->base.layers[layer].experts);
      for (std::size_t row = 0; row < base.lengths.size(); ++row) {
        auto stratum = stratum_of(base, row, controls, flips);
        if (stratum.treated == 0 || stratum.members == stratum.treated) continue;
        std::vector<double>& room = out.room.emplace_back();
        for (const auto& [run, member] : base.members) {
          for (std::size_t r = 0; r < member.regions.size(); ++r) {
            if (member.regions[r].base_row == row && member.roles[r] == Role::treated)
              room.push_back(static_cast<double>(member.regions[r].positions) * experts);
          }
        }
        out.strata.push_back(std::move(stratum));
      }
    }
    return out;
  }

 private:
  template <class ValueOf>
  static stats::MatchedStratum stratum_of(const BaseRuns& base, std::size_t row, Controls wanted,
                                          ValueOf value) {
    std::vector<std::pair<const Member*, std::size_t>> treated, controls;
    for (const auto& [id, member] : base.members) {
      for (std::size_t r = 0; r < member.regions.size(); ++r) {
        if (member.regions[r].base_row != row) continue;
        if (member.roles[r] == Role::treated) treated.emplace_back(&member, r);
        if ((member.roles[r] == Role::repeat && wanted != Controls::neutral) ||
            (member.roles[r] == Role::neutral && wanted != Controls::repeats))
          controls.emplace_back(&member, r);
      }
    }
    stats::MatchedStratum out;
    out.treated = treated.size();
    out.members = treated.size() + controls.size();
    out.values.assign(out.treated * out.members, std::numeric_limits<double>::quiet_NaN());
    auto all = treated;
    all.insert(all.end(), controls.begin(), controls.end());
    for (std::size_t k = 0; k < treated.size(); ++k) {
      const std::size_t length = treated[k].first->regions[treated[k].second].positions;
      const auto at = static_cast<std::size_t>(std::ranges::lower_bound(base.lengths[row], length) -
                                               base.lengths[row].begin());
      for (std::size_t i = 0; i < all.size(); ++i) {
        const auto& [member, r] = all[i];
        if (member->regions[r].positions >= length)
          out.values[k * out.members + i] = value(member->difference, r, at);
      }
    }
    return out;
  }

  evidence::Observations& observations_;
  References& references_;
  std::map<std::uint32_t, BaseRuns> bases_;
};

/// The p-values of one set of controls: of each layer, and of the log-probabilities last.
struct Tests {
  std::vector<double> places;  // (layers + 1) as corrected, the least over kinds
  double least = 1.0;
};

/// Where no control shows anything at all, any change is one test, and where it shows is where it is.
Tests any_change(const Study& study, std::size_t layers, std::uint64_t seed) {
  const auto at_place = [&](std::size_t place) {
    return [place](const Difference& difference, std::size_t region, std::size_t length) {
      const auto& units = units_of(difference, place);
      if (units.empty()) return 0.0;
      const UnitChange& unit = units[region][length];
      return unit.flips + unit.movement + unit.gates > 0.0 ? 1.0 : 0.0;
    };
  };
  const auto anywhere = [&](const Difference& difference, std::size_t region, std::size_t length) {
    double any = 0.0;
    for (std::size_t place = 0; place <= layers; ++place)
      any = std::max(any, at_place(place)(difference, region, length));
    return any;
  };
  Tests out;
  out.least = stats::matched_permutation_p(study.strata(Controls::both, anywhere), seed);
  for (std::size_t place = 0; place <= layers; ++place) {
    const double alone = stats::matched_permutation_p(study.strata(Controls::both, at_place(place)), seed);
    // A layer that takes part in a change that is certain shows it at its own strength.
    out.places.push_back(std::max(out.least, alone));
  }
  return out;
}

Tests kind_by_kind(const Study& study, std::size_t layers, Controls controls, std::span<const Units> kinds,
                   std::uint64_t seed) {
  std::vector<double> p_values((layers + 1) * kinds.size());
  stats::parallel_for(p_values.size(), [&](std::size_t i) {
    const std::size_t place = i / kinds.size();
    const Units kind = kinds[i % kinds.size()];
    const auto value = [&](const Difference& difference, std::size_t region, std::size_t length) {
      const auto& units = units_of(difference, place);
      return units.empty() ? 0.0 : units[region][length].*kind;
    };
    p_values[i] = stats::matched_permutation_p(study.strata(controls, value), seed + i);
  });
  // What nobody shows is no test.
  std::vector<double> asked;
  for (const double p : p_values) {
    if (p < 1.0) asked.push_back(p);
  }
  const auto corrected = stats::holm_adjusted(asked);
  Tests out;
  out.places.assign(layers + 1, 1.0);
  for (std::size_t i = 0, next = 0; i < p_values.size(); ++i) {
    if (!(p_values[i] < 1.0)) continue;
    double& place = out.places[i / kinds.size()];
    place = std::min(place, corrected[next++]);
    out.least = std::min(out.least, place);
  }
  return out;
}

void take(const Tests& tests, double factor, NoiseTest& out) {
  out.p_value = std::min(out.p_value, factor * tests.least);
  for (std::size_t l = 0; l < out.layers.size(); ++l)
    out.layers[l] = std::min(out.layers[l], factor * tests.places[l]);
}

constexpr std::size_t most_planted_layers = 4;

/// The layers at which the controls flip most.
std::vector<std::size_t> noisiest(const Study& study, std::size_t layers) {
  std::vector<double> flips(layers, 0.0);
  study.each_region([&](const Member& member, std::size_t r) {
    for (std::size_t l = 0; l < layers && member.roles[r] != Role::treated; ++l) {
      const auto& units = units_of(member.difference, l);
      if (!units.empty() && !units[r].empty()) flips[l] += units[r].back().flips;
    }
  });
  std::vector<std::size_t> out(layers);
  std::iota(out.begin(), out.end(), std::size_t{0});
  std::ranges::stable_sort(out, std::greater<>(), [&](std::size_t l) { return flips[l]; });
  out.resize(std::min(out.size(), most_planted_layers));
  return out;
}

double planted(const Study& study, std::size_t layers, Controls controls, double level, std::uint64_t seed) {
  const auto chosen = noisiest(study, layers);
  std::vector<double> shares(chosen.size());
  stats::parallel_for(chosen.size(), [&](std::size_t i) {
    shares[i] = stats::least_planted_share(study.counted(chosen[i], controls), level, seed + i).value_or(1.0);
  });
  return *std::ranges::max_element(shares);
}

/// Counts regions and notes at which layers controls show something.
bool survey_controls(const Study& study, std::size_t layers, NoiseTest& out) {
  bool still = true;  // no control shows anything, be it as small as it may
  out.repeats_quiet.assign(layers, true);
  study.each_region([&](const Member& member, std::size_t r) {
    const Role role = member.roles[r];
    ++(role == Role::treated ? out.treated : role == Role::repeat ? out.repeats : out.neutral);
    bool shows = false;
    for (std::size_t place = 0; place <= layers; ++place) {
      const auto& units = units_of(member.difference, place);
      if (units.empty() || units[r].empty()) continue;
      const UnitChange& unit = units[r].back();
      const bool treated = role == Role::treated;
      shows = shows || unit.own + unit.beyond > 0.0;
      bool& flips = treated ? out.treated_flip : out.controls_flip;
      flips = flips || unit.own > 0.0;
      if (treated) continue;
      out.controls_move = out.controls_move || unit.beyond > 0.0;
      still = still && unit.flips + unit.movement + unit.gates == 0.0;
      if (role == Role::repeat && place < layers && unit.own + unit.gross > 0.0)
        out.repeats_quiet[place] = false;
    }
    if (role == Role::treated) out.showing += shows ? 1 : 0;
  });
  return still;
}

}  // namespace

bool NoiseTest::quiet_up_to(std::size_t layer) const noexcept {
  return repeats > 0 &&
         std::find(repeats_quiet.begin(), repeats_quiet.begin() + static_cast<std::ptrdiff_t>(layer) + 1,
                   false) == repeats_quiet.begin() + static_cast<std::ptrdiff_t>(layer) + 1;
}

Expected<NoiseTest> test_noise(evidence::Observations& observations, References& references,
                               std::span<const RunRegions> treated, std::span<const RunRegions> neutral,
                               double alpha, std::uint64_t seed) {
  Study study(observations, references);
  for (const auto& [runs, role] : {std::pair(treated, Role::treated), std::pair(neutral, Role::neutral)}) {
    if (auto added = study.add(runs, role); !added) return tl::unexpected(added.error());
  }
  if (auto compared = study.compare_all(); !compared) return tl::unexpected(compared.error());
  NoiseTest out;
  const std::size_t layers = study.layers();
  out.layers.assign(layers, 1.0);
  const bool still = survey_controls(study, layers, out);
  const bool quiet = std::ranges::all_of(out.repeats_quiet, [](bool one) { return one; });
  const bool against_neutral = out.neutral > 0;
  const bool against_repeats = out.repeats > 0 && (quiet || study.one_row());
  const double factor = against_neutral && against_repeats && !still ? 2.0 : 1.0;
  constexpr Units all_kinds[] = {&UnitChange::flips, &UnitChange::movement, &UnitChange::gates};
  constexpr Units own_kinds[] = {&UnitChange::own, &UnitChange::gross};
  if (against_neutral) {
    take(still ? any_change(study, layers, seed)
               : kind_by_kind(study, layers, Controls::neutral, all_kinds, seed),
         factor, out);
  }
  if (against_repeats && !(against_neutral && still))
    take(kind_by_kind(study, layers, Controls::repeats, own_kinds, seed + 1'000'000), factor, out);
  if (out.p_value > alpha && (out.controls_flip || out.controls_move)) {
    const double tests = factor * static_cast<double>((layers + 1) * std::size(all_kinds));
    const Controls controls = against_neutral ? Controls::neutral : Controls::repeats;
    out.planted_share =
        against_neutral || study.one_row() ? planted(study, layers, controls, alpha / tests, seed) : 1.0;
  }
  return out;
}

}  // namespace pastonly::comparison
