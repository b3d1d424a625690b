#include "comparison/noise_test.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <numeric>

#include "comparison/noise_study.h"
#include "stats/holm.h"
#include "stats/parallel.h"

namespace pastonly::comparison {
namespace {

using Study = NoiseStudy;
using Units = double UnitChange::*;

/// The p-values of one set of controls: of each layer, and of the log-probabilities last.
struct Tests {
  std::vector<double> places;  // (layers + 1) as corrected, the least over kinds
  double least = 1.0;
};

/// Where no control shows anything at all, any change is one test, and where it shows is where it is.
Tests any_change(const Study& study, std::size_t layers, std::uint64_t seed) {
  const auto at_place = [&](std::size_t place) {
    return [place](const Difference& difference, std::size_t region, std::size_t length) {
      const auto& units = Study::units_of(difference, place);
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
  out.least = stats::matched_permutation_p(study.strata(Study::Controls::both, anywhere), seed);
  for (std::size_t place = 0; place <= layers; ++place) {
    const double alone =
        stats::matched_permutation_p(study.strata(Study::Controls::both, at_place(place)), seed);
    // A layer that takes part in a change that is certain shows it at its own strength.
    out.places.push_back(std::max(out.least, alone));
  }
  return out;
}

/// Holm over all that somebody shows; what nobody shows is no test. p_values: (layers + 1, kinds).
Tests corrected(const std::vector<double>& p_values, std::size_t layers, std::size_t kinds) {
  std::vector<double> asked;
  for (const double p : p_values) {
    if (p < 1.0) asked.push_back(p);
  }
  const auto adjusted = stats::holm_adjusted(asked);
  Tests out;
  out.places.assign(layers + 1, 1.0);
  for (std::size_t i = 0, next = 0; i < p_values.size(); ++i) {
    if (!(p_values[i] < 1.0)) continue;
    double& place = out.places[i / kinds];
    place = std::min(place, adjusted[next++]);
    out.least = std::min(out.least, place);
  }
  return out;
}

Tests kind_by_kind(const Study& study, std::size_t layers, Study::Controls controls,
                   std::span<const Units> kinds, std::uint64_t seed) {
  std::vector<double> p_values((layers + 1) * kinds.size());
  stats::parallel_for(p_values.size(), [&](std::size_t i) {
    const std::size_t place = i / kinds.size();
    const Units kind = kinds[i % kinds.size()];
    const auto value = [&](const Difference& difference, std::size_t region, std::size_t length) {
      const auto& units = Study::units_of(difference, place);
      return units.empty() ? 0.0 : units[region][length].*kind;
    };
    const bool strange =
        kind == &UnitChange::flips && controls == Study::Controls::neutral && study.drawn(place);
    p_values[i] = stats::matched_permutation_p(
        strange ? study.strangeness(controls, place) : study.strata(controls, value), seed + i);
  });
  return corrected(p_values, layers, kinds.size());
}

/// Runs of the role against the repeats, run by run: flips that no moved score explains, and gross movements.
Tests run_by_run(const Study& study, std::size_t layers, Study::Role role, std::uint64_t seed) {
  constexpr Units kinds[] = {&UnitChange::own, &UnitChange::gross};
  std::vector<double> p_values((layers + 1) * std::size(kinds));
  stats::parallel_for(p_values.size(), [&](std::size_t i) {
    const std::size_t place = i / std::size(kinds);
    const Units kind = kinds[i % std::size(kinds)];
    const auto value = [&](const Difference& difference, std::size_t region) {
      const auto& units = Study::units_of(difference, place);
      return units.empty() || units[region].empty() ? 0.0 : units[region].back().*kind;
    };
    p_values[i] = stats::matched_permutation_p(study.by_run(role, value), seed + i);
  });
  return corrected(p_values, layers, std::size(kinds));
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
  study.each_region([&](const Study::Member& member, std::size_t r) {
    for (std::size_t l = 0; l < layers && member.roles[r] != Study::Role::treated; ++l) {
      const auto& units = Study::units_of(member.difference, l);
      if (!units.empty() && !units[r].empty()) flips[l] += units[r].back().flips;
    }
  });
  std::vector<std::size_t> out(layers);
  std::iota(out.begin(), out.end(), std::size_t{0});
  std::ranges::stable_sort(out, std::greater<>(), [&](std::size_t l) { return flips[l]; });
  out.resize(std::min(out.size(), most_planted_layers));
  return out;
}

double planted(const Study& study, std::size_t layers, Study::Controls controls, double level,
               std::uint64_t seed) {
  const auto chosen = noisiest(study, layers);
  if (chosen.empty()) return 1.0;  // without a routed layer there is no decision to plant a leak into
  std::vector<double> shares(chosen.size());
  stats::parallel_for(chosen.size(), [&](std::size_t i) {
    shares[i] = stats::least_planted_share(study.planted(controls, chosen[i]), level, seed + i).value_or(1.0);
  });
  return *std::ranges::max_element(shares);
}

/// Counts regions and notes at which layers controls show something.
bool survey_controls(const Study& study, std::size_t layers, NoiseTest& out) {
  bool still = true;  // no control shows anything, be it as small as it may
  out.repeats_quiet.assign(layers, true);
  study.each_region([&](const Study::Member& member, std::size_t r) {
    const Study::Role role = member.roles[r];
    ++(role == Study::Role::treated ? out.treated : role == Study::Role::repeat ? out.repeats : out.neutral);
    bool shows = false;
    for (std::size_t place = 0; place <= layers; ++place) {
      const auto& units = Study::units_of(member.difference, place);
      if (units.empty() || units[r].empty()) continue;
      const UnitChange& unit = units[r].back();
      const bool treated = role == Study::Role::treated;
      shows = shows || unit.own + unit.beyond > 0.0;
      bool& flips = treated ? out.treated_flip : out.controls_flip;
      flips = flips || unit.own > 0.0;
      out.treated_gross = out.treated_gross || (treated && unit.gross > 0.0);
      if (treated) continue;
      out.controls_move = out.controls_move || unit.beyond > 0.0;
      still = still && unit.flips + unit.movement + unit.gates == 0.0;
      if (role == Study::Role::repeat && place < layers && unit.own + unit.gross > 0.0)
        out.repeats_quiet[place] = false;
    }
    if (role == Study::Role::treated) out.showing += shows ? 1 : 0;
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
  const auto made = Study::make(observations, references, treated, neutral);
  if (!made) return tl::unexpected(made.error());
  const Study& study = *made;
  NoiseTest out;
  const std::size_t layers = study.layers();
  out.layers.assign(layers, 1.0);
  const bool still = survey_controls(study, layers, out);
  const bool quiet = std::ranges::all_of(out.repeats_quiet, [](bool one) { return one; });
  out.neutral_moved = out.neutral > 0 && out.repeats > 0 && !still &&
                      run_by_run(study, layers, Study::Role::neutral, seed + 2'000'000).least <= alpha;
  const bool against_neutral = out.neutral > 0 && !out.neutral_moved;
  const bool against_repeats = out.repeats > 0 && (quiet || study.one_row());
  const bool by_run = out.repeats > 0 && !against_repeats && out.neutral == 0;
  out.tested = against_neutral || against_repeats || by_run;
  const double factor = against_neutral && against_repeats && !still ? 2.0 : 1.0;
  constexpr Units all_kinds[] = {&UnitChange::flips, &UnitChange::movement, &UnitChange::gates};
  constexpr Units own_kinds[] = {&UnitChange::own, &UnitChange::gross};
  if (against_neutral) {
    take(still ? any_change(study, layers, seed)
               : kind_by_kind(study, layers, Study::Controls::neutral, all_kinds, seed),
         factor, out);
    constexpr Units flips[] = {&UnitChange::flips};
    out.flips_p_value = kind_by_kind(study, layers, Study::Controls::neutral, flips, seed + 4'000'000).least;
  }
  if (against_repeats && !(against_neutral && still))
    take(kind_by_kind(study, layers, Study::Controls::repeats, own_kinds, seed + 1'000'000), factor, out);
  if (by_run) take(run_by_run(study, layers, Study::Role::treated, seed + 3'000'000), 1.0, out);
  if (out.p_value > alpha && (out.controls_flip || out.controls_move)) {
    const double tests = factor * static_cast<double>((layers + 1) * std::size(all_kinds));
    const Study::Controls controls = against_neutral ? Study::Controls::neutral : Study::Controls::repeats;
    out.planted_share =
        against_neutral || study.one_row() ? planted(study, layers, controls, alpha / tests, seed) : 1.0;
  }
  return out;
}

}  // namespace pastonly::comparison
