// Measures what the forensic sweep finds of leaks that training taught a model, and whether the limit that it
// states covers them. Small models are trained on uniform tokens, where nothing but a leak lowers the loss
// below the source's entropy: what a model gains under the rule of its training is therefore known. Each is
// audited after several lengths of training, as a checkpoint that declares top-k would be. Prints tables in
// Markdown, which docs/checks/forensic-sweep.md quotes.
//
//     pastonly_sweep_power [MODELS_PER_ROW [FIRST_SEED]]

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <memory>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "audits/checks.h"
#include "evidence/observations.h"
#include "model/model.h"
#include "model/runnable.h"
#include "pastonly/names.h"
#include "pastonly/policy.h"
#include "routing/rule_ids.h"
#include "stats/interval.h"
#include "stats/parallel.h"
#include "stats/random.h"
#include "stats/token_source.h"
#include "subjects/live_model.h"
#include "subjects/token_draws.h"

using namespace pastonly;

namespace {

const Source uniform{"uniform", 16};
constexpr std::size_t lengths[] = {50, 150, 500, 1500};  // steps of training after which a model is audited
constexpr std::size_t batch = 256;                       // tokens
constexpr std::size_t batches_of_truth = 256;

struct Row {
  enum class Kind { causal, tried, untried };
  std::string rule;
  std::size_t positions;
  Kind kind = Kind::tried;
  std::int64_t k = 2;  // that the model declares

