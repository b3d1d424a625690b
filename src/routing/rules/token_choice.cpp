#include "routing/rules/token_choice.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "routing/parameter_values.h"
#include "routing/rule_ids.h"
#include "routing/rules/make.h"
#include "routing/selection/order_key.h"

namespace pastonly::routing {

std::vector<float> with_offset(MatrixView<const float> scores, std::span<const float> offset, float sign) {
  std::vector<float> sums(scores.data(), scores.data() + scores.size());
  const std::size_t reach = std::min(offset.size(), scores.columns());
  for (std::size_t token = 0; token < scores.rows(); ++token) {
    float* row = sums.data() + token * scores.columns();
    for (std::size_t expert = 0; expert < reach; ++expert) row[expert] += sign * offset[expert];
  }
  return sums;
}

TopKRule::TopKRule(std::string_view id, std::size_t k, Dependence declared)
    : GroupedRule({}), id_(id), k_(k), declared_(declared) {}

Parameters TopKRule::parameters() const { return {{"k", k_}}; }

void TopKRule::route(const Group& group, Routing& out) const {
  mark(group, top_choices(group.scores, k_), true, out);
}

Dependence TopKRule::group_dependence(const Layout&, std::size_t) const { return declared_; }

namespace {

/// The loss-free bias: added to the scores for selection, kept out of the gate, moved between batches.
class BiasedTopK final : public GroupedRule {
 public:
  BiasedTopK(std::size_t k, std::vector<float> bias, double rate)
      : GroupedRule({}), k_(k), bias_(std::move(bias)), rate_(rate) {}

  std::string_view id() const noexcept override { return ids::biased_top_k; }
  Parameters parameters() const override {
    Parameters parameters{{"k", k_}};
    if (!bias_.empty()) parameters.emplace_back("bias", to_array(bias_));
    if (rate_ > 0.0) parameters.emplace_back("update_rate", rate_);
    return parameters;
  }
  using RoutingRule::learn;
  /// b_i += rate * sign(mean load - load_i): DeepSeek-V3, section 2.1.2; loss-free balancing, algorithm 1.
  void learn(const Mask& routed) override {
    if (rate_ == 0.0 || routed.tokens() == 0) return;
    bias_.resize(routed.experts(), 0.0F);
    std::vector<std::size_t> load(routed.experts(), 0);
    std::size_t total = 0;
    for (std::size_t token = 0; token < routed.tokens(); ++token) {
      for (std::size_t expert = 0; expert < routed.experts(); ++expert) load[expert] += routed(token, expert);
    }
    for (const auto count : load) total += count;
    for (std::size_t expert = 0; expert < routed.experts(); ++expert) {
      const std::size_t scaled = load[expert] * routed.experts();
      if (scaled != total) bias_[expert] += static_cast<float>(scaled < total ? rate_ : -rate_);
    }
  }

 private:
  void route(const Group& group, Routing& out) const override {
    const auto sums = with_offset(group.scores, bias_);
    mark(group, top_choices({sums.data(), group.tokens(), group.experts()}, k_), true, out);
  }
  Dependence group_dependence(const Layout&, std::size_t) const override { return {}; }

  std::size_t k_;
  std::vector<float> bias_;  // (experts) or shorter
  double rate_;
};

/// Top-k of s - beta; beta is the dual price of the previous batch.
class QuantileBalancing final : public GroupedRule {
 public:
  QuantileBalancing(std::size_t k, std::vector<float> thresholds)
      : GroupedRule({}), k_(k), thresholds_(std::move(thresholds)) {}

  std::string_view id() const noexcept override { return ids::quantile_balancing; }
  Parameters parameters() const override {
    Parameters parameters{{"k", k_}};
    if (!thresholds_.empty()) parameters.emplace_back("thresholds", to_array(thresholds_));
    return parameters;
  }
  using RoutingRule::learn;
  /// The next beta_i is the (T k / N + 1)-th largest of s_i - alpha, where alpha is each token's (k+1)-th
  /// largest s - beta: megatron/core/transformer/moe/moe_utils.py, qb_dual_update.
  void learn(MatrixView<const float> scores, const Mask&) override {
    const std::size_t experts = scores.columns(), tokens = scores.rows();
    const std::size_t target = experts == 0 ? 0 : tokens * k_ / experts;
    if (k_ + 1 > experts || target + 1 > tokens) return;
    const auto shifted = with_offset(scores, thresholds_, -1.0F);
    const MatrixView<const float> view(shifted.data(), tokens, experts);
    const Choices choices = top_choices(view, k_ + 1);
    std::vector<float> column(tokens);  // (tokens) s_i - alpha
    thresholds_.assign(experts, 0.0F);
    for (std::size_t expert = 0; expert < experts; ++expert) {
      for (std::size_t token = 0; token < tokens; ++token) {
        column[token] = comparable(scores(token, expert) - view(token, choices.of(token)[k_]));
      }
      const auto at = column.begin() + static_cast<std::ptrdiff_t>(target);
      std::nth_element(column.begin(), at, column.end(), std::greater<>());
      thresholds_[expert] = std::isfinite(*at) ? *at : 0.0F;
    }
  }

 private:
  void route(const Group& group, Routing& out) const override {
    const auto sums = with_offset(group.scores, thresholds_, -1.0F);
    mark(group, top_choices({sums.data(), group.tokens(), group.experts()}, k_), true, out);
  }
  Dependence group_dependence(const Layout&, std::size_t) const override { return {}; }

  std::size_t k_;
  std::vector<float> thresholds_;  // (experts) or shorter
};

Made make_plain(std::string_view id, const Parameters& parameters, Dependence declared = {}) {
  ParameterReader reader(id, parameters);
  const std::size_t k = reader.count("k", std::nullopt);
  return finished(reader, std::make_unique<TopKRule>(id, k, declared));
}

}  // namespace

Made make_top_k(const Parameters& parameters) { return make_plain(ids::top_k, parameters); }
Made make_k_means(const Parameters& parameters) { return make_plain(ids::k_means, parameters); }
Made make_expert_autonomy(const Parameters& parameters) {
  return make_plain(ids::expert_autonomy, parameters);
}

Made make_k_means_same_batch(const Parameters& parameters) {
  // The means, and so the scores, carry the whole batch.
  return make_plain(ids::k_means_same_batch, parameters, {.future = true, .batch = true, .length = true});
}

Made make_column_normalised_gate(const Parameters& parameters) {
  ParameterReader reader(ids::column_normalised_gate, parameters);
  const std::size_t k = reader.count("k", 1);
  // The gates carry the whole batch, the mask nothing.
  return finished(reader,
                  std::make_unique<TopKRule>(ids::column_normalised_gate, k,
                                             Dependence{.future = true, .batch = true, .length = true}));
}

Made make_biased_top_k(const Parameters& parameters) {
  ParameterReader reader(ids::biased_top_k, parameters);
  const std::size_t k = reader.count("k", std::nullopt);
  auto bias = reader.array("bias");
  const double rate = reader.number("update_rate", 0.0, 0.0);
  return finished(reader, std::make_unique<BiasedTopK>(k, std::move(bias), rate));
}

Made make_quantile_balancing(const Parameters& parameters) {
  ParameterReader reader(ids::quantile_balancing, parameters);
  const std::size_t k = reader.count("k", std::nullopt);
  auto thresholds = reader.array("thresholds");
  return finished(reader, std::make_unique<QuantileBalancing>(k, std::move(thresholds)));
}

}  // namespace pastonly::routing
