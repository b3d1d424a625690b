#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "routing/rule_ids.h"
#include "routing/rules/make.h"
#include "routing/selection/group.h"
#include "routing/selection/order_key.h"

namespace pastonly::routing {

namespace {

/// Bertsekas' auction with k jobs for each worker, as fairseq runs it (fairseq/clib/libbase/
/// balanced_assignment.cpp): experts bid for tokens, prices rise until every token has a bid. After
/// `patience` rounds bidders no longer hold on to what they won, which ends the auction soon and short
/// of the optimum. Ties go to the lower token and the lower expert.
class Auction {
 public:
  Auction(std::vector<float> worth, std::size_t experts, std::size_t tokens)
      : worth_(std::move(worth)),
        value_(worth_),
        experts_(experts),
        tokens_(tokens),
        share_(tokens / experts) {}

  /// The expert of every token. Requires tokens % experts == 0 and experts >= 2.
  std::vector<std::uint16_t> run() {
    const auto [low, high] = std::minmax_element(worth_.begin(), worth_.end());
    const float step = std::max((*high - *low) / 50.0F, 1e-4F);
    const float highest = *high;
    std::vector<std::uint16_t> owner(tokens_);
    std::vector<std::uint8_t> owned(tokens_, 0);
    std::vector<float> price(tokens_, 0.0F);
    for (std::size_t round = 0; round < limit; ++round) {
      collect_bids(step, round > 0 && round < patience, owner, owned);
      if (std::find(bid_.begin(), bid_.end(), 0.0F) == bid_.end()) break;
      for (std::size_t token = 0; token < tokens_; ++token) price[token] += bid_[token];
      for (std::size_t expert = 0; expert < experts_; ++expert) {
        for (std::size_t token = 0; token < tokens_; ++token) {
          value_[expert * tokens_ + token] = worth_[expert * tokens_ + token] - price[token];
        }
      }
      for (std::size_t token = 0; token < tokens_; ++token) {
        owned[token] = bid_[token] > 0.0F ? 1 : 0;
        if (owned[token] == 0) continue;
        owner[token] = bidder_[token];
        const std::size_t at = owner[token] * tokens_ + token;
        value_[at] = round < patience ? highest : worth_[at];
      }
    }
    return fill_up();
  }

 private:
  static constexpr std::size_t patience = 100;
  static constexpr std::size_t limit = 10'000;  // an end even for scores that never settle

  /// Every expert bids for its best `share_` tokens what they are worth above the next one, plus step.
  void collect_bids(float step, bool hold, const std::vector<std::uint16_t>& owner,
                    const std::vector<std::uint8_t>& owned) {
    bid_.assign(tokens_, 0.0F);
    bidder_.assign(tokens_, 0);
    order_.resize(tokens_);
    for (std::size_t expert = 0; expert < experts_; ++expert) {
      const float* value = value_.data() + expert * tokens_;
      for (std::size_t token = 0; token < tokens_; ++token) order_[token] = static_cast<std::uint32_t>(token);
      const auto next = order_.begin() + static_cast<std::ptrdiff_t>(share_);
      std::nth_element(order_.begin(), next, order_.end(), [value](std::uint32_t a, std::uint32_t b) {
        return value[a] != value[b] ? value[a] > value[b] : a < b;
      });
      const auto offer = [&](std::size_t token, float amount) {
        if (amount > bid_[token]) {
          bid_[token] = amount;
          bidder_[token] = static_cast<std::uint16_t>(expert);
        }
      };
      in_top_.assign(tokens_, 0);
      for (auto it = order_.begin(); it != next; ++it) in_top_[*it] = 1;
      for (std::size_t token = 0; token < tokens_; ++token) {
        if (hold && owned[token] != 0 && owner[token] == expert) {
          offer(token, step);
        } else if (in_top_[token] != 0) {
          offer(token, value[token] - value[*next] + step);
        }
      }
    }
  }

  /// The highest bidder takes a token while it has room (all have, unless values tie with the mark of what is
  /// held); what is left goes to the experts with room, in order.
  std::vector<std::uint16_t> fill_up() {
    std::vector<std::size_t> room(experts_, share_);
    std::vector<std::uint16_t> result(tokens_);
    std::vector<std::size_t> rest;
    for (std::size_t token = 0; token < tokens_; ++token) {
      if (bid_[token] > 0.0F && room[bidder_[token]] > 0) {
        --room[bidder_[token]];
        result[token] = bidder_[token];
      } else {
        rest.push_back(token);
      }
    }
    std::size_t expert = 0;
    for (const auto token : rest) {
      while (room[expert] == 0) ++expert;
      --room[expert];
      result[token] = static_cast<std::uint16_t>(expert);
    }
    return result;
  }

  std::vector<float> worth_;  // (experts, tokens)
  std::vector<float> value_;  // (experts, tokens) worth less price
  std::size_t experts_, tokens_, share_;
  std::vector<float> bid_;             // (tokens) highest bid
  std::vector<std::uint16_t> bidder_;  // (tokens)
  std::vector<std::uint32_t> order_;   // (tokens)
  std::vector<std::uint8_t> in_top_;   // (tokens)
};

/// Every token to one expert, every expert exactly T/N tokens. Where N does not divide the valid tokens,
/// placeholders worth the least fill up and are dropped.
class Assignment final : public GroupedRule {
 public:
  explicit Assignment(GroupingOptions grouping) : GroupedRule(grouping) {}

  std::string_view id() const noexcept override { return ids::assignment; }

 private:
  void route(const Group& group, Routing& out) const override {
    std::vector<std::size_t> taking;  // the valid tokens
    for (std::size_t token = 0; token < group.tokens(); ++token) {
      if (group.is_valid(token)) taking.push_back(token);
    }
    const std::size_t experts = group.experts();
    const std::size_t jobs = (taking.size() + experts - 1) / experts * experts;
    std::vector<std::uint16_t> owner(jobs, 0);
    if (experts > 1 && jobs > 0) owner = Auction(worth(group, taking, jobs), experts, jobs).run();
    for (std::size_t i = 0; i < taking.size(); ++i) {
      const std::size_t row = group.row(taking[i]);
      out.selected(row, owner[i]) = out.mask(row, owner[i]) = 1;
    }
  }
  /// Scores transposed, (experts, jobs); what is not finite is worth the least finite score.
  static std::vector<float> worth(const Group& group, std::span<const std::size_t> taking, std::size_t jobs) {
    float least = std::numeric_limits<float>::infinity();
    for (const auto token : taking) {
      for (const float score : group.scores.row(token)) {
        if (std::isfinite(score)) least = std::min(least, score);
      }
    }
    if (!std::isfinite(least)) least = 0.0F;
    std::vector<float> worth(group.experts() * jobs, least);
    for (std::size_t i = 0; i < taking.size(); ++i) {
      for (std::size_t expert = 0; expert < group.experts(); ++expert) {
        const float score = group.scores(taking[i], expert);
        if (std::isfinite(score)) worth[expert * jobs + i] = score;
      }
    }
    return worth;
  }
  Dependence group_dependence(const Layout& layout, std::size_t experts) const override {
    const bool several = experts > 1 && layout.tokens() > 1;
    return {.future = several, .batch = several, .length = experts > 1};
  }
};

}  // namespace

Made make_assignment(const Parameters& parameters) {
  ParameterReader reader(ids::assignment, parameters);
  if (reader.count("k", 1) != 1) reader.reject("parameter 'k' must be 1: every token has one expert");
  const GroupingOptions grouping = read_grouping(reader);
  return finished(reader, std::make_unique<Assignment>(grouping));
}

}  // namespace pastonly::routing