  Layout layout() const { return {batch / positions, positions}; }
};

std::vector<Row> rows() {
  using enum Row::Kind;
  std::vector<Row> out{{"top-k,k=2", 32, causal},
                       {"top-k,k=2", 8, causal},
                       {"top-k,k=1", 32, causal, 1},
                       {"biased-top-k,k=2,update_rate=0.01", 32, causal},
                       {"group-limited-top-k,k=2,groups=4,topk_groups=2", 32, causal},
                       {"fixed-capacity,k=2,capacity=5", 16, causal},
                       {"token-major-capacity,k=2,capacity_factor=1", 32, causal},
                       {"expert-choice(streaming),k=2,chunk=8", 32, causal}};
  for (const std::size_t chunk : {8, 16, 64})
    out.push_back({fmt::format("expert-choice,k=2,chunk={}", chunk), 32});
  out.push_back({"expert-choice,k=2", 32});
  const Row windowed[] = {{"drop-by-score,k=2,capacity_factor=1", 32},
                          {"batch-priority,k=2,capacity_factor=1", 32},
                          {"gshard-top-2,k=2,capacity_factor=1", 32},
                          {"next-choice,k=2,capacity_factor=1", 32},
                          {"sinkhorn,k=2", 32},
                          {"assignment", 32, tried, 1},
                          {"biased-top-k(same-batch),k=2,update_rate=0.01,updates=10", 32, untried}};
  for (const Row& row : windowed) {
    for (const std::size_t width : {8, 16, 64}) {
      Row& in_sequences = out.emplace_back(row);
      in_sequences.rule += ",scope=sequence";
      in_sequences.positions = width;
    }
    out.push_back(row);
  }
  return out;
}

struct Audited {
  double leak = 0.0;  // bits per token below the source, under the rule of the training
  double limit = std::numeric_limits<double>::infinity();  // sweep_limit, where one is stated
  bool found = false;
};

template <class T>
T valued(Expected<T> value) {
  if (value) return std::move(*value);
  fmt::print(stderr, "{}\n", value.error().message);
  std::exit(2);
}

model::Model untrained(const Row& row, std::uint64_t seed) {
  model::ModelConfig config;
  config.vocab = uniform.vocab;
  config.width = config.expert_width = 16;
  config.layers = config.heads = config.kv_heads = 2;
  config.head_width = config.experts = 8;
  config.qk_norm = model::QkNorm::whole;
  config.router.rule = valued(parse_rule(row.rule));
  if (row.k == 1) config.router.gate = model::Gate::raw;
  model::TrainingConfig training;
  training.steps = lengths[std::size(lengths) - 1];
  training.warmup = 20;
  training.learning_rate = 1e-2;
  return valued(model::Model::create(config, training, seed));
}

/// Entropy of the source less the loss on fresh tokens.
double leak_of(const model::Model& model, const stats::TokenSource& source, const Layout& layout,
               std::uint64_t seed) {
  model::Workspace<float> workspace;
  std::vector<std::int64_t> tokens;
  double bits = 0.0;
  for (std::size_t b = 0; b < batches_of_truth; ++b) {
    source.draw(stats::CounterRng(seed, b).bits64(), layout.sequences, layout.positions, tokens);
    bits += valued(model.evaluate({layout, tokens, {}}, {.scores = false}, workspace)).cross_entropy / std::numbers::ln2;
  }
  return source.entropy_bits() - bits / static_cast<double>(batches_of_truth);
}

/// Every layer's rule exchanged for what the caller holds.
void exchange_rules(model::Model& model, std::vector<std::unique_ptr<RoutingRule>>& rules) {
  auto& routers = model.network().routers();
  for (std::size_t l = 0; l < routers.size(); ++l) std::swap(routers[l].rule, rules[l]);
}

void sweep(model::Model& model, const Row& row, std::uint64_t seed, const Policy& policy, Audited& out) {
  std::vector<std::unique_ptr<RoutingRule>> rules;
  for (std::size_t l = 0; l < model.config().layers; ++l)
    rules.push_back(valued(make_rule(routing::ids::top_k, {{"k", row.k}})));
  exchange_rules(model, rules);
  {
    subjects::LiveOptions live;
    live.layout = row.layout();
    live.mode = Mode::eval;
    live.seed = seed;
    live.budget = 1 << 16;
    const auto subject =
        valued(subjects::make_live(model::make_runnable(model), valued(subjects::draws_from(uniform)), live));
    evidence::Observations observations(*subject);
    const Outcome outcome = audits::forensic_sweep_check.run({observations, policy, 0});
    const auto* ran = std::get_if<Ran>(&outcome);
    if (ran == nullptr) std::abort();
    for (const Claim& claim : ran->claims)
      out.found = out.found || claim.p_value.value_or(0.0) <= policy.alpha;
    for (const Measurement& measured : ran->measurements)
      if (measured.name == measurement::sweep_limit) out.limit = measured.value;
  }
  exchange_rules(model, rules);
}

/// One for each length of training.
std::vector<Audited> audited(const Row& row, std::uint64_t seed, const Policy& policy) {
  const auto source = valued(stats::TokenSource::make(uniform));
  auto model = untrained(row, seed);
  std::vector<Audited> out;
  std::vector<std::int64_t> tokens;
  for (const std::size_t steps : lengths) {
    while (model.steps_done() < steps) {
      source.draw(stats::CounterRng(seed, model.steps_done()).bits64(), row.layout().sequences, row.positions,
                  tokens);
      valued(model.step({row.layout(), tokens, {}}));
    }
    Audited& one = out.emplace_back();
    one.leak = leak_of(model, source, row.layout(), stats::CounterRng(seed, 1'000'000).bits64());
    sweep(model, row, stats::CounterRng(seed, 1'000'000 + steps).bits64(), policy, one);
  }
  return out;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// "found 3 of 5" and what the models of one cell, or of one size of leak, have in common.
struct Tally {
  std::vector<double> leaks, limits;
  std::size_t found = 0, too_low = 0, passed = 0, passed_wrongly = 0;

  void add(const Audited& one, double allowed) {
    leaks.push_back(one.leak);
    limits.push_back(one.limit);
    found += one.found;
    too_low += one.limit < one.leak;
    const bool passes = !one.found && one.limit <= allowed;
    passed += passes;
    passed_wrongly += passes && one.leak > allowed;
  }
  std::string cells() const {
    if (leaks.empty()) return "0 | | | | | |";
    return fmt::format("{} | {:.4f} | {} | {:.4f} | {} | {} | {} |", leaks.size(), median(leaks), found,
                       median(limits), too_low, passed, passed_wrongly);
  }
};

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int index, std::uint64_t fallback) {
    return argc > index ? std::strtoull(argv[index], nullptr, 10) : fallback;
  };
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const std::size_t models = argument(1, 5);
  const std::uint64_t first_seed = argument(2, 1);
  const Policy policy;
  constexpr double sizes[] = {0.001, 0.003, 0.01, 0.03, 0.1};  // bits per token
  Tally causal, untried, by_size[std::size(sizes) + 1];
  fmt::print("| trained under | batch | steps | models | leak | found | limit | too low | pass | wrongly |\n"
             "|---|---|---|---|---|---|---|---|---|---|\n");
  for (const Row& row : rows()) {
    std::vector<std::vector<Audited>> done(models);
    stats::parallel_for(models, [&](std::size_t i) { done[i] = audited(row, first_seed + i, policy); });
    for (std::size_t n = 0; n < std::size(lengths); ++n) {
      Tally cell;
      for (const auto& model : done) {
        const Audited& one = model[n];
        cell.add(one, policy.limits.sweep_bits);
        const auto size = std::ranges::upper_bound(sizes, one.leak) - std::begin(sizes);
        Tally& kind = row.kind == Row::Kind::causal    ? causal
                      : row.kind == Row::Kind::untried ? untried
                                                       : by_size[size];
        kind.add(one, policy.limits.sweep_bits);
      }
      fmt::print("| `{}` | {} x {} | {} | {}\n", row.rule, row.layout().sequences, row.positions, lengths[n],
                 cell.cells());
    }
  }
  fmt::print("\n| leak, bits per token | audits | median | found | limit | too low | pass | wrongly |\n"
             "|---|---|---|---|---|---|---|---|\n");
  fmt::print("| none: causal rules | {}\n", causal.cells());
  for (std::size_t i = 0; i <= std::size(sizes); ++i) {
    const std::string from = i == 0 ? "" : fmt::format("from {}", sizes[i - 1]);
    const std::string to = i == std::size(sizes) ? "" : fmt::format("below {}", sizes[i]);
    fmt::print("| {}{}{} | {}\n", from, from.empty() || to.empty() ? "" : ", ", to, by_size[i].cells());
  }
  fmt::print("| rules that the sweep does not try | {}\n", untried.cells());
  const auto at_most = stats::clopper_pearson_upper(causal.found, causal.leaks.size(), policy.alpha);
  fmt::print("\nAccused without a leak: {} of {}, at most {:.1f}%.\n", causal.found, causal.leaks.size(),
             100.0 * at_most);
  return 0;
}
