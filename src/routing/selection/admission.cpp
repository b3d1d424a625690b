#include "routing/selection/admission.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <vector>

#include "routing/selection/order_key.h"

namespace pastonly::routing {

void admit_token_major(const Group& group, const Choices& choices, std::size_t slots, Routing& out) {
  std::vector<std::size_t> taken(group.experts(), 0);
  for (std::size_t token = 0; token < group.tokens(); ++token) {
    if (!group.is_valid(token)) continue;
    for (const auto expert : choices.of(token)) {
      if (taken[expert] == slots) continue;
      ++taken[expert];
      out.mask(group.row(token), expert) = 1;
    }
  }
}

void admit_latest(const Group& group, const Choices& choices, std::size_t slots, Routing& out) {
  std::vector<std::size_t> taken(group.experts(), 0);
  for (std::size_t token = group.tokens(); token-- > 0;) {
    if (!group.is_valid(token)) continue;
    for (const auto expert : choices.of(token)) {
      if (taken[expert] == slots) continue;
      ++taken[expert];
      out.mask(group.row(token), expert) = 1;
    }
  }
}

void admit_next_free(const Group& group, std::size_t k, std::size_t slots, Routing& out) {
  std::vector<std::size_t> taken(group.experts(), 0);
  std::vector<std::uint32_t> order(group.experts());
  for (std::size_t token = 0; token < group.tokens(); ++token) {
    const std::size_t row = group.row(token);
    for (std::size_t e = 0; e < group.experts(); ++e) out.selected(row, e) = 0;
    if (!group.is_valid(token)) continue;
    std::iota(order.begin(), order.end(), 0U);
    std::ranges::stable_sort(order, std::greater<>(),
                             [&](std::uint32_t e) { return order_key(group.scores(token, e)); });
    std::size_t left = k;
    for (const auto expert : order) {
      if (left == 0) break;
      if (taken[expert] == slots) continue;
      ++taken[expert];
      --left;
      out.selected(row, expert) = out.mask(row, expert) = 1;
    }
  }
}

void admit_choice_major(const Group& group, const Choices& choices, std::size_t slots,
                        std::span<const std::uint32_t> order, Routing& out) {
  std::vector<std::size_t> taken(group.experts(), 0);
  for (std::size_t j = 0; j < choices.k; ++j) {
    for (std::size_t i = 0; i < group.tokens(); ++i) {
      const std::size_t token = order.empty() ? i : order[i];
      if (!group.is_valid(token)) continue;
      const auto expert = choices.of(token)[j];
      if (taken[expert] == slots) continue;
      ++taken[expert];
      out.mask(group.row(token), expert) = 1;
    }
  }
}

void admit_by_priority(const Group& group, const Choices& choices, std::size_t slots,
                       std::span<const float> priority, Routing& out) {
  struct Claim {
    std::uint32_t key;
    std::uint32_t token;
  };
  std::vector<std::size_t> start(group.experts() + 1, 0);
  for (std::size_t token = 0; token < group.tokens(); ++token) {
    if (!group.is_valid(token)) continue;
    for (const auto expert : choices.of(token)) ++start[expert + 1U];
  }
  for (std::size_t e = 0; e < group.experts(); ++e) start[e + 1] += start[e];
  std::vector<Claim> claims(start.back());  // by expert, tokens ascending
  std::vector<std::size_t> end(start.begin(), start.end() - 1);
  for (std::size_t token = 0; token < group.tokens(); ++token) {
    if (!group.is_valid(token)) continue;
    for (std::size_t j = 0; j < choices.k; ++j) {
      claims[end[choices.of(token)[j]]++] = {order_key(priority[token * choices.k + j]),
                                             static_cast<std::uint32_t>(token)};
    }
  }
  for (std::size_t e = 0; e < group.experts(); ++e) {
    const std::span<Claim> mine(claims.data() + start[e], start[e + 1] - start[e]);
    if (mine.size() > slots && slots > 0) {
      std::nth_element(
          mine.begin(), mine.begin() + static_cast<std::ptrdiff_t>(slots - 1), mine.end(),
          [](const Claim& a, const Claim& b) { return a.key != b.key ? a.key > b.key : a.token < b.token; });
    }
    for (std::size_t i = 0; i < std::min(slots, mine.size()); ++i) out.mask(group.row(mine[i].token), e) = 1;
  }
}

}  // namespace pastonly::routing
