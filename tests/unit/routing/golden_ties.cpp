#include "golden_ties.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace {

using Entry = std::pair<float, std::size_t>;

/// The k winners in the order in which PyTorch's CPU kernel returns them.
std::vector<std::size_t> kernel_top(const std::vector<float>& row, std::size_t k) {
  std::vector<Entry> queue;
  for (std::size_t i = 0; i < row.size(); ++i) queue.emplace_back(row[i], i);
  const auto larger = [](const Entry& a, const Entry& b) { return a.first > b.first; };
  const auto nth = queue.begin() + static_cast<std::ptrdiff_t>(k - 1);
  if (k * 64 <= row.size()) {
    std::partial_sort(queue.begin(), nth + 1, queue.end(), larger);
  } else {
    std::nth_element(queue.begin(), nth, queue.end(), larger);
    std::sort(queue.begin(), nth, larger);
  }
  std::vector<std::size_t> top;
  for (std::size_t j = 0; j < k; ++j) top.push_back(queue[j].second);
  return top;
}

std::vector<std::size_t> winners(std::vector<float> row, std::size_t k, TieBreak how) {
  if (how == TieBreak::kernel) return kernel_top(row, k);
  std::vector<std::size_t> top;
  for (std::size_t j = 0; j < k; ++j) {
    top.push_back(kernel_top(row, 1)[0]);
    row[top.back()] = 0.0F;
  }
  return top;
}

}  // namespace

std::vector<float> resolve_ties(const std::vector<float>& scores, std::size_t experts, std::size_t k,
                                TieBreak how) {
  std::vector<float> resolved = scores;
  if (how == TieBreak::lower_index) return resolved;
  for (std::size_t first = 0; first < scores.size(); first += experts) {
    const std::vector<float> row(scores.begin() + static_cast<std::ptrdiff_t>(first),
                                 scores.begin() + static_cast<std::ptrdiff_t>(first + experts));
    const auto top = winners(row, k, how);
    for (std::size_t j = 0; j < k; ++j) {
      // One ulp above every tied score that ranks behind: later winners, and one for all losers.
      std::size_t behind = 0, tied = 0;
      for (std::size_t i = j + 1; i < k; ++i) behind += row[top[i]] == row[top[j]] ? 1 : 0;
      for (std::size_t e = 0; e < experts; ++e) tied += row[e] == row[top[j]] ? 1 : 0;
      std::size_t winning = 0;
      for (const auto expert : top) winning += row[expert] == row[top[j]] ? 1 : 0;
      float& value = resolved[first + top[j]];
      for (std::size_t step = 0; step < behind + (tied > winning ? 1 : 0); ++step) {
        value = std::nextafter(value, std::numeric_limits<float>::infinity());
      }
    }
  }
  return resolved;
}
