#include "identify_cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "stats/random.h"

using namespace pastonly;

namespace {

using Ids = std::vector<std::string>;

constexpr std::size_t vocabulary = 24;  // small: token ids come back often enough to tell a table

std::vector<float> draw_scores(const IdentifyCase& which, stats::CounterRng& rng) {
  const std::size_t n = which.experts;
  std::vector<double> offset(n), logits(n);
  for (double& value : offset) value = 0.5 * rng.normal();
  std::vector<float> scores(which.layout.tokens() * n);
  for (std::size_t token = 0; token < which.layout.tokens(); ++token) {
    double total = 0.0;
    for (std::size_t e = 0; e < n; ++e) total += logits[e] = std::exp(offset[e] + rng.normal());
    for (std::size_t e = 0; e < n; ++e) {
      double score = logits[e] / total;
      if (which.ties)
        score = std::max(std::round(score * 16.0 * static_cast<double>(n)), 1.0) /
                (16.0 * static_cast<double>(n));
      scores[token * n + e] = static_cast<float>(score);
    }
  }
  return scores;
}

Value::Array draw_array(std::size_t n, double scale, std::uint64_t seed) {
  stats::CounterRng rng(seed, 77);
  Value::Array values;
  for (std::size_t i = 0; i < n; ++i) values.emplace_back(scale * rng.normal());
  return values;
}

class Grid {
 public:
  explicit Grid(std::size_t repetitions) : repetitions_(repetitions) {}

  std::vector<IdentifyCase> run() {
    each_shape([&] { add_all(); });
    each_shape([&] { add_budgets(); });
    return std::move(cases_);
  }

 private:
  template <class Add>
  void each_shape(Add add) {
    for (const std::size_t experts : {4, 8, 16, 64}) {
      for (const bool ties : {false, true}) {
        shape_.experts = experts;
        shape_.ties = ties;
        shape_.layout = {4, 64, TokenOrder::batch_major};
        for (std::size_t r = 0; r < repetitions_; ++r) add();
      }
    }
  }
  void add(std::string id, Parameters parameters, Ids accepted = {}) {
    auto one = shape_;
    one.seed = seed_++;
    accepted.push_back(id);
    one.id = std::move(id);
    one.parameters = std::move(parameters);
    one.accepted = std::move(accepted);
    cases_.push_back(std::move(one));
  }
  void add_all() {
    for (const std::size_t k : {1, 2, 4}) {
      if (k >= shape_.experts) continue;
      add_token_wise(k);
      add_capacities(k);
    }
    add_chunks();
    add_rest();
  }
  void add_token_wise(std::size_t k) {
    const std::size_t n = shape_.experts;
    const double spread = 0.3 / static_cast<double>(n);
    add("top-k", {{"k", k}});
    for (const auto* id : {"k-means", "k-means(same-batch)", "expert-autonomy"})
      add(id, {{"k", k}}, {"top-k"});
    add("column-normalised-gate", {{"k", k}}, {"top-k"});
    add("biased-top-k", {{"k", k}, {"bias", draw_array(n, spread, seed_)}}, {"top-k"});
    add("quantile-balancing", {{"k", k}, {"thresholds", draw_array(n, spread, seed_)}},
        {"top-k", "biased-top-k"});
    add("biased-top-k(same-batch)", {{"k", k}, {"update_rate", spread}, {"updates", 3}}, {"top-k"});
    add("sinkhorn", {{"k", k}, {"input", "probabilities"}}, {"top-k"});
    shape_.knows_tokens = true;
    add("hash", {{"k", k}, {"table_seed", 5}});
    shape_.knows_tokens = false;
    add("hash", {{"k", k}}, {"top-k"});
    if (n < 8) return;
    for (const auto* score : {"top2", "max"}) {
      add("group-limited-top-k", {{"k", k}, {"groups", 4}, {"topk_groups", 2}, {"group_score", score}},
          {"top-k"});
    }
    add("group-limited-top-k",
        {{"k", k}, {"groups", 4}, {"topk_groups", 2}, {"bias", draw_array(n, spread, seed_)}},
        {"top-k", "biased-top-k"});
  }
  void add_budgets() {
    const std::size_t tokens = shape_.layout.tokens(), n = shape_.experts;
    for (const std::size_t k : {1, 2, 4}) {
      if (k >= n) continue;
      add("biased-top-k(prefix)", {{"k", k}, {"update_rate", 0.3 / static_cast<double>(n)}}, {"top-k"});
      add("sequence-top-k", {{"k", k}});
      add("sequence-top-k", {{"k", k}, {"scope", "batch"}});
      add("sequence-top-k(streaming)", {{"k", k}});
      for (const double factor : {0.5, 1.0, 1.25}) {
        const auto budget = static_cast<std::size_t>(factor * static_cast<double>(4 * tokens * k / n));
        add("rank-capacity", {{"k", k}, {"ranks", n / 4}, {"capacity", budget}}, {"top-k"});
      }
    }
  }
  void add_capacities(std::size_t k) {
    const std::size_t tokens = shape_.layout.tokens(), n = shape_.experts;
    for (const double factor : {0.5, 1.0, 1.25, 16.0}) {
      const auto whole = [&](std::size_t together) {
        return std::max<std::size_t>(
            1, static_cast<std::size_t>(
                   std::ceil(factor * static_cast<double>(together * k) / static_cast<double>(n))));
      };
      const std::size_t c = whole(tokens), row = whole(shape_.layout.positions);
      if (k == 1) add("switch-capacity", {{"capacity", c}});
      add("token-major-capacity", {{"k", k}, {"capacity", c}});
      add("token-major-capacity", {{"k", k}, {"capacity", c}, {"order", "sequence-major"}});
      add("fixed-capacity", {{"k", k}, {"capacity", row}});
      if (k >= 2) add("gshard-top-2", {{"k", k}, {"capacity", c}});
      if (k == 2) add("gshard-top-2(random-second)", {{"capacity", c}});
      if (k == 2) add("gshard-top-2(random-second)", {{"capacity", c}, {"second", "drawn"}});
      if (k == 2) add("next-choice", {{"k", 2}, {"capacity", whole(tokens) / 2 + 1}});
      add("batch-priority", {{"k", k}, {"capacity", c}});
      for (const auto* rank : {"score", "renormalised"})
        add("drop-by-score", {{"k", k}, {"capacity", c}, {"rank", rank}});
      add("random-token", {{"k", k}, {"capacity", c}});
      add("unstable-capacity", {{"k", k}, {"capacity", c}});
    }
  }
  void add_chunks() {
    const std::size_t n = shape_.experts;
    for (const std::size_t chunk : {16, 48, 64, 256}) {
      for (const std::size_t k : {1, 2}) {
        if (k >= n || chunk * k < n) continue;
        add("expert-choice", {{"k", k}, {"chunk", chunk}});
        if (chunk < 64) add("expert-choice", {{"k", k}, {"chunk", chunk}, {"order", "sequence-major"}});
        if (chunk == 16 || chunk == 64) add("expert-choice(shuffled)", {{"k", k}, {"chunk", chunk}});
        add("expert-choice(streaming)",
            {{"k", k}, {"chunk", chunk}, {"scope", chunk > 64 ? "batch" : "sequence"}});
      }
    }
    add("expert-choice", {{"k", 2}, {"scope", "sequence"}});
    add("expert-choice", {{"capacity_formula", "flaxformer"}, {"capacity_factor", 1.25}});
  }
  void add_rest() {
    const std::size_t n = shape_.experts;
    add("noisy-top-k", {{"k", 1}, {"noise", 0.1}});
    add("expert-threshold", {{"thresholds", 1.3 / static_cast<double>(n)}});
    add("assignment", {});
    add("soft-moe", {}, {"top-k"});
    shape_.experts = 1;
    add("mixture-of-depths", {{"capacity_factor", 0.25}});
    add("mixture-of-depths(predictor)", {{"threshold", 0.5}}, {"expert-threshold"});
    shape_.experts = n;
  }

