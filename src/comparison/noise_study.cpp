#include "comparison/noise_study.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "stats/parallel.h"

namespace pastonly::comparison {
namespace {

/// What the decisions of drawn layers may take, over all runs. Where that is not enough, later layers, which
/// inherit what earlier ones show, are compared by their counts of flips.
constexpr std::size_t most_decision_bytes = std::size_t{1} << 28;

stats::DecisionBits decisions_of(const Trace& run, const LayerRecord& layer, const Region& region) {
  stats::DecisionBits out((region.positions * layer.experts + 63) / 64, 0);
  std::vector<std::uint8_t> scratch;
  for (std::size_t position = 0; position < region.positions; ++position) {
    const std::size_t token = run.layout.token(region.run_row, position);
    if (!run.is_valid(token)) continue;
    const auto mask = mask_rows(layer, token, 1, scratch);
    for (std::size_t e = 0; e < layer.experts; ++e) {
      const std::size_t bit = position * layer.experts + e;
      if (mask.data()[e] != 0) out[bit / 64] |= std::uint64_t{1} << (bit % 64);
    }
  }
  return out;
}

bool bit_of(const stats::DecisionBits& bits, std::size_t at) {
  return ((bits[at / 64] >> (at % 64)) & 1) != 0;
}

/// Gives random tokens what another of the first `tokens` took, until so many decisions differ.
void plant_decisions(double wanted, std::size_t tokens, std::size_t experts, stats::CounterRng& rng,
                     stats::DecisionBits& bits) {
  const stats::DecisionBits before = bits;
  auto left = static_cast<std::int64_t>(std::floor(wanted + rng.uniform()));
  for (std::size_t tries = 0; left > 0 && tries < 2 * tokens; ++tries) {
    const std::size_t to = rng.below(tokens), from = rng.below(tokens);
    for (std::size_t e = 0; e < experts; ++e) {
      const std::size_t bit = to * experts + e;
      const bool was = bit_of(bits, bit), is = bit_of(before, from * experts + e);
      if (was == is) continue;
      left -= was == bit_of(before, bit) ? 1 : -1;
      bits[bit / 64] ^= std::uint64_t{1} << (bit % 64);
    }
  }
}

}  // namespace

const std::vector<std::vector<UnitChange>>& NoiseStudy::units_of(const Difference& difference,
                                                                 std::size_t place) {
  return place < difference.layers.size() ? difference.layers[place].units : difference.log_prob_units;
}

Expected<void> NoiseStudy::add(References& references, std::span<const RunRegions> runs, Role role) {
  for (const RunRegions& one : runs) {
    const auto reference = references.of(*one.run);
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

void NoiseStudy::add_repeats() {
  for (auto& [id, base] : bases_) {
    const Reference* reference = base.members.begin()->second.reference;
    for (const Intervention* repeat : reference->repeats) {
      Member& member = base.members[repeat->id];
      member = {repeat, reference, all_rows(reference->base.layout)};
      member.roles.assign(member.regions.size(), Role::repeat);
    }
    for (auto& lengths : base.lengths) {
      std::ranges::sort(lengths);
      lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
    }
  }
}

void NoiseStudy::choose_drawn_layers() {
  if (bases_.empty()) return;
  const Trace& first = bases_.begin()->second.members.begin()->second.reference->base;
  std::size_t left = most_decision_bytes;
  for (std::size_t l = 0; l < first.layers.size(); ++l) {
    bool drawn = false;
    std::size_t bytes = 0;
    for (const auto& [id, base] : bases_) {
      const Reference& reference = *base.members.begin()->second.reference;
      drawn = drawn || (l < reference.stochastic_layers.size() && reference.stochastic_layers[l]);
      for (const auto& [run, member] : base.members) {
        for (const Region& region : member.regions)
          bytes += (region.positions * first.layers[l].experts + 63) / 64 * 8;
      }
    }
    if (!drawn || bytes > left) continue;
    left -= bytes;
    drawn_.push_back(l);
  }
}

void NoiseStudy::keep_decisions(const Trace& run, Member& member) const {
  for (const Region& region : member.regions) {
    auto& layers = member.decisions.emplace_back();
    for (const std::size_t l : drawn_) layers.push_back(decisions_of(run, run.layers[l], region));
  }
}

Expected<void> NoiseStudy::compare_all(evidence::Observations& observations) {
  std::vector<std::pair<BaseRuns*, Member*>> all;
  for (auto& [id, base] : bases_) {
    for (auto& [run, member] : base.members) all.emplace_back(&base, &member);
  }
  std::vector<std::optional<Error>> failed(all.size());
  stats::parallel_for(all.size(), [&](std::size_t i) {
    Member& member = *all[i].second;
    const auto trace = observations.trace(*member.run);
    if (!trace) {
      failed[i] = trace.error();
      return;
    }
    auto found = compare(member.reference->base, *trace, member.regions, member.reference->cautious,
                         all[i].first->lengths);
    if (found) {
      member.difference = std::move(*found);
      keep_decisions(*trace, member);
    } else {
      failed[i] = found.error();
    }
  });
  for (auto& error : failed) {
    if (error) return tl::unexpected(std::move(*error));
  }
  return {};
}

Expected<NoiseStudy> NoiseStudy::make(evidence::Observations& observations, References& references,
                                      std::span<const RunRegions> treated,
                                      std::span<const RunRegions> neutral) {
  NoiseStudy out;
  for (const auto& [runs, role] : {std::pair(treated, Role::treated), std::pair(neutral, Role::neutral)}) {
    if (auto added = out.add(references, runs, role); !added) return tl::unexpected(added.error());
  }
  out.add_repeats();
  out.choose_drawn_layers();
  if (auto compared = out.compare_all(observations); !compared) return tl::unexpected(compared.error());
  return out;
}

std::size_t NoiseStudy::layers() const {
  return bases_.empty() ? 0 : bases_.begin()->second.members.begin()->second.difference.layers.size();
}

bool NoiseStudy::one_row() const {
  return std::ranges::all_of(bases_, [](const auto& base) { return base.second.lengths.size() == 1; });
}

bool NoiseStudy::drawn(std::size_t layer) const { return std::ranges::binary_search(drawn_, layer); }

stats::MatchedStratum NoiseStudy::Row::empty() const {
  stats::MatchedStratum out{treated, members.size(), {}};
  out.values.assign(treated * members.size(), std::numeric_limits<double>::quiet_NaN());
  return out;
}

std::vector<NoiseStudy::Row> NoiseStudy::rows(Controls controls) const {
  std::vector<Row> out;
  for (const auto& [id, base] : bases_) {
    for (std::size_t row = 0; row < base.lengths.size(); ++row) {
      Row one{&base.lengths[row], {}, 0};
      std::vector<std::pair<const Member*, std::size_t>> others;
      for (const auto& [run, member] : base.members) {
        for (std::size_t r = 0; r < member.regions.size(); ++r) {
          if (member.regions[r].base_row != row) continue;
          const Role role = member.roles[r];
          if (role == Role::treated) one.members.emplace_back(&member, r);
          if ((role == Role::repeat && controls != Controls::neutral) ||
              (role == Role::neutral && controls != Controls::repeats))
            others.emplace_back(&member, r);
        }
      }
      one.treated = one.members.size();
      if (one.treated == 0 || others.empty()) continue;
      one.members.insert(one.members.end(), others.begin(), others.end());
      out.push_back(std::move(one));
    }
  }
  return out;
}

stats::MatchedStratum NoiseStudy::standing(const std::vector<RowValues>& rows) {
  struct Mean {
    Role role = Role::repeat;
    double sum = 0.0, count = 0.0;
  };
  std::map<std::uint32_t, Mean> runs;
  for (const RowValues& row : rows) {
    for (const RunValue& one : row) {
      double below = 0.0;  // ties by half
      for (const RunValue& other : row)
        below += other.value < one.value ? 1.0 : other.value == one.value ? 0.5 : 0.0;
      Mean& mean = runs[one.run];
      if (one.role != Role::repeat) mean.role = one.role;
      mean.sum += below / static_cast<double>(row.size());
      mean.count += 1.0;
    }
  }
  std::vector<double> treated, repeats;
  for (const auto& [run, mean] : runs)
    (mean.role == Role::repeat ? repeats : treated).push_back(mean.sum / mean.count);
  stats::MatchedStratum out{treated.size(), treated.size() + repeats.size(), {}};
  treated.insert(treated.end(), repeats.begin(), repeats.end());
  for (std::size_t k = 0; k < out.treated; ++k)
    out.values.insert(out.values.end(), treated.begin(), treated.end());
  return out;
}

stats::MatchedStratum NoiseStudy::strangeness_of(
    const Row& row, std::size_t layer, std::span<const stats::DecisionBits* const> decisions) const {
  stats::MatchedStratum out = row.empty();
  for (std::size_t k = 0; k < row.treated; ++k) {
    std::vector<std::size_t> there;
    std::vector<const stats::DecisionBits*> looked_at;
    for (std::size_t i = 0; i < row.members.size(); ++i) {
      if (!row.reaches(i, k)) continue;
      there.push_back(i);
      looked_at.push_back(decisions[i]);
    }
    const auto values = stats::strangeness(looked_at, row.length_of(k) * experts(row, layer));
    for (std::size_t j = 0; j < there.size(); ++j) out.values[k * out.members + there[j]] = values[j];
  }
  return out;
}

std::vector<stats::MatchedStratum> NoiseStudy::strangeness(Controls controls, std::size_t layer) const {
  const auto kept = static_cast<std::size_t>(std::ranges::lower_bound(drawn_, layer) - drawn_.begin());
  std::vector<stats::MatchedStratum> out;
  for (const Row& row : rows(controls)) {
    std::vector<const stats::DecisionBits*> decisions;
    for (const auto& [member, region] : row.members) decisions.push_back(&member->decisions[region][kept]);
    out.push_back(strangeness_of(row, layer, decisions));
  }
  return out;
}

std::vector<stats::MatchedStratum> NoiseStudy::with_planted(Controls controls, std::size_t layer,
                                                            double share, stats::CounterRng& rng) const {
  const auto kept = static_cast<std::size_t>(std::ranges::lower_bound(drawn_, layer) - drawn_.begin());
  std::vector<stats::MatchedStratum> out;
  for (const Row& row : rows(controls)) {
    std::vector<const stats::DecisionBits*> decisions;
    for (const auto& [member, region] : row.members) decisions.push_back(&member->decisions[region][kept]);
    std::vector<stats::DecisionBits> planted;
    for (std::size_t k = 0; k < row.treated; ++k) {
      // A treated member cannot show what one shows whose tokens changed earlier; it keeps its own then.
      const std::size_t with = rng.below(row.members.size());
      planted.push_back(*decisions[row.reaches(with, k) ? with : k]);
      const std::size_t tokens = row.length_of(k), n = experts(row, layer);
      plant_decisions(share * static_cast<double>(tokens * n), tokens, n, rng, planted.back());
    }
    for (std::size_t k = 0; k < row.treated; ++k) decisions[k] = &planted[k];
    out.push_back(strangeness_of(row, layer, decisions));
  }
  return out;
}

stats::Planting NoiseStudy::planted(Controls controls, std::size_t layer) const {
  if (drawn(layer) && controls == Controls::neutral) {
    return [this, controls, layer](double share, stats::CounterRng& rng) {
      return with_planted(controls, layer, share, rng);
    };
  }
  stats::CountedStrata counted;
  counted.strata =
      strata(controls, [&](const Difference& difference, std::size_t region, std::size_t length) {
        return units_of(difference, layer)[region][length].flips;
      });
  for (const Row& row : rows(controls)) {
    auto& room = counted.room.emplace_back();
    for (std::size_t k = 0; k < row.treated; ++k)
      room.push_back(static_cast<double>(row.length_of(k) * experts(row, layer)));
  }
  return stats::planted_counts(std::move(counted));
}

}  // namespace pastonly::comparison
