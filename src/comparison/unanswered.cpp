#include "comparison/unanswered.h"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace pastonly::comparison {
namespace {

constexpr std::uint64_t fewest_tokens = 32;
constexpr double explained_share = 0.99;

/// Whether every expert of the token scores at least what every other one does.
bool best_by_score(const LayerRecord& layer, std::span<const std::uint8_t> mask,
                   std::span<const float> scores) {
  double least_chosen = std::numeric_limits<double>::infinity(), most_other = -least_chosen;
  for (std::size_t e = 0; e < mask.size(); ++e) {
    const double score = static_cast<double>(scores[e]) + (layer.bias.empty() ? 0.0 : layer.bias[e]);
    if (mask[e] != 0)
      least_chosen = std::min(least_chosen, score);
    else
      most_other = std::max(most_other, score);
  }
  return least_chosen >= most_other;
}

/// What the redrawn tokens of one layer say, token by token.
class LayerAnswers {
 public:
  LayerAnswers(const LayerRecord& base, const LayerRecord& run)
      : base_(base), run_(run), before_(base.experts), after_(run.experts) {}

  void add(std::size_t token, std::uint64_t& routed, std::uint64_t& explained) {
    const auto mask = mask_rows(base_, token, 1, mask_scratch_).row(0);
    const auto chosen =
        static_cast<std::size_t>(std::ranges::count_if(mask, [](auto kept) { return kept != 0; }));
    if (chosen == 0) return;
    ++routed;
    explained += (chosen == mask.size() ? gates_move(token) : scores_say(token, mask)) ? 1 : 0;
  }

 private:
  bool gates_move(std::size_t token) {
    if (!base_.gates || !run_.gates) return false;
    read_gates(base_, token, 1, before_);
    read_gates(run_, token, 1, after_);
    return before_ != after_;
  }
  bool scores_say(std::size_t token, std::span<const std::uint8_t> mask) {
    const TokenTensor* scores = base_.ranking();
    return scores != nullptr &&
           best_by_score(base_, mask, read_floats(*scores, token, 1, score_scratch_).row(0));
  }

  const LayerRecord &base_, &run_;
  std::vector<float> before_, after_, score_scratch_;
  std::vector<std::uint8_t> mask_scratch_;
};

bool answers(std::span<const Trial> trials, std::size_t layer) {
  std::uint64_t routed = 0, explained = 0;
  for (const Trial& trial : trials) {
    LayerAnswers one(trial.of.compared->reference->base.layers[layer],
                     trial.of.compared->trace.layers[layer]);
    each_redrawn(trial, [&](std::size_t token) { one.add(token, routed, explained); });
  }
  return static_cast<double>(explained) >= explained_share * static_cast<double>(routed);
}

}  // namespace

std::vector<LayerIndex> unanswered_layers(std::span<const Trial> trials, const MovedAfterCut& moved) {
  std::vector<LayerIndex> out;
  for (std::size_t l = 0; l < moved.tokens.size(); ++l) {
    const LayerRecord& layer = trials.front().of.compared->reference->base.layers[l];
    if (moved.tokens[l] < fewest_tokens || moved.moved[l] > 0 || layer.experts < 2) continue;
    if (!answers(trials, l)) out.push_back(layer.index);
  }
  return out;
}

}  // namespace pastonly::comparison
