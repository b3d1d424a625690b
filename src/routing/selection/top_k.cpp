#include "routing/selection/top_k.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "routing/selection/order_key.h"

namespace pastonly::routing {

namespace {

/// Insertion into a short sorted list: fastest for the k that models use.
constexpr std::size_t short_k = 16;

void top_short(std::span<const float> scores, std::span<std::uint16_t> best) {
  std::array<float, short_k> values{};
  const std::size_t k = best.size();
  std::size_t held = 0;
  for (std::size_t expert = 0; expert < scores.size(); ++expert) {
    const float value = comparable(scores[expert]);
    // Experts come in ascending order, so an equal score never displaces an earlier one.
    if (held == k && !(value > values[k - 1])) continue;
    std::size_t slot = held < k ? held++ : k - 1;
    for (; slot > 0 && value > values[slot - 1]; --slot) {
      values[slot] = values[slot - 1];
      best[slot] = best[slot - 1];
    }
    values[slot] = value;
    best[slot] = static_cast<std::uint16_t>(expert);
  }
}

void top_long(std::span<const float> scores, std::span<std::uint16_t> best,
              std::vector<std::uint16_t>& order) {
  order.resize(scores.size());
  std::iota(order.begin(), order.end(), std::uint16_t{0});
  std::partial_sort_copy(order.begin(), order.end(), best.begin(), best.end(),
                         [&](std::uint16_t a, std::uint16_t b) {
                           const float x = comparable(scores[a]), y = comparable(scores[b]);
                           return x != y ? x > y : a < b;
                         });
}

}  // namespace

void top_k(std::span<const float> scores, std::span<std::uint16_t> best) {
  const auto wanted = best.first(std::min(best.size(), scores.size()));
  if (wanted.empty()) return;
  if (wanted.size() <= short_k) return top_short(scores, wanted);
  std::vector<std::uint16_t> order;
  top_long(scores, wanted, order);
}

Choices top_choices(MatrixView<const float> scores, std::size_t k) {
  Choices choices;
  choices.k = std::min(k, scores.columns());
  choices.experts.resize(scores.rows() * choices.k);
  if (choices.k == 0) return choices;
  std::vector<std::uint16_t> order;
  for (std::size_t token = 0; token < scores.rows(); ++token) {
    const std::span<std::uint16_t> best(choices.experts.data() + token * choices.k, choices.k);
    if (choices.k <= short_k) {
      top_short(scores.row(token), best);
    } else {
      top_long(scores.row(token), best, order);
    }
  }
  return choices;
}

void mark(const Group& group, const Choices& choices, bool dropless, Routing& out) {
  for (std::size_t token = 0; token < group.tokens(); ++token) {
    if (!group.is_valid(token)) continue;
    const std::size_t row = group.row(token);
    for (const auto expert : choices.of(token)) {
      out.selected(row, expert) = 1;
      if (dropless) out.mask(row, expert) = 1;
    }
  }
}

}  // namespace pastonly::routing
