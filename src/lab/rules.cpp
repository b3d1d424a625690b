#include "lab/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "routing/rule_ids.h"
#include "routing/rule_traits.h"
#include "routing/wrappers/permuted.h"
#include "routing/wrappers/rule_wrapper.h"
#include "stats/parallel.h"
#include "stats/random.h"

namespace pastonly::lab {
namespace {

// Streams of the wrappers' own draws; chance rules use low ones of the same seed.
constexpr std::uint64_t order_stream = 0x5348'5546'0000'0000ULL;
constexpr std::uint64_t drop_streams = 0x4452'4F50'0000'0000ULL;

bool depends_on_others(const Dependence& d) { return d.future || d.batch || d.order || d.length; }

/// A rule around one that goes on learning.
class Around : public routing::RuleWrapper {
 public:
  Around(RoutingRule& rule, std::string id) : RuleWrapper(rule), learner_(rule), id_(std::move(id)) {}
  std::string_view id() const noexcept override { return id_; }
  void learn(const Mask& routed) override { learner_.learn(routed); }
  void learn(MatrixView<const float> scores, const Mask& routed) override { learner_.learn(scores, routed); }

 private:
  RoutingRule& learner_;
  std::string id_;
};

class Shuffled final : public Around {
 public:
  explicit Shuffled(RoutingRule& rule) : Around(rule, fmt::format("{}(shuffled)", rule.id())) {}

  Dependence dependence(const Layout& layout, std::size_t experts) const override {
    Dependence inner = rule().dependence(layout, experts);
    if (depends_on_others(inner)) inner = {true, true, true, true, true};
    return inner;
  }

  void select(MatrixView<const float> scores, const RoutingContext& context, Routing& out) const override {
    const std::uint64_t order = stats::CounterRng(context.seed, order_stream).bits64();
    routing::PermutedRule(rule(), order).select(scores, context, out);
  }
};

class Dropping final : public Around {
 public:
  Dropping(RoutingRule& rule, double rate) : Around(rule, std::string(rule.id())), rate_(rate) {}

  Dependence dependence(const Layout& layout, std::size_t experts) const override {
    Dependence inner = rule().dependence(layout, experts);
    inner.random = true;
    return inner;
  }

  void select(MatrixView<const float> scores, const RoutingContext& context, Routing& out) const override {
    rule().select(scores, context, out);
    for (std::size_t t = 0; t < scores.rows(); ++t) {
      // A stream per token: what happens to one does not move the draws of the next.
      stats::CounterRng rng(context.seed, drop_streams + t);
      for (std::uint8_t& kept : out.mask.view().row(t)) {
        if (rng.uniform() < rate_) kept = 0;
      }
    }
  }

 private:
  double rate_;
};

/// Applies the rule to every prefix of every row and keeps the last token's outcome.
class Prefixes final : public Around {
 public:
  explicit Prefixes(RoutingRule& rule) : Around(rule, fmt::format("{}(streaming)", rule.id())) {}

  Dependence dependence(const Layout& layout, std::size_t experts) const override {
    return {.random = rule().dependence(layout, experts).random};
  }

  void select(MatrixView<const float> scores, const RoutingContext& context, Routing& out) const override {
    out.selected.reset(scores.rows(), scores.columns());
    out.mask.reset(scores.rows(), scores.columns());
    stats::parallel_for(context.layout.sequences, [&](std::size_t row) { route(row, scores, context, out); });
  }

 private:
  void route(std::size_t row, MatrixView<const float> scores, const RoutingContext& context,
             Routing& out) const {
    const Layout& layout = context.layout;
    std::vector<float> own;  // (positions, experts) of this row, as all below
    std::vector<std::int64_t> ids;
    std::vector<std::uint8_t> valid;
    Routing routed;
    for (std::size_t s = 0; s < layout.positions; ++s) {
      const std::size_t token = layout.router_index(row, s);
      const auto added = scores.row(token);
      own.insert(own.end(), added.begin(), added.end());
      if (!context.tokens.empty()) ids.push_back(context.tokens[token]);
      if (!context.valid.empty()) valid.push_back(context.valid[token]);
      const Layout prefix{1, s + 1, layout.order};
      rule().select({own.data(), s + 1, scores.columns()}, {prefix, context.seed, ids, valid}, routed);
      std::ranges::copy(routed.selected.view().row(s), out.selected.view().row(token).begin());
      std::ranges::copy(routed.mask.view().row(s), out.mask.view().row(token).begin());
    }
  }
};

/// The rule as it is.
class Unchanged final : public Around {
 public:
  explicit Unchanged(RoutingRule& rule) : Around(rule, std::string(rule.id())) {}
  void select(MatrixView<const float> scores, const RoutingContext& context, Routing& out) const override {
    rule().select(scores, context, out);
  }
};

/// expert-choice(streaming) with the rate and chunk of an expert-choice rule, row by row; nothing where
/// its rate comes from a capacity, or it routes by document.
std::unique_ptr<RoutingRule> streaming_expert_choice(const RoutingRule& rule, const Layout& layout) {
  if (find(rule.parameters(), "separator") != nullptr) return nullptr;
  Parameters parameters{{"scope", "sequence"}};
  for (const auto& [key, value] : rule.parameters()) {
    if (key == "k") parameters.emplace_back(key, value);
    if (key == "chunk") {
      const auto chunk = value.integer();
      // A chunk that runs on into other rows ends with its own: they are not visible.
      if (chunk && layout.positions % static_cast<std::size_t>(*chunk) == 0)
        parameters.emplace_back(key, value);
    }
  }
  if (std::ranges::none_of(parameters, [](const auto& entry) { return entry.first == "k"; })) return nullptr;
  auto made = make_rule(routing::ids::expert_choice_streaming, parameters);
  return made ? *std::move(made) : nullptr;
}

}  // namespace

std::unique_ptr<RoutingRule> shuffled(RoutingRule& rule) { return std::make_unique<Shuffled>(rule); }

std::unique_ptr<RoutingRule> dropping(RoutingRule& rule, double rate) {
  return std::make_unique<Dropping>(rule, rate);
}

std::unique_ptr<RoutingRule> streaming(RoutingRule& rule, const Layout& layout, std::size_t experts) {
  if (!depends_on_others(rule.dependence(layout, experts))) return std::make_unique<Unchanged>(rule);
  if (routing::chooses_in_chunks(routing::rule_traits(rule.id()))) {
    if (auto made = streaming_expert_choice(rule, layout)) return made;
  }
  return std::make_unique<Prefixes>(rule);
}

}  // namespace pastonly::lab
