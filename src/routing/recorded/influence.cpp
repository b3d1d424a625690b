#include "routing/recorded/influence.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "routing/selection/order_key.h"

namespace pastonly::routing {
namespace {

/// The k-th smallest of a set of positions that only grows; k fixed. As members arrive it only falls,
/// so following it costs one walk over the positions in all.
class FallingOrderStatistic {
 public:
  /// Starts from `members`, of which there are exactly k.
  FallingOrderStatistic(std::size_t positions, std::span<const std::uint32_t> members)
      : present_(positions, 0) {
    for (const std::uint32_t member : members) {
      present_[member] = 1;
      current_ = std::max(current_, member);
    }
  }
  std::uint32_t value() const noexcept { return current_; }
  void insert(std::uint32_t member) noexcept {
    present_[member] = 1;
    if (member > current_) return;
    do {
      --current_;
    } while (present_[current_] == 0);
  }

 private:
  std::vector<std::uint8_t> present_;  // (positions)
  std::uint32_t current_ = 0;
};

/// Positions from the best score to the worst, ties by position. Key and position share a word: sorting
/// words is several times as fast as sorting positions by what they point at.
std::vector<std::uint32_t> ranked(std::span<const float> column) {
  std::vector<std::uint64_t> words(column.size());
  for (std::size_t i = 0; i < column.size(); ++i) words[i] = std::uint64_t{~order_key(column[i])} << 32 | i;
  std::sort(words.begin(), words.end());
  std::vector<std::uint32_t> order(column.size());
  for (std::size_t i = 0; i < column.size(); ++i) order[i] = static_cast<std::uint32_t>(words[i]);
  return order;
}

std::uint32_t ahead(std::uint32_t deciding, std::uint32_t token) {
  return deciding > token ? deciding - token : 0;
}

}  // namespace

void influence_reach(std::span<const float> column, std::size_t capacity, std::span<std::uint32_t> reach) {
  const std::size_t tokens = column.size();
  std::fill(reach.begin(), reach.end(), 0U);
  if (capacity == 0 || capacity >= tokens) return;  // nobody or everybody is taken, whatever comes
  const std::vector<std::uint32_t> order = ranked(column);
  const std::span<const std::uint32_t> taken(order.data(), capacity);
  const std::span<const std::uint32_t> left(order.data() + capacity, tokens - capacity);

  // Rank r taken: the (C - r + 1)-th largest position among the T - r ranked below it, which is the
  // (T - C)-th smallest, for every r.
  FallingOrderStatistic displacing(tokens, left);
  for (std::size_t r = capacity; r-- > 0;) {
    reach[taken[r]] = ahead(displacing.value(), taken[r]);
    if (r > 0) displacing.insert(taken[r]);
  }
  // Rank r not taken: the (r - C)-th largest among the r - 1 above it, which is the C-th smallest.
  FallingOrderStatistic admitting(tokens, taken);
  for (const std::uint32_t token : left) {
    reach[token] = ahead(admitting.value(), token);
    admitting.insert(token);
  }
}

}  // namespace pastonly::routing
