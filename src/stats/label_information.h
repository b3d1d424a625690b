#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pastonly::stats {

/// Units (tokens) that each have one label and any number of values (experts), the units of one group (a
/// sequence) next to each other. Views; nothing is owned.
struct LabelledUnits {
  std::span<const std::size_t> starts;    // (units + 1) where a unit's values begin
  std::span<const std::uint32_t> values;  // (starts.back()), each below `value_count`
  std::size_t value_count = 0;
  std::span<const std::uint32_t> labels;  // (units), each below `label_count`
  std::size_t label_count = 0;
  std::span<const std::size_t> groups;  // (groups + 1) where a group's units begin

  std::size_t units() const noexcept { return labels.size(); }
};

/// What a label tells of a value, over all (unit, value) pairs. In bits.
struct LabelInformation {
  double information = 0.0;  ///< plug-in mutual information; biased up where there are many labels
  double entropy = 0.0;      ///< of the values
  /// The same information where labels are shuffled: mean, least and greatest.
  double chance = 0.0, least_chance = 0.0, greatest_chance = 0.0;

  /// Share of the values' entropy that labels explain beyond chance: (I - I0) / (H - I0), 0 where labels tell
  /// nothing, 1 where they decide. The correction is that of adjusted mutual information (Vinh, Epps and
  /// Bailey 2010), with the expectation taken by permutation.
  double explained() const noexcept { return share_beyond(chance); }
  /// With the greatest and the least of chance in place of its mean: with 39 shuffles 95% of chance.
  double explained_low() const noexcept { return share_beyond(greatest_chance); }
  double explained_high() const noexcept { return share_beyond(least_chance); }

 private:
  double share_beyond(double by_chance) const noexcept;
};

/// `shuffles` times, labels change places: within every group, so that what a group's units have in common
/// explains nothing; or, where no group has more than one label, whole groups exchange theirs. Equal seeds
/// give equal results.
LabelInformation label_information(const LabelledUnits& units, std::uint64_t seed, std::size_t shuffles = 39);

}  // namespace pastonly::stats
