#include "replay/streamed_capacity.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

#include "kernels/bit_counts.h"
#include "routing/selection/order_key.h"
#include "routing/selection/top_k.h"
#include "stats/parallel.h"

namespace pastonly::replay {
namespace {

constexpr std::size_t stretch_tokens = 4096;

/// One token's wish for an expert.
struct Wish {
  std::uint32_t level = 0;  ///< 0 = first choice
  float priority = 0.0F;
  bool recorded = false;  ///< the expert took it
};

/// For each value how many earlier ones are not below it (NaN counts as the lowest), in O(n log n).
std::vector<std::size_t> earlier_not_below(const std::vector<float>& values) {
  const std::size_t n = values.size();
  std::vector<std::size_t> order(n), rank(n), tree(n + 1, 0), out(n, 0);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto key = [&](std::size_t i) { return std::isfinite(values[i]) ? values[i] : -HUGE_VALF; };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return key(a) > key(b); });
  for (std::size_t r = 0; r < n; ++r) rank[order[r]] = r;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = rank[i]; j > 0; j -= j & (0 - j)) out[i] += tree[j];
    for (std::size_t j = rank[i] + 1; j <= n; j += j & (0 - j)) ++tree[j];
  }
  return out;
}

/// Wishes of one expert, in order, that streaming decides otherwise than recorded.
std::size_t changes(const std::vector<Wish>& wishes, const CappedChoice& rule) {
  const bool levels = rule.admit == Admit::choice_major || rule.admit == Admit::by_priority_choice_major;
  const std::size_t lists = levels ? rule.k : 1;
  std::vector<std::size_t> before(wishes.size(), 0);
  for (std::size_t level = 0; level < lists; ++level) {
    std::vector<std::size_t> own;
    std::vector<float> priorities;
    for (std::size_t i = 0; i < wishes.size(); ++i) {
      if (levels && wishes[i].level > level) before[i] += own.size();
      if (levels && wishes[i].level != level) continue;
      own.push_back(i);
      priorities.push_back(wishes[i].priority);
    }
    if (rule.admit == Admit::choice_major) {
      for (std::size_t i = 0; i < own.size(); ++i) before[own[i]] += i;
      continue;
    }
    const auto ahead = earlier_not_below(priorities);
    for (std::size_t i = 0; i < own.size(); ++i) before[own[i]] += ahead[i];
  }
  std::size_t changed = 0;
  for (std::size_t i = 0; i < wishes.size(); ++i)
    changed += (before[i] < rule.slots) != wishes[i].recorded ? 1 : 0;
  return changed;
}

/// Reads one token's choices after another.
class ChoiceReader {
 public:
  ChoiceReader(MatrixView<const float> scores, MatrixView<const std::uint8_t> mask, std::size_t k)
      : scores_(scores), mask_(mask), chosen_(std::min(k, scores.columns())) {}

  /// The experts that the token chose, in any order.
  std::span<const std::uint16_t> of(std::size_t token) {
    const auto row = mask_.row(token);
    std::size_t held = 0;
    for (std::size_t first = 0; first < row.size(); first += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, row.data() + first, std::min<std::size_t>(8, row.size() - first));
      for (; word != 0; word &= word - 1, ++held) {
        if (held < chosen_.size())
          chosen_[held] =
              static_cast<std::uint16_t>(first + static_cast<std::size_t>(std::countr_zero(word)) / 8);
      }
    }
    if (held != chosen_.size()) routing::top_k(scores_.row(token), chosen_);
    return chosen_;
  }
  /// How many of what `of` gave stand before `expert`; ties: lower expert first.
  std::uint32_t level(std::size_t token, std::uint16_t expert) const {
    const auto own = key(token, expert);
    std::uint32_t before = 0;
    for (const auto e : chosen_) before += key(token, e) > own ? 1U : 0U;
    return before;
  }
  /// What orders the wishes for `expert` within a level, or where there are none. After `of`.
  float priority(std::size_t token, std::uint16_t expert, Admit admit) {
    if (admit == Admit::choice_major) return 0.0F;
    if (admit == Admit::by_priority) return scores_(token, expert);
    ranked_ = chosen_;
    std::ranges::sort(ranked_, [&](std::uint16_t a, std::uint16_t b) {
      const auto x = key(token, a), y = key(token, b);
      return x != y ? x > y : a < b;
    });
    if (admit == Admit::by_priority_choice_major) return scores_(token, ranked_.front());
    float sum = 0.0F;  // best first, as rules add
    for (const auto e : ranked_) sum += scores_(token, e);
    return scores_(token, expert) / sum;
  }

 private:
  std::uint64_t key(std::size_t token, std::uint16_t expert) const {
    return std::uint64_t{routing::order_key(scores_(token, expert))} << 16 |
           static_cast<std::uint16_t>(~expert);
  }

  MatrixView<const float> scores_;
  MatrixView<const std::uint8_t> mask_;
  std::vector<std::uint16_t> chosen_;  // (k)
  std::vector<std::uint16_t> ranked_;  // (k) best first
};

