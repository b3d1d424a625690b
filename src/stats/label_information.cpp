#include "stats/label_information.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "stats/entropy.h"
#include "stats/random.h"

namespace pastonly::stats {
namespace {

/// Sums c log2 c over counts; labels come in order, so that the values of one label alone are counted at a
/// time.
class Information {
 public:
  explicit Information(const LabelledUnits& units) : units_(units), counts_(units.value_count, 0) {
    for (const std::uint32_t value : units.values) ++counts_[value];
    const auto pairs = static_cast<double>(units.values.size());
    for (std::uint32_t& count : counts_) values_ += x_log2_x(std::exchange(count, 0));
    total_ = x_log2_x(pairs);
    pairs_ = pairs;
    // Units in order of their labels: a bucket for each label.
    first_.assign(units.label_count + 1, 0);
    for (const std::uint32_t label : units.labels) ++first_[label + 1];
    std::partial_sum(first_.begin(), first_.end(), first_.begin());
    ordered_.resize(units.units());
  }

  double entropy() const { return pairs_ > 0.0 ? (total_ - values_) / pairs_ : 0.0; }

  /// Of the values and these labels, (units).
  double operator()(std::span<const std::uint32_t> labels) {
    if (!(pairs_ > 0.0)) return 0.0;
    std::vector<std::size_t> next(first_.begin(), first_.end() - 1);
    for (std::size_t unit = 0; unit < labels.size(); ++unit) ordered_[next[labels[unit]]++] = unit;
    double cells = 0.0, by_label = 0.0;
    for (std::size_t label = 0; label < units_.label_count; ++label) {
      std::size_t pairs = 0;
      seen_.clear();
      for (std::size_t i = first_[label]; i < first_[label + 1]; ++i) {
        for (const std::uint32_t value : values_of(ordered_[i])) {
          if (counts_[value]++ == 0) seen_.push_back(value);
          ++pairs;
        }
      }
      for (const std::uint32_t value : seen_) cells += x_log2_x(std::exchange(counts_[value], 0));
      by_label += x_log2_x(static_cast<double>(pairs));
    }
    return std::max(0.0, (cells - by_label - values_ + total_) / pairs_);
  }

 private:
  std::span<const std::uint32_t> values_of(std::size_t unit) const {
    return units_.values.subspan(units_.starts[unit], units_.starts[unit + 1] - units_.starts[unit]);
  }

  const LabelledUnits& units_;
  std::vector<std::uint32_t> counts_;  // (values), 0 between labels
  std::vector<std::uint32_t> seen_;
  std::vector<std::size_t> first_, ordered_;
  double values_ = 0.0, total_ = 0.0, pairs_ = 0.0;
};

template <class T>
void shuffle(std::span<T> items, CounterRng& rng) {
  for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[rng.below(i)]);
}

bool labels_vary_within(const LabelledUnits& units) {
  for (std::size_t g = 0; g + 1 < units.groups.size(); ++g) {
    const auto labels = units.labels.subspan(units.groups[g], units.groups[g + 1] - units.groups[g]);
    if (std::ranges::any_of(labels, [&](std::uint32_t label) { return label != labels.front(); }))
      return true;
  }
  return false;
}

}  // namespace

double LabelInformation::share_beyond(double by_chance) const noexcept {
  const double left = entropy - by_chance;
  return left > 0.0 ? std::clamp((information - by_chance) / left, -1.0, 1.0) : 0.0;
}

LabelInformation label_information(const LabelledUnits& units, std::uint64_t seed, std::size_t shuffles) {
  Information information_of(units);
  LabelInformation out;
  out.entropy = information_of.entropy();
  out.information = information_of(units.labels);
  if (shuffles == 0) return out;
  const bool within = labels_vary_within(units);
  CounterRng rng(seed, 0x6c61'6265'6cULL);
  std::vector<double> by_chance;
  std::vector<std::uint32_t> labels(units.labels.begin(), units.labels.end());
  std::vector<std::uint32_t> of_groups;
  for (std::size_t g = 0; !within && g + 1 < units.groups.size(); ++g)
    of_groups.push_back(units.groups[g] < units.groups[g + 1] ? units.labels[units.groups[g]] : 0);
  for (std::size_t i = 0; i < shuffles; ++i) {
    if (!within) shuffle(std::span(of_groups), rng);
    for (std::size_t g = 0; g + 1 < units.groups.size(); ++g) {
      const auto group = std::span(labels).subspan(units.groups[g], units.groups[g + 1] - units.groups[g]);
      if (within)
        shuffle(group, rng);
      else
        std::ranges::fill(group, of_groups[g]);
    }
    // Groups of unlike sizes exchange labels, and with them how often a label stands.
    by_chance.push_back(within ? information_of(labels)
                               : Information({units.starts, units.values, units.value_count, labels,
                                              units.label_count, units.groups})(labels));
  }
  out.chance = std::accumulate(by_chance.begin(), by_chance.end(), 0.0) / static_cast<double>(shuffles);
  const auto [least, greatest] = std::ranges::minmax(by_chance);
  out.least_chance = least;
  out.greatest_chance = greatest;
  return out;
}

}  // namespace pastonly::stats