  std::size_t repetitions_;
  IdentifyCase shape_;
  std::uint64_t seed_ = 1;
  std::vector<IdentifyCase> cases_;
};

/// One expert's score is not a share of anything: any number in (0, 1).
void draw_single_expert(std::vector<float>& scores, bool ties, stats::CounterRng& rng) {
  for (float& score : scores) {
    const double value = rng.uniform();
    score = static_cast<float>(ties ? std::round(value * 64.0) / 64.0 : value);
  }
}

}  // namespace

std::string IdentifyCase::describe() const {
  std::string text = fmt::format("{} N={} seed={}{}", id, experts, seed, ties ? " ties" : "");
  for (const auto& [key, value] : parameters) {
    if (const auto whole = value.integer())
      text += fmt::format(" {}={}", key, *whole);
    else if (const auto real = value.number())
      text += fmt::format(" {}={}", key, *real);
    if (const auto* word = value.text()) text += fmt::format(" {}={}", key, *word);
  }
  return text;
}

std::vector<IdentifyCase> identify_grid(std::size_t repetitions) { return Grid(repetitions).run(); }

Trace make_case_trace(const IdentifyCase& which) {
  stats::CounterRng rng(which.seed, 1);
  TraceData data;
  data.layout = which.layout;
  TraceData::Layer layer;
  layer.scores = draw_scores(which, rng);
  if (which.experts == 1) draw_single_expert(layer.scores, which.ties, rng);
  RoutingContext context;
  context.layout = which.layout;
  context.seed = which.seed;
  if (which.knows_tokens) {
    for (std::size_t i = 0; i < which.layout.tokens(); ++i)
      data.tokens.push_back(static_cast<std::int64_t>(rng.below(vocabulary)));
    context.tokens = data.tokens;
  }
  const auto rule = make_rule(which.id, which.parameters);
  if (!rule) throw std::runtime_error(rule.error().message);
  Routing routing;
  (*rule)->select({layer.scores.data(), which.layout.tokens(), which.experts}, context, routing);
  layer.mask = std::move(routing.mask);
  data.layers.push_back(std::move(layer));
  return make_trace(std::move(data));
}

routing::Identification identify_traces(const std::vector<Trace>& traces, std::size_t layer) {
  std::vector<routing::LayerRun> runs;
  for (std::size_t i = 0; i < traces.size(); ++i) {
    const auto& trace = traces[i];
    runs.push_back({static_cast<std::uint32_t>(i), trace.layout, trace.order_known, &trace.layers[layer],
                    trace.tokens, trace.valid});
  }
  return routing::identify(runs);
}

bool lists(const routing::Identification& found, std::string_view id) {
  return std::ranges::any_of(found.rule.candidates, [&](const RuleCandidate& one) { return one.id == id; });
}
