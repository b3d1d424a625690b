#include "toy/subject.h"

#include <utility>

#include "toy/damage.h"
#include "toy/dtype.h"
#include "toy/hash.h"

namespace pastonly::toy {

ToySubject::ToySubject(const Recipe& recipe, Model model)
    : recipe_(recipe), model_(std::move(model)), runs_(make_interventions(recipe.plan, recipe.record.order)) {
  info_.kind = recipe.plan.plan ? "plan" : "trace";
  info_.name = "toy";
  info_.mode = recipe.record.mode;
  info_.stage = recipe.record.stage;
  info_.vocab = recipe.model.vocab;
}

Expected<std::unique_ptr<ToySubject>> ToySubject::make(const Recipe& recipe) {
  auto model = Model::make(recipe.model);
  if (!model) return tl::unexpected(model.error());
  return std::unique_ptr<ToySubject>(new ToySubject(recipe, std::move(*model)));
}

Capabilities ToySubject::capabilities() const noexcept {
  Capabilities can;
  can.scores = recipe_.record.scores || recipe_.record.logits;
  can.gates = recipe_.model.gates != ModelRecipe::Gates::none;
  can.log_probs = recipe_.model.log_probs.has_value();
  can.tokens = recipe_.record.tokens;
  can.live = true;
  can.reroute = true;
  return can;
}

Expected<TraceData> ToySubject::compute(const Intervention& run) const {
  const auto batch = make_batch(recipe_.plan, run, recipe_.model.vocab, recipe_.record.order);
  if (!batch) return tl::unexpected(batch.error());
  Model::Run how;
  Rules other;
  if (run.kind == Intervention::Kind::reroute) {
    auto rules = make_rules({run.rule}, recipe_.model.layers);
    if (!rules) return tl::unexpected(rules.error());
    other = std::move(*rules);
    how.rules = &other;
  }
  if (run.kind == Intervention::Kind::shuffle) how.shuffle = run.seed;
  how.misled = how.rules || how.shuffle;
  how.chance_seed = recipe_.model.chance_per_run ? mix(recipe_.model.seed, run.id) : recipe_.model.seed;
  how.noise_seed = mix(mix(recipe_.model.seed, run.id), 4711);
  TraceData data = model_.forward(*batch, how);
  data.mode = recipe_.record.mode;
  data.stage = recipe_.record.stage;
  if (!recipe_.model.noise.bf16) data.compute = DType::f32;
  if (!recipe_.record.rule.empty()) data.rule = '"' + recipe_.record.rule + '"';
  for (TraceData::Layer& layer : data.layers) {
    if (!recipe_.record.logits) layer.logits.clear();
    if (!recipe_.record.bias) layer.bias.clear();
    if (!recipe_.record.scores) layer.scores.clear();
  }
  if (!recipe_.record.tokens) data.tokens.clear();
  for (const std::string& kind : recipe_.record.damage) {
    if (auto done = damage(kind, data); !done) return tl::unexpected(done.error());
  }
  return data;
}

Expected<Trace> ToySubject::observe(const Intervention& run) {
  auto data = compute(run);
  if (!data) return tl::unexpected(data.error());
  Trace trace = make_trace(std::move(*data));
  trace.path = "toy run " + std::to_string(run.id);
  if (recipe_.record.type == DType::bf16) to_bf16(trace);
  return trace;
}

}  // namespace pastonly::toy
