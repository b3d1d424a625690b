#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "comparison/reference.h"
#include "comparison/run_comparison.h"
#include "evidence/observations.h"
#include "stats/matched_permutation.h"
#include "stats/planted_effect.h"
#include "stats/strangeness.h"

namespace pastonly::comparison {

/// Changed runs and unchanged ones of the same bases, each compared with its base, laid out for
/// matched_permutation.h: one stratum for each row of each base, a place for each treated region.
class NoiseStudy {
 public:
  enum class Role { treated, neutral, repeat };
  enum class Controls { neutral, repeats, both };

  /// One run against its base, at the rows where it is treated or a control.
  struct Member {
    const Intervention* run = nullptr;
    const Reference* reference = nullptr;
    std::vector<Region> regions = {};
    std::vector<Role> roles = {};  // (regions)
    Difference difference = {};
    std::vector<std::vector<stats::DecisionBits>> decisions = {};  // (regions, drawn layers)
  };

  /// `neutral` regions of bases without a treated one are left out; the repeats of the others join.
  static Expected<NoiseStudy> make(evidence::Observations& observations, References& references,
                                   std::span<const RunRegions> treated, std::span<const RunRegions> neutral);

  std::size_t layers() const;
  /// Whether every batch holds one row.
  bool one_row() const;
  /// Whether decisions of the layer are drawn anew in every run, as repeats show, and were kept.
  bool drawn(std::size_t layer) const;

  /// Where a region's units stand in a layer, or in the log-probabilities after the last layer. Empty where
  /// nothing was compared.
  static const std::vector<std::vector<UnitChange>>& units_of(const Difference& difference,
                                                              std::size_t place);

  /// visit(member, region)
  template <class Visit>
  void each_region(Visit visit) const {
    for (const auto& [id, base] : bases_) {
      for (const auto& [run, member] : base.members) {
        for (std::size_t r = 0; r < member.regions.size(); ++r) visit(member, r);
      }
    }
  }

  /// value(difference, region, length): what a region shows at one of its row's lengths.
  template <class ValueOf>
  std::vector<stats::MatchedStratum> strata(Controls controls, ValueOf value) const {
    std::vector<stats::MatchedStratum> out;
    for (const Row& row : rows(controls)) {
      out.push_back(row.empty());
      row.each_place([&](std::size_t k, std::size_t i, const Look& look) {
        out.back().values[k * row.members.size() + i] =
            value(look.member->difference, look.region, look.length);
      });
    }
    return out;
  }
  /// One stratum for each base, of whole runs: those with regions of the role, against the repeats. A run's
  /// value is how high it stands among the runs that hold a row, averaged over its rows, so that a noise that
  /// all rows of a run share is one observation. value(unit) of a region at its full length.
  template <class ValueOf>
  std::vector<stats::MatchedStratum> by_run(Role role, ValueOf value) const {
    std::vector<stats::MatchedStratum> out;
    for (const auto& [id, base] : bases_) {
      std::vector<RowValues> rows(base.lengths.size());
      for (const auto& [run, member] : base.members) {
        for (std::size_t r = 0; r < member.regions.size(); ++r) {
          if (member.roles[r] != role && member.roles[r] != Role::repeat) continue;
          rows[member.regions[r].base_row].push_back({run, member.roles[r], value(member.difference, r)});
        }
      }
      out.push_back(standing(rows));
    }
    return out;
  }
  /// How unlike the other runs each one decides at a drawn layer.
  std::vector<stats::MatchedStratum> strangeness(Controls controls, std::size_t layer) const;

  /// An effect planted into the decisions of a layer: at a drawn one tokens take what another token of their
  /// row took, elsewhere so many more entries of the mask differ. Holds on to this study.
  stats::Planting planted(Controls controls, std::size_t layer) const;

 private:
  /// The runs of one base.
  struct BaseRuns {
    std::map<std::uint32_t, Member> members;  // by run id
    UnitLengths lengths;                      // (rows) of the treated regions
  };
  struct Look {
    const Member* member = nullptr;
    std::size_t region = 0, length = 0;  ///< the latter a place among the row's lengths
  };
  /// One row of one base: the treated first, then the controls.
  struct Row {
    const std::vector<std::size_t>* lengths = nullptr;
    std::vector<std::pair<const Member*, std::size_t>> members;  // with the region
    std::size_t treated = 0;

    stats::MatchedStratum empty() const;
    std::size_t length_of(std::size_t k) const {
      return members[k].first->regions[members[k].second].positions;
    }
    bool reaches(std::size_t i, std::size_t k) const { return length_of(i) >= length_of(k); }
    /// visit(place, member, look) for whoever can be looked at in each place.
    template <class Visit>
    void each_place(Visit visit) const {
      for (std::size_t k = 0; k < treated; ++k) {
        const auto at =
            static_cast<std::size_t>(std::ranges::lower_bound(*lengths, length_of(k)) - lengths->begin());
        for (std::size_t i = 0; i < members.size(); ++i) {
          if (reaches(i, k)) visit(k, i, Look{members[i].first, members[i].second, at});
        }
      }
    }
  };

  struct RunValue {
    std::uint32_t run = 0;
    Role role = Role::repeat;
    double value = 0.0;
  };
  using RowValues = std::vector<RunValue>;
  static stats::MatchedStratum standing(const std::vector<RowValues>& rows);

  Expected<void> add(References& references, std::span<const RunRegions> runs, Role role);
  void add_repeats();
  void choose_drawn_layers();
  Expected<void> compare_all(evidence::Observations& observations);
  void keep_decisions(const Trace& run, Member& member) const;
  std::vector<Row> rows(Controls controls) const;
  stats::MatchedStratum strangeness_of(const Row& row, std::size_t layer,
                                       std::span<const stats::DecisionBits* const> decisions) const;
  std::size_t experts(const Row& row, std::size_t layer) const {
    return row.members.front().first->reference->base.layers[layer].experts;
  }
  std::vector<stats::MatchedStratum> with_planted(Controls controls, std::size_t layer, double share,
                                                  stats::CounterRng& rng) const;

  std::map<std::uint32_t, BaseRuns> bases_;
  std::vector<std::size_t> drawn_;  // layers, ascending
};

}  // namespace pastonly::comparison
