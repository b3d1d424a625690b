#include "audits/shared/dependence_words.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace pastonly::audits {

std::string layer_list(const std::vector<LayerIndex>& layers) {
  constexpr std::size_t most = 8;
  std::string out = layers.size() == 1 ? "layer " : "layers ";
  if (layers.size() > most)
    return out + fmt::format("{} to {} ({} of them)", raw(layers.front()), raw(layers.back()), layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i) out += fmt::format("{}{}", i ? ", " : "", raw(layers[i]));
  return out;
}

std::string flip_sentence(const comparison::RunComparisons& compared_runs, const DependenceWords& words,
                          const std::vector<LayerIndex>& layers) {
  std::size_t decisions = 0;
  for (const auto& layer : compared_runs.tally.layers) decisions += layer.decisions;
  const std::size_t flips = compared_runs.tally.flips();
  return fmt::format("{} of {} {} ({:.2g}%) changed when {}: {} of {} runs, {}", flips, decisions,
                     words.subject, 100.0 * static_cast<double>(flips) / static_cast<double>(decisions),
                     words.change, compared_runs.tally.runs_changed, compared_runs.tally.runs,
                     layer_list(layers));
}

std::string drift_sentence(const comparison::Tally& tally) {
  std::size_t scores = 0, gates = 0;
  for (const comparison::LayerTally& layer : tally.layers) {
    scores += layer.scores_moved;
    gates += layer.gates_moved;
  }
  std::vector<std::string> parts;
  if (scores > 0) parts.push_back(fmt::format("scores of {} tokens", scores));
  if (gates > 0) parts.push_back(fmt::format("gates of {} tokens", gates));
  if (tally.log_probs_moved > 0) parts.push_back(fmt::format("{} log-probabilities", tally.log_probs_moved));
  std::string last = parts.empty() ? "nothing" : parts.back();
  if (parts.size() < 2) return last;
  parts.pop_back();
  return fmt::format("{} and {}", fmt::join(parts, ", "), last);
}

}  // namespace pastonly::audits
