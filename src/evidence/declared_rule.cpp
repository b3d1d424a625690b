#include "evidence/declared_rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string_view>

#include "input/trace/declared_rule.h"
#include "replay/whole_run.h"
#include "routing/identify/shared/run_view.h"
#include "routing/loosely_fitted.h"
#include "routing/rule_facts.h"
#include "stats/random.h"

namespace pastonly::evidence {
namespace {

constexpr std::size_t decided_in_a_run = std::size_t{1} << 24;  // scores
constexpr std::size_t decided_scores = std::size_t{1} << 22;    // of all runs, together
constexpr std::uint64_t redraws = 8;                            // of the scores' rounding

/// The declared rule for one run: with the bias recorded there, where the rule takes one and names none.
std::unique_ptr<RoutingRule> rule_for(const RuleSpec& spec, const LayerRecord& layer, bool& recorded_bias) {
  Parameters parameters = spec.parameters;
  const RuleInfo* const info = find_rule(spec.id);
  if (info == nullptr) return nullptr;
  if (!layer.bias.empty() && routing::takes(*info, "bias") && find(parameters, "bias") == nullptr) {
    Value::Array bias;
    for (const float value : layer.bias) bias.emplace_back(static_cast<double>(value));
    parameters.emplace_back("bias", std::move(bias));
    recorded_bias = true;
  }
  auto made = make_rule(spec.id, parameters);
  return made ? std::move(*made) : nullptr;
}

/// Whether scores alone fix what the rule decides.
bool decides(const RoutingRule& rule, const Trace& trace, std::size_t experts) {
  RuleCandidate candidate;
  candidate.id = rule.id();
  candidate.parameters = Value::Object{{"fit", ""}};
  return !routing::loosely_fitted(candidate) && !rule.dependence(trace.layout, experts).random;
}

bool same_row(const Mask& one, const Mask& other, std::size_t token) {
  const auto a = one.view().row(token), b = other.view().row(token);
  return std::equal(a.begin(), a.end(), b.begin());
}

std::string experts_of(const Mask& mask, std::size_t token) {
  std::string text;
  for (std::size_t e = 0; e < mask.experts(); ++e) {
    if (mask(token, e) != 0) text += fmt::format("{}{}", text.empty() ? "" : ", ", e);
  }
  return text.empty() ? "none" : text;
}

/// One run of the layer, decided again.
class Decided {
 public:
  Decided(const RecordedRun& run, const LayerRecord& layer, const RoutingRule& rule, std::string_view ranking)
      : run_(run),
        layer_(layer),
        rule_(rule),
        ranking_(ranking),
        scores_(replay::ranked_scores(run.trace, layer, ranking)),
        again_(select(scores_)) {}

  void compare(DeclaredRule& out) const {
    const Mask recorded = read_mask(layer_);
    for (std::size_t token = 0; token < recorded.tokens(); ++token) {
      if (!run_.trace.is_valid(token)) continue;
      ++out.tokens;
      if (same_row(recorded, again_, token)) continue;
      if (out.unlike++ > 0 || !out.example.empty()) continue;
      const std::size_t positions = run_.trace.layout.positions;
      out.example = fmt::format("run {} row {} position {}: expert {} by the declared rule, {} recorded",
                                run_.run.id, token / positions, token % positions, experts_of(again_, token),
                                experts_of(recorded, token));
    }
  }
  /// The most tokens that one redraw of the scores' rounding moves. Exact ties fall either way.
  std::size_t moved_by_rounding() const {
    std::vector<float> scratch;
    const auto recorded = read_floats(*layer_.ranking(), 0, run_.trace.layout.tokens(), scratch);
    double rounding = routing::hypotheses::score_rounding(recorded, layer_.ranking()->type);
    if (ranking_ == "bfloat16") rounding = std::max(rounding, 0x1p-8);
    if (ranking_ == "float16") rounding = std::max(rounding, 0x1p-11);
    std::size_t most = 0;
    for (std::uint64_t draw = 1; draw <= redraws; ++draw) {
      const Mask mask = select(redrawn(4.0 * rounding, draw));
      std::size_t moved = 0;
      for (std::size_t token = 0; token < mask.tokens(); ++token)
        moved += run_.trace.is_valid(token) && !same_row(mask, again_, token) ? 1 : 0;
      most = std::max(most, moved);
    }
    return most;
  }

 private:
  Mask select(std::span<const float> scores) const { return replay::select_run(rule_, run_.trace, scores); }

  std::vector<float> redrawn(double rounding, std::uint64_t draw) const {
    stats::CounterRng rng(draw, 0);
    float bias = 0.0F;
    for (const float value : layer_.bias) bias = std::max(bias, std::abs(value));
    std::vector<float> scores = scores_;
    for (float& score : scores) {
      const double size = static_cast<double>(std::abs(score)) + static_cast<double>(bias);
      if (std::isfinite(score)) score += static_cast<float>((2.0 * rng.uniform() - 1.0) * rounding * size);
    }
    return scores;
  }

  const RecordedRun& run_;
  const LayerRecord& layer_;
  const RoutingRule& rule_;
  std::string_view ranking_;
  std::vector<float> scores_;  // (tokens, experts) as the rule ranks them
  Mask again_;
};

std::optional<DeclaredRule> decide(const std::vector<const RecordedRun*>& runs, const RuleSpec& spec,
                                   LayerIndex index, std::string_view ranking) {
  DeclaredRule out;
  out.text = format_rule(spec);
  out.id = spec.id;
  out.ranking = ranking;
  std::size_t read = 0;
  for (const auto* run : runs) {
    const LayerRecord* const layer = layer_of(run->trace, index);
    if (layer == nullptr || layer->ranking() == nullptr || layer->selection_applied) return std::nullopt;
    const std::size_t scores = run->trace.layout.tokens() * layer->experts;
    if (scores > decided_in_a_run) return std::nullopt;
    read += scores;
    if (out.tokens > 0 && read > decided_scores) break;
    const auto rule = rule_for(spec, *layer, out.recorded_bias);
    if (!rule || !decides(*rule, run->trace, layer->experts)) return std::nullopt;
    const Decided decided(*run, *layer, *rule, ranking);
    const std::size_t before = out.unlike;
    decided.compare(out);
    if (out.unlike > before) out.rounding += decided.moved_by_rounding();
  }
  return out.tokens > 0 ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace

std::optional<DeclaredRule> try_declared_rule(const std::vector<RecordedRun>& runs, std::size_t base,
                                              LayerIndex layer) {
  const Trace& trace = runs[base].trace;
  if (trace.rule.empty() || trace.stage == Stage::selected || trace.layout.tokens() == 0) return std::nullopt;
  const auto spec = input::declared_rule(trace);
  if (!spec) return std::nullopt;
  std::vector<const RecordedRun*> same{&runs[base]};
  for (const auto& run : runs) {
    if (&run != same.front() && run.trace.rule == trace.rule && run.trace.layout.tokens() > 0)
      same.push_back(&run);
  }
  std::optional<DeclaredRule> best;
  // A rule may have ranked what the recorded values become: the first that fits best.
  const LayerRecord* const record = layer_of(trace, layer);
  const bool logits = record != nullptr && !record->scores.has_value();
  for (const std::string_view ranking : {"", "softmax", "sigmoid", "bfloat16", "float16"}) {
    if (!logits && (ranking == "softmax" || ranking == "sigmoid")) continue;
    auto one = decide(same, *spec, layer, ranking);
    if (!one) return best;
    if (!best || one->unlike < best->unlike) best = std::move(one);
    if (best->unlike == 0) break;
  }
  return best;
}

}  // namespace pastonly::evidence
