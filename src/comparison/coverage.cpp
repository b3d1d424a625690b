#include "comparison/coverage.h"

#include <algorithm>
#include <bit>
#include <unordered_set>

#include "stats/parallel.h"

namespace pastonly::comparison {
namespace {

constexpr std::size_t position_bands = 8;

/// Distances 1, 2 to 3, 4 to 7, ...: band b holds [2^b, 2^(b + 1)).
std::size_t distance_band(std::size_t distance) { return std::bit_width(distance) - 1; }

/// Counts the pairs (position, position + distance) with distance in [from, to), by band.
void add_distances(std::size_t from, std::size_t to, std::vector<std::uint64_t>& bands) {
  while (from < to) {
    const std::size_t band = distance_band(from);
    const std::size_t end = std::min(to, std::size_t{1} << (band + 1));
    bands[band] += end - from;
    from = end;
  }
}

/// The pairs of one row shape: seen, and there.
class PairCounts {
 public:
  explicit PairCounts(std::size_t length)
      : length_(length),
        bands_(std::min(position_bands, length - 1)),
        seen_(bands_, std::vector<std::uint64_t>(distance_band(length - 1) + 1, 0)),
        there_(seen_) {}

  /// `trials` ascending by cut.
  void add_position(std::size_t position, std::span<const Trial> trials, Coverage& out) {
    const std::size_t band = position * bands_ / (length_ - 1);
    add_distances(1, length_ - position, there_[band]);
    std::size_t covered = position;  // redrawn positions up to here are counted
    for (const Trial& trial : trials) {
      if (trial.of.changed_row.cut <= position || trial.first_valid > position) continue;
      const std::size_t from = std::max(trial.of.changed_row.cut, covered + 1);
      if (from >= trial.end_valid) continue;
      add_distances(from - position, trial.end_valid - position, seen_[band]);
      if (from == position + 1) next_ += 1;
      covered = trial.end_valid - 1;
    }
    if (covered == position) return;
    positions_ += 1;
    out.farthest = std::max<std::uint64_t>(out.farthest, covered - position);
  }

  void finish(Coverage& out) const {
    std::uint64_t seen = 0, there = 0;
    for (std::size_t band = 0; band < bands_; ++band) {
      std::vector<double>& shares = out.map.emplace_back();
      for (std::size_t d = 0; d < seen_[band].size(); ++d) {
        seen += seen_[band][d];
        there += there_[band][d];
        shares.push_back(there_[band][d] == 0
                             ? -1.0
                             : static_cast<double>(seen_[band][d]) / static_cast<double>(there_[band][d]));
      }
    }
    const auto places = static_cast<double>(length_ - 1);
    out.positions = positions_ / places;
    out.next_token = next_ / places;
    out.pairs = static_cast<double>(seen) / static_cast<double>(there);
  }

 private:
  std::size_t length_, bands_;
  std::vector<std::vector<std::uint64_t>> seen_, there_;  // (bands of positions, bands of distances)
  double positions_ = 0.0, next_ = 0.0;
};

/// What the trials show at one layer.
void count_moved(std::span<const Trial> trials, std::size_t layer, MovedAfterCut& out) {
  std::vector<std::uint8_t> before_scratch, after_scratch;
  for (const Trial& trial : trials) {
    const Trace &base = trial.of.compared->reference->base, &run = trial.of.compared->trace;
    each_redrawn(trial, [&](std::size_t token) {
      const auto before = mask_rows(base.layers[layer], token, 1, before_scratch);
      const auto after = mask_rows(run.layers[layer], token, 1, after_scratch);
      out.tokens[layer] += 1;
      out.moved[layer] +=
          std::equal(before.data(), before.data() + before.size(), after.data(), after.data() + after.size())
              ? 0
              : 1;
    });
  }
}

using Ids = std::unordered_set<std::int64_t>;

std::uint64_t count_in(const Ids& seen, const Ids& wanted) {
  return static_cast<std::uint64_t>(
      std::ranges::count_if(wanted, [&](std::int64_t id) { return seen.contains(id); }));
}

/// Which tokens stood before a cut, and which were redrawn.
void count_ids(std::span<const Trial> trials, std::span<const std::int64_t> special, Coverage& out) {
  Ids before, redrawn;
  for (const Trial& trial : trials) {
    const Trace &base = trial.of.compared->reference->base, &run = trial.of.compared->trace;
    if (base.tokens.empty() || run.tokens.empty()) continue;
    for (std::size_t position = trial.first_valid; position < trial.of.changed_row.cut; ++position) {
      const std::size_t token = base.layout.token(trial.of.changed_row.row, position);
      if (base.is_valid(token)) before.insert(base.tokens[token]);
    }
    each_redrawn(trial, [&](std::size_t token) { redrawn.insert({base.tokens[token], run.tokens[token]}); });
  }
  out.ids_before = before.size();
  out.ids_redrawn = redrawn.size();
  const Ids wanted(special.begin(), special.end());
  out.special = wanted.size();
  out.special_before = count_in(before, wanted);
  out.special_redrawn = count_in(redrawn, wanted);
}

}  // namespace

Coverage coverage_of(std::span<const Trial> trials, std::span<const std::int64_t> special) {
  Coverage out;
  if (trials.empty()) return out;
  std::vector<Trial> by_cut(trials.begin(), trials.end());
  std::ranges::stable_sort(by_cut, {}, [](const Trial& trial) { return trial.of.changed_row.cut; });
  out.least_cut = by_cut.front().of.changed_row.cut;
  out.most_cut = by_cut.back().of.changed_row.cut;
  const auto [least, most] = std::ranges::minmax_element(by_cut, {}, &Trial::before);
  out.least_before = least->before;
  out.most_before = most->before;
  count_ids(trials, special, out);
  for (const Trial& trial : by_cut) out.length = std::max<std::uint64_t>(out.length, trial.end_valid);
  if (out.length < 2) return out;
  PairCounts pairs(out.length);
  for (std::size_t position = 0; position + 1 < out.length; ++position)
    pairs.add_position(position, by_cut, out);
  pairs.finish(out);
  return out;
}

MovedAfterCut moved_after_cut(std::span<const Trial> trials) {
  MovedAfterCut out;
  if (trials.empty()) return out;
  const std::size_t layers = trials.front().of.compared->reference->base.layers.size();
  out.tokens.assign(layers, 0);
  out.moved.assign(layers, 0);
  stats::parallel_for(layers, [&](std::size_t layer) { count_moved(trials, layer, out); });
  return out;
}

}  // namespace pastonly::comparison
