#include "subjects/live_model.h"

#include <fmt/format.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include "routing/rule_facts.h"
#include "subjects/active_rules.h"
#include "subjects/plan_options.h"
#include "subjects/token_batch.h"

namespace pastonly::subjects {
namespace {

using Kind = Intervention::Kind;

bool is_stochastic(const runtime::ModelFacts& facts, const LiveOptions& options) {
  return (facts.noisy && options.mode == Mode::train) || options.decorate ||
         std::ranges::any_of(facts.rules, [&](const RoutingRule* rule) {
           return rule != nullptr && rule->dependence(options.layout, facts.experts).random;
         });
}

/// Of one trace: masks, scores and gates; tokens and log-probabilities. In double, for no shape overflows it.
double trace_bytes(const runtime::ModelFacts& facts, const Layout& layout) {
  return static_cast<double>(layout.sequences) * static_cast<double>(layout.positions) *
         static_cast<double>(facts.routed_layers * facts.experts * 9 + 16);
}

/// Copies one token's routing from one trace to another.
void copy_token(const TraceData& from, std::size_t from_token, std::size_t to_token, TraceData& to) {
  for (std::size_t l = 0; l < from.layers.size(); ++l) {
    const TraceData::Layer& source = from.layers[l];
    TraceData::Layer& target = to.layers[l];
    const std::size_t experts = source.mask.experts();
    for (std::size_t e = 0; e < experts; ++e) target.mask(to_token, e) = source.mask(from_token, e);
    const auto copy = [&](const std::vector<float>& values, std::vector<float>& out) {
      std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(from_token * experts), experts,
                  out.begin() + static_cast<std::ptrdiff_t>(to_token * experts));
    };
    copy(source.scores, target.scores);
    copy(source.gates, target.gates);
  }
}

class LiveModel final : public Subject {
 public:
  LiveModel(std::unique_ptr<runtime::RunnableModel> model, DrawTokens draw, LiveOptions options)
      : model_(std::move(model)),
        options_(std::move(options)),
        inputs_(std::move(draw), options_.layout, options_.seed) {
    info_ = {options_.kind,
             options_.name,
             options_.mode,
             Stage::dispatched,
             model_->facts().vocab,
             std::move(options_.files),
             {},
             {},
             std::move(options_.issues),
             options_.special_tokens,
             options_.drawn_from};
    if (options_.decorate) return;
    for (const RoutingRule* rule : model_->facts().rules) {
      if (rule != nullptr) info_.rules.emplace_back(rule->id());
    }
  }
  Expected<void> open();

  const SubjectInfo& info() const noexcept override { return info_; }
  Capabilities capabilities() const noexcept override {
    return {true, true, true, true, true, true, true, true, options_.budget, weights() != nullptr};
  }
  const std::vector<Intervention>& interventions() const noexcept override { return runs_; }
  const std::vector<Intervention>& missing() const noexcept override { return missing_; }
  Expected<Trace> observe(const Intervention& run) override;
  Expected<Trace> outline(const Intervention& run) override;
  Subject* causal_baseline() const noexcept override { return options_.causal_baseline.get(); }
  const Weights* weights() const noexcept override { return model_->weights(); }

 private:
  ActiveRules rules(const Intervention& run, std::uint64_t chance) const {
    return own_rules(model_->facts(), options_.decorate, run, chance);
  }
  Expected<ActiveRules> in_foreign_batch(const Intervention& run, const runtime::ObserveOptions& how) const;
  std::string path_of(const Intervention& run) const {
    return fmt::format("{} run {}", options_.name, run.id);
  }
  Expected<TraceData> route(const Intervention& run, const TokenBatch& batch);
  Expected<TraceData> stream(const Intervention& run, const TokenBatch& batch);
  Expected<void> stream_token(const Intervention& run, const TokenBatch& batch, std::size_t row,
                              std::size_t position, TraceData& out);
  Expected<TraceData> pass(const TokenBatch& batch, const runtime::ObserveOptions& how,
                           runtime::Successor* next = nullptr) const;

