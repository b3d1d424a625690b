#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "audits/checks.h"
#include "evidence/observations.h"
#include "pastonly/names.h"
#include "routing/recorded/gate_form.h"
#include "routing/rule_facts.h"
#include "routing/rule_ids.h"
#include "stats/parallel.h"

namespace pastonly::audits {
namespace {

using routing::GateForm;
using routing::GateSample;

/// Tokens looked at in each layer: all, or blocks of 64 spread evenly.
constexpr std::size_t sample_tokens = 16'384;
constexpr std::size_t sample_block = 64;
/// A form explains the gates if at most one pair in a thousand is off.
constexpr double explained_share = 0.999;

/// Copies of the sampled tokens that kept any expert.
struct Sampled {
  std::vector<std::size_t> tokens;
  std::vector<float> scores, gates;  // (tokens, experts)
  std::vector<std::uint8_t> kept;    // (tokens, experts)
};

Sampled draw(const Trace& trace, const LayerRecord& layer) {
  const std::size_t all = trace.layout.tokens(), experts = layer.experts;
  const std::size_t blocks = (all + sample_block - 1) / sample_block;
  const std::size_t wanted = std::min(blocks, sample_tokens / sample_block);
  Sampled out;
  std::vector<float> scratch, gates(sample_block * experts);
  std::vector<std::uint8_t> mask(sample_block * experts);
  for (std::size_t i = 0; i < wanted; ++i) {
    const std::size_t first = i * blocks / wanted * sample_block;
    const std::size_t count = std::min(sample_block, all - first);
    read_mask(layer, first, count, std::span(mask).first(count * experts));
    read_gates(layer, first, count, std::span(gates).first(count * experts));
    const auto scores = read_floats(*layer.ranking(), first, count, scratch);
    for (std::size_t t = 0; t < count; ++t) {
      const auto* row = mask.data() + t * experts;
      const bool padding = !trace.is_valid(first + t);
      if (padding || std::none_of(row, row + experts, [](auto bit) { return bit != 0; })) continue;
      out.tokens.push_back(first + t);
      out.kept.insert(out.kept.end(), row, row + experts);
      out.gates.insert(out.gates.end(), gates.data() + t * experts, gates.data() + (t + 1) * experts);
      out.scores.insert(out.scores.end(), scores.row(t).begin(), scores.row(t).end());
    }
  }
  return out;
}

/// What recording in this type loses, relative, with room for the producer's own arithmetic.
double tolerance_of(DType type) {
  if (type == DType::bf16) return 1.5e-2;
  if (type == DType::f16) return 2e-3;
  return 2e-5;
}

/// Whether score + bias separates what was kept from what was not, at every sampled token that kept
/// `top_k` experts: the offset of the gates is the one that selection used.
bool selects(const GateForm& form, const GateSample& sample) {
  for (std::size_t t = 0; t < sample.kept.rows(); ++t) {
    double worst_kept = INFINITY, best_left = -INFINITY, largest = 0.0;
    std::size_t kept = 0;
    for (std::size_t e = 0; e < sample.kept.columns(); ++e) {
      const double value = double{sample.scores(t, e)} + form.bias[e];
      largest = std::max(largest, std::abs(value));
      if (sample.kept(t, e) != 0) {
        worst_kept = std::min(worst_kept, value);
        ++kept;
      } else {
        best_left = std::max(best_left, value);
      }
    }
    if (sample.top_k > 0 && kept < sample.top_k) continue;  // drops may have taken the better one
    if (best_left > worst_kept + 10.0 * sample.tolerance * largest) return false;
  }
  return true;
}

struct LayerGates {
  LayerIndex index{};
  std::uint64_t tokens = 0;
  GateForm plain;
  std::optional<GateForm> biased;  ///< where it explains the gates and `plain` does not
  bool offset_recorded = false;
  Value witness;
};

/// The sampled pair at which score and score + bias part most.
Value witness_of(const Sampled& sampled, const GateSample& sample, const LayerGates& found,
                 const Trace& trace) {
  double largest = -1.0;
  std::size_t where = 0, expert = 0;
  for (std::size_t t = 0; t < sample.kept.rows(); ++t) {
    for (std::size_t e = 0; e < sample.kept.columns(); ++e) {
      if (sample.kept(t, e) == 0) continue;
      const double apart = std::abs(predicted_gate(found.plain, sample, t, e) - double{sample.gates(t, e)});
      if (apart > largest) largest = apart, where = t, expert = e;
    }
  }
  Value out;
  out.set("type", "gate");
  out.set("trace", trace.path);
  out.set("layer", raw(found.index));
  out.set("row", sampled.tokens[where] / trace.layout.positions);
  out.set("position", sampled.tokens[where] % trace.layout.positions);
  out.set("expert", expert);
  out.set("score", double{sample.scores(where, expert)});
  out.set("bias", found.biased->bias[expert]);
  out.set("gate", double{sample.gates(where, expert)});
  out.set("gate_from_score", predicted_gate(found.plain, sample, where, expert));
  out.set("gate_from_score_and_bias", predicted_gate(*found.biased, sample, where, expert));
  return out;
}

std::optional<GateForm> biased_form(const LayerRecord& layer, const GateSample& sample,
                                    const LayerFacts::Rule& rule, bool& recorded) {
  const auto explains = [](const GateForm& form) { return form.explained >= explained_share; };
  if (layer.bias.size() == layer.experts) {
    const std::vector<double> bias(layer.bias.begin(), layer.bias.end());
    GateForm form = best_biased_form(sample, bias);
    recorded = true;
    if (explains(form)) return form;
  }
  recorded = false;
  // Plain top-k selects without an offset, so an offset of the gates would be something else.
  if (rule.id && *rule.id == routing::ids::top_k) return std::nullopt;
  auto form = fitted_biased_form(sample);
  if (form && explains(*form) && selects(*form, sample)) return form;
  return std::nullopt;
}

LayerGates examine(const Trace& trace, const LayerRecord& layer, const LayerFacts::Rule& rule) {
  LayerGates found;
  found.index = layer.index;
  const Sampled sampled = draw(trace, layer);
  found.tokens = sampled.tokens.size();
  if (found.tokens == 0) return found;
  GateSample sample;
  sample.scores = {sampled.scores.data(), sampled.tokens.size(), layer.experts};
  sample.gates = {sampled.gates.data(), sampled.tokens.size(), layer.experts};
  sample.kept = {sampled.kept.data(), sampled.tokens.size(), layer.experts};
  sample.top_k = routing::asked_experts(rule).value_or(0);
  sample.tolerance = std::max(tolerance_of(layer.ranking()->type), tolerance_of(layer.gates->type));
  found.plain = best_unbiased_form(sample);
  if (found.plain.explained >= explained_share) return found;
  found.biased = biased_form(layer, sample, rule, found.offset_recorded);
  if (found.biased) found.witness = witness_of(sampled, sample, found, trace);
  return found;
}

Claim biased_claim(const std::vector<const LayerGates*>& layers) {
  Claim claim;
  claim.id = claim::biased_gate;
  claim.basis = Claim::Basis::observation;
  for (const LayerGates* layer : layers) claim.layers.push_back(layer->index);
  const LayerGates& first = *layers.front();
  claim.witness = first.witness;
  claim.message =
      fmt::format("gates are {} ({:.2f}% of pairs; without the bias at best {:.2f}%), with the bias {}",
                  first.biased->description(), 100.0 * first.biased->explained, 100.0 * first.plain.explained,
                  first.offset_recorded ? "as recorded" : "recovered from the gates");
  claim.help =
      "Compute gates from the original scores of the selected experts. Use the bias for selection only; "
      "otherwise the balance that it enforces leaks into the output.";
  return claim;
}

Claim unexplained_claim(const std::vector<const LayerGates*>& layers) {
  Claim claim;
  claim.id = claim::unexplained;
  claim.basis = Claim::Basis::observation;
  for (const LayerGates* layer : layers) claim.layers.push_back(layer->index);
  claim.message = fmt::format(
      "no known formula of the scores explains the gates; the nearest, {}, explains {:.1f}% of pairs",
      layers.front()->plain.description(), 100.0 * layers.front()->plain.explained);
  claim.help =
      "Check how the model computes its gates. A sum over other tokens (column normalisation) makes them "
      "depend on later tokens. An intervention decides it.";
  return claim;
}

Outcome run_gate_separation(const CheckContext& context) {
  const auto trace = context.observations.base();
  if (!trace) return trace.error();
  const auto rules = context.observations.rules();
  if (!rules) return rules.error();
  std::vector<LayerGates> layers(trace->layers.size());
  stats::parallel_for(layers.size(), [&](std::size_t l) {
    const LayerRecord& layer = trace->layers[l];
    if (layer.gates && layer.ranking() != nullptr) layers[l] = examine(*trace, layer, (*rules)[l]);
  });
  Ran ran;
  std::vector<const LayerGates*> biased, unexplained;
  for (const LayerGates& layer : layers) {
    if (layer.tokens == 0) continue;
    ran.measurements.push_back({measurement::gates_explained_by_score,
                                layer.plain.explained,
                                {},
                                {},
                                "fraction of pairs",
                                layer.tokens,
                                layer.index});
    if (layer.biased) {
      biased.push_back(&layer);
    } else if (layer.plain.explained < explained_share) {
      unexplained.push_back(&layer);
    }
  }
  if (ran.measurements.empty())
    return Skipped{"no layer holds gates, scores and at least one selected expert"};
  if (!biased.empty()) ran.claims.push_back(biased_claim(biased));
  if (!unexplained.empty()) ran.claims.push_back(unexplained_claim(unexplained));
  return ran;
}

}  // namespace

const Check gate_separation_check{
    "gate-separation",
    "Gates come from the unbiased scores",
    "Looks for the formula that computes the gates from the scores of the selected experts: raw, "
    "renormalised before or after drops, scaled, softmax or sigmoid. A bias belongs to selection only. Gates "
    "that only score + bias explains are a finding; gates that no formula explains are a note. Large layers "
    "are sampled, 16,384 tokens each.",
    {.scores = true, .gates = true},
    run_gate_separation};

}  // namespace pastonly::audits
