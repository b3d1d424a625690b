#include "comparison/flip_witness.h"

#include <algorithm>
#include <tuple>

#include "comparison/explain_flip.h"

namespace pastonly::comparison {
namespace {

void describe_run(const RunComparison& compared, Value& out) {
  out.set("base", compared.reference->base.path);
  out.set("run", compared.trace.path);
  if (compared.run->base) out.set("base_run", *compared.run->base);
  out.set("run_id", compared.run->id);
  out.set("kind", std::string(name(compared.run->kind)));
}

void describe_change(const RunComparison& compared, std::size_t row, Value& out) {
  const Intervention& run = *compared.run;
  if (run.kind == Intervention::Kind::suffix) {
    const auto own = cut_of(run, row);
    if (own || run.cuts.empty()) out.set("cut", own.value_or(run.cut));
    Value::Array rows;
    for (const std::size_t changed : changed_rows(run, compared.reference->base.layout))
      rows.emplace_back(changed);
    out.set("rows_changed", std::move(rows));
  }
  if (run.kind == Intervention::Kind::length) out.set("append", run.append);
  out.set("tokens_changed", compared.tokens_changed);
}

}  // namespace

std::optional<PickedFlip> smallest_flip(const RunComparisons& compared_runs) {
  std::optional<PickedFlip> best;
  const auto key = [](const PickedFlip& pick) {
    return std::tuple(pick.compared->tokens_changed, pick.layer, !pick.flip.scores_equal,
                      pick.compared->run->id, pick.flip.row, pick.flip.position, pick.flip.expert);
  };
  for (const RunComparison& compared : compared_runs.runs) {
    for (std::size_t l = 0; l < compared.difference.layers.size(); ++l) {
      for (const Flip& flip : compared.difference.layers[l].first_flips) {
        const PickedFlip pick{&compared, l, flip};
        if (!best || key(pick) < key(*best)) best = pick;
      }
    }
  }
  return best;
}

Value flip_witness(const PickedFlip& pick, const std::optional<LayerFacts::Rule>& rule) {
  const Trace& base = pick.compared->reference->base;
  const Trace& run = pick.compared->trace;
  const Flip& flip = pick.flip;
  Value out;
  out.set("type", "flip");
  describe_run(*pick.compared, out);
  out.set("layer", raw(base.layers[pick.layer].index));
  out.set("row", flip.row);
  out.set("position", flip.position);
  out.set("expert", flip.expert);
  out.set("before", flip.after ? 0 : 1);
  out.set("after", flip.after ? 1 : 0);
  if (flip.run_row != flip.row) out.set("run_row", flip.run_row);
  describe_change(*pick.compared, flip.run_row, out);
  const LayerRecord& before = base.layers[pick.layer];
  const LayerRecord& after = run.layers[pick.layer];
  std::vector<float> scratch;
  if (before.ranking() && after.ranking()) {
    const auto score = [&](const LayerRecord& layer, std::size_t token) {
      return double{read_floats(*layer.ranking(), token, 1, scratch)(0, flip.expert)};
    };
    out.set("score_before", score(before, base.layout.token(flip.row, flip.position)));
    out.set("score_after", score(after, run.layout.token(flip.run_row, flip.position)));
  }
  if (rule && rule->id) {
    const FlipExplanation found = explain_flip(base, run, pick.layer, flip, *rule);
    if (found.threshold_before) out.set("threshold_before", *found.threshold_before);
    if (found.threshold_after) out.set("threshold_after", *found.threshold_after);
    if (found.single_token) {
      Value token;
      token.set("row", found.single_token->row);
      token.set("position", found.single_token->position);
      out.set("single_token", std::move(token));
    }
  }
  return out;
}

Value drift_witness(const RunComparisons& compared_runs) {
  for (const RunComparison& compared : compared_runs.runs) {
    const auto describe = [&](const Drift& drift, const char* tensor, const LayerRecord* layer,
                              double tolerance) {
      Value out;
      out.set("type", "change");
      describe_run(compared, out);
      out.set("tensor", tensor);
      if (layer) out.set("layer", raw(layer->index));
      out.set("row", drift.row);
      out.set("position", drift.position);
      if (layer) out.set("expert", drift.expert);
      out.set("before", drift.before);
      out.set("after", drift.after);
      if (drift.run_row != drift.row) out.set("run_row", drift.run_row);
      out.set("tolerance", tolerance);
      describe_change(compared, drift.run_row, out);
      return out;
    };
    const Reference& reference = *compared.reference;
    for (std::size_t l = 0; l < compared.difference.layers.size(); ++l) {
      for (const Drift& drift : compared.difference.layers[l].first_drifts) {
        const bool scores = drift.what == Drift::What::scores;
        const Tolerance& tolerance = reference.tolerances.layers[l];
        return describe(drift, scores ? "scores" : "gates", &reference.base.layers[l],
                        scores ? tolerance.scores : tolerance.gates);
      }
    }
    for (const Drift& drift : compared.difference.first_drifts) {
      const bool predicted = drift.what == Drift::What::predictions;
      Value out =
          describe(drift, predicted ? "predictions" : "logprobs", nullptr, reference.tolerances.log_probs);
      if (predicted) out.set("probe", drift.expert);
      return out;
    }
  }
  return {};
}

}  // namespace pastonly::comparison
