#include "routing/identify/transforms/transformed_runs.h"

#include <algorithm>

#include "routing/identify/shared/apply_ranking.h"
#include "routing/identify/shared/run_view.h"

namespace pastonly::routing::hypotheses {
namespace {

constexpr std::size_t most_scores = std::size_t{1} << 24;  // of all runs together: 64 MB at a time

MatrixView<const float> recorded(const LayerRun& run, std::vector<float>& scratch) {
  return read_floats(*run.layer->ranking(), 0, run.layout.tokens(), scratch);
}

template <class Holds>
bool any_score(std::span<const LayerRun> runs, Holds&& holds) {
  std::vector<float> scratch;
  return std::ranges::any_of(runs, [&](const LayerRun& run) {
    const auto scores = recorded(run, scratch);
    return std::any_of(scores.data(), scores.data() + scores.size(), holds);
  });
}

bool are_logits(std::span<const LayerRun> runs) {
  if (std::ranges::none_of(runs, [](const LayerRun& run) { return run.layer->scores.has_value(); }))
    return true;
  return any_score(runs, [](float score) { return score < 0.0F || score > 1.0F; });
}

bool are_full_precision(std::span<const LayerRun> runs) {
  std::vector<float> scratch;
  return std::ranges::all_of(runs, [&](const LayerRun& run) {
    return size_of(run.layer->ranking()->type) >= 4 &&
           score_rounding(recorded(run, scratch), DType::f32) < 0x1p-20;
  });
}

}  // namespace

std::vector<std::string_view> usable_transforms(std::span<const LayerRun> runs) {
  std::size_t scores = 0;
  for (const auto& run : runs) scores += run.layout.tokens() * run.layer->experts;
  if (scores > most_scores) return {};
  std::vector<std::string_view> all;
  if (are_logits(runs)) all.insert(all.end(), {as_softmax, as_sigmoid});
  if (are_full_precision(runs)) all.insert(all.end(), {as_bfloat16, as_float16});
  return all;
}

TransformedRuns::TransformedRuns(std::span<const LayerRun> runs, std::string_view transform)
    : scores_(runs.size()), runs_(runs.begin(), runs.end()) {
  layers_.reserve(runs.size());
  std::vector<float> scratch;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const std::size_t experts = runs[i].layer->experts;
    const auto values = recorded(runs[i], scratch);
    scores_[i].assign(values.data(), values.data() + values.size());
    for (std::size_t first = 0; first < scores_[i].size(); first += experts)
      apply_ranking(std::span(scores_[i]).subspan(first, experts), transform);
    LayerRecord layer = *runs[i].layer;
    const auto& layout = runs[i].layout;
    const std::size_t row = experts * sizeof(float);
    layer.scores = TokenTensor{DType::f32,
                               layout.sequences,
                               layout.positions,
                               experts,
                               layout.positions * row,
                               row,
                               reinterpret_cast<const std::byte*>(scores_[i].data())};
    layers_.push_back(std::move(layer));
    runs_[i].layer = &layers_.back();
  }
}

}  // namespace pastonly::routing::hypotheses