/// Neighbours in the order, read on one thread.
struct Stretch {
  std::vector<std::size_t> wanted;        // (experts) choices that name it
  std::vector<std::vector<Wish>> wishes;  // (experts) of contested experts
  std::size_t changed = 0;                ///< entries that differ, contested experts aside
};

class StreamedCapacity {
 public:
  StreamedCapacity(MatrixView<const float> scores, MatrixView<const std::uint8_t> mask,
                   std::span<const std::size_t> order, const CappedChoice& rule)
      : scores_(scores),
        mask_(mask),
        order_(order),
        rule_(rule),
        stretches_((order.size() + stretch_tokens - 1) / stretch_tokens),
        wanted_(scores.columns(), 0) {}

  std::size_t run() {
    for_each_token([](Stretch& stretch, ChoiceReader& reader, std::size_t token) {
      for (const auto e : reader.of(token)) ++stretch.wanted[e];
    });
    for (const Stretch& stretch : stretches_) {
      for (std::size_t e = 0; e < wanted_.size(); ++e) wanted_[e] += stretch.wanted[e];
    }
    for_each_token(
        [&](Stretch& stretch, ChoiceReader& reader, std::size_t token) { read(stretch, reader, token); });
    std::vector<std::size_t> changed(wanted_.size(), 0);
    stats::parallel_for(changed.size(), [&](std::size_t e) { changed[e] = changes(wishes(e), rule_); });
    std::size_t sum = std::accumulate(changed.begin(), changed.end(), std::size_t{0});
    for (const Stretch& stretch : stretches_) sum += stretch.changed;
    return sum;
  }

 private:
  /// An expert that has room for all who want it refuses nobody who sees fewer: most need no further look.
  bool contested(std::size_t e) const { return wanted_[e] > rule_.slots; }

  template <class Read>
  void for_each_token(Read&& read_token) {
    stats::parallel_for(stretches_.size(), [&](std::size_t s) {
      Stretch& stretch = stretches_[s];
      stretch.wanted.resize(wanted_.size());
      stretch.wishes.resize(wanted_.size());
      ChoiceReader reader(scores_, mask_, rule_.k);
      const std::size_t first = s * stretch_tokens;
      for (const std::size_t token : order_.subspan(first, std::min(stretch_tokens, order_.size() - first)))
        read_token(stretch, reader, token);
    });
  }
  void read(Stretch& stretch, ChoiceReader& reader, std::size_t token) const {
    stretch.changed += kernels::count_ones(mask_.row(token).data(), wanted_.size());  // less what was chosen
    for (const auto e : reader.of(token)) {
      const bool recorded = mask_(token, e) != 0;
      stretch.changed -= recorded ? 1 : 0;
      if (contested(e)) {
        stretch.wishes[e].push_back(
            {reader.level(token, e), reader.priority(token, e, rule_.admit), recorded});
      } else {
        stretch.changed += recorded ? 0 : 1;
      }
    }
  }
  std::vector<Wish> wishes(std::size_t e) const {
    std::vector<Wish> all;
    for (const Stretch& stretch : stretches_)
      all.insert(all.end(), stretch.wishes[e].begin(), stretch.wishes[e].end());
    return all;
  }

  MatrixView<const float> scores_;
  MatrixView<const std::uint8_t> mask_;
  std::span<const std::size_t> order_;
  CappedChoice rule_;
  std::vector<Stretch> stretches_;
  std::vector<std::size_t> wanted_;  // (experts)
};

}  // namespace

std::size_t streamed_changes(MatrixView<const float> scores, MatrixView<const std::uint8_t> mask,
                             std::span<const std::size_t> order, const CappedChoice& rule) {
  return StreamedCapacity(scores, mask, order, rule).run();
}

}  // namespace pastonly::replay