  std::unique_ptr<runtime::RunnableModel> model_;
  LiveOptions options_;
  RunInputs inputs_;
  SubjectInfo info_;
  std::vector<Intervention> runs_;
  std::vector<Intervention> missing_;
};

Expected<void> LiveModel::open() {
  Layout& layout = options_.layout;
  if (layout.sequences < 1 || layout.positions < 2)
    return usage_error(fmt::format("{}: a batch of {} x {} has no earlier and later tokens to separate",
                                   options_.name, layout.sequences, layout.positions));
  const auto most = static_cast<double>(options_.memory);
  // Grouped runs that nobody asked for make room before rows do.
  const auto plan = [&](double trace) {
    PlanOptions wanted = standard_plan(layout, is_stochastic(model_->facts(), options_), options_.trials);
    std::erase_if(wanted.append,
                  [&](std::size_t more) { return layout.positions + more > options_.longest; });
    if (const auto k = model_->facts().top_k)
      wanted.reroutes = {routing::top_k_rule(static_cast<std::int64_t>(*k))};
    auto runs = make_plan(wanted, layout);
    const auto fitting = static_cast<std::size_t>(most / trace);
    if (options_.trials.at_any_price || runs.size() <= fitting) return runs;
    wanted.grouped -= std::min(wanted.grouped, runs.size() - fitting);
    return make_plan(wanted, layout);
  };
  // No plan is made of a shape of which a single trace does not fit: making it would take as long.
  const auto needed = [&] {
    const double trace = trace_bytes(model_->facts(), layout);
    if (trace > most) return trace;
    runs_ = plan(trace);
    return static_cast<double>(runs_.size()) * trace;
  };
  const std::size_t wanted = layout.sequences;
  double bytes = needed();
  while (bytes > most && layout.sequences > 1) {
    layout.sequences /= 2;
    bytes = needed();
  }
  if (bytes > most)
    return usage_error(
        fmt::format("{}: the plan for one sequence of {} positions takes more than {} MB; audit shorter "
                    "sequences{}",
                    options_.name, layout.positions, options_.memory >> 20,
                    options_.trials.at_any_price ? ", or ask for a larger --limit" : ""));
  if (options_.explicit_batch && layout.sequences < wanted)
    return usage_error(
        fmt::format("{}: the plan for {} sequences of {} positions takes more than {} MB; {} fit",
                    options_.name, wanted, layout.positions, options_.memory >> 20, layout.sequences));
  inputs_ = RunInputs(inputs_, layout);
  return inputs_.check(options_.name);
}

Expected<TraceData> LiveModel::pass(const TokenBatch& batch, const runtime::ObserveOptions& how,
                                    runtime::Successor* next) const {
  auto data = model_->observe({batch.layout, batch.tokens, batch.valid}, how, next);
  if (!data) return data;
  // Rules are judged by the scores; keeping logits as well would cost half as much again.
  for (TraceData::Layer& layer : data->layers) std::vector<float>().swap(layer.logits);
  return data;
}

Expected<TraceData> LiveModel::route(const Intervention& run, const TokenBatch& batch) {
  runtime::ObserveOptions how;
  how.mode = options_.mode;
  how.seed = inputs_.chance(run);
  std::unique_ptr<RoutingRule> other;
  ActiveRules in_force;
  if (run.kind == Kind::reroute || (run.kind == Kind::foreign_batch && !run.rule.empty())) {
    const auto spec = parse_rule(run.rule);
    if (!spec) return tl::unexpected(spec.error());
    auto made = make_rule(spec->id, spec->parameters);
    if (!made) return tl::unexpected(made.error());
    other = *std::move(made);
    how.rule = other.get();
  } else {
    in_force = rules(run, how.seed);
    how.rules = in_force.rules;
  }
  if (run.kind != Kind::foreign_batch) return pass(batch, how);
  const auto foreign_batch = in_foreign_batch(run, how);
  if (!foreign_batch) return tl::unexpected(foreign_batch.error());
  how.rules = foreign_batch->rules;
  return pass(batch, how);
}

Expected<ActiveRules> LiveModel::in_foreign_batch(const Intervention& run,
                                                  const runtime::ObserveOptions& how) const {
  const auto data = pass(inputs_.foreign_batch(run), how);
  if (!data) return tl::unexpected(data.error());
  return foreign_batch_rules(model_->facts(), how, *data, run.seed);
}

Expected<void> LiveModel::stream_token(const Intervention& run, const TokenBatch& batch, std::size_t row,
                                       std::size_t position, TraceData& out) {
  TokenBatch past;
  past.layout = {1, position + 1, batch.layout.order};
  const auto first = batch.tokens.begin() + static_cast<std::ptrdiff_t>(batch.layout.token(row, 0));
  past.tokens.assign(first, first + static_cast<std::ptrdiff_t>(position) + 1);
  runtime::ObserveOptions how;
  how.mode = options_.mode;
  how.seed = inputs_.chance(run);
  const ActiveRules in_force = rules(run, how.seed);
  how.rules = in_force.rules;
  const bool predicts = position + 1 < batch.layout.positions;
  runtime::Successor next;
  if (predicts) next.token = batch.tokens[batch.layout.token(row, position + 1)];
  const auto data = pass(past, how, predicts ? &next : nullptr);
  if (!data) return tl::unexpected(data.error());
  const std::size_t token = batch.layout.token(row, position);
  copy_token(*data, position, token, out);
  out.valid[token] = 1;
  if (predicts) out.log_probs[token + 1] = next.log_prob;
  return {};
}

Expected<TraceData> LiveModel::stream(const Intervention& run, const TokenBatch& batch) {
  auto out = route(run, batch);  // for its shapes; every kept token is replaced
  if (!out) return out;
  out->valid.assign(batch.layout.tokens(), 0);
  out->log_probs.assign(batch.layout.tokens(), std::numeric_limits<double>::quiet_NaN());
  const std::size_t every = std::max<std::size_t>(1, run.every);
  for (std::size_t row = 0; row < batch.layout.sequences; ++row) {
    if (!run.all_rows && std::ranges::find(run.rows, row) == run.rows.end()) continue;
    for (std::size_t position = every - 1; position < batch.layout.positions; position += every) {
      if (auto done = stream_token(run, batch, row, position, *out); !done)
        return tl::unexpected(done.error());
    }
  }
  return out;
}

Expected<Trace> LiveModel::observe(const Intervention& run) {
  // A pass waits for its own parallel parts and must not pick up another run of the caller's meanwhile: each
  // would hold a workspace.
  return tbb::this_task_arena::isolate([&]() -> Expected<Trace> {
    const auto batch = inputs_.batch(run);
    if (!batch) return tl::unexpected(batch.error());
    auto data = run.kind == Kind::stream ? stream(run, *batch) : route(run, *batch);
    if (!data) return tl::unexpected(data.error());
    Trace trace = make_trace(std::move(*data));
    trace.path = path_of(run);
    return trace;
  });
}

Expected<Trace> LiveModel::outline(const Intervention& run) { return inputs_.outline(run, path_of(run)); }

}  // namespace

Expected<std::unique_ptr<Subject>> make_live(std::unique_ptr<runtime::RunnableModel> model, DrawTokens draw,
                                             const LiveOptions& options) {
  auto subject = std::make_unique<LiveModel>(std::move(model), std::move(draw), options);
  if (auto opened = subject->open(); !opened) return tl::unexpected(opened.error());
  return std::unique_ptr<Subject>(std::move(subject));
}

}  // namespace pastonly::subjects
