#pragma once

#include <cstdint>
#include <vector>

#include "lab/corpus.h"
#include "lab/experiment.h"
#include "lab/training_record.h"
#include "model/model.h"
#include "pastonly/error.h"

namespace pastonly::lab {

/// A fixed small batch whose routes are looked at while an arm trains. Its tokens are those of the
/// evaluation's part, drawn from the arm's seed: at most 256, or one row. Owns a workspace of its own, so
/// that training does not notice.
class Probe {
 public:
  /// Errors of the corpus.
  static Expected<Probe> make(const Experiment& experiment, const Arm& arm, const Corpus& corpus);

  /// The routes under the rules that the model has at the moment, without router noise; draws of rules are
  /// the same every time. No layers where the model has none with experts, or selects nothing (soft-moe).
  Expected<ProbeRoutes> routes(const model::Model& model);

 private:
  Probe() = default;
  Layout layout_;
  std::vector<std::int64_t> tokens_;  // (sequences, positions)
  model::Workspace<float> workspace_;
};

/// What a layer's routes at one moment have in common with those at the end.
struct Fixation {
  std::uint32_t layer = 0;  ///< of the model
  /// (step, agreement): shared routes above those that the experts' loads alone would share, relative to the
  /// most there could be: 1 for the same routes, 0 for chance.
  std::vector<std::pair<std::uint64_t, double>> agreement;
  std::uint64_t settled = 0;  ///< the first of those steps from which on it stays at 0.9 and above
};

/// (shared - chance) / (mean of both - chance), chance = sum_e n_e m_e / T of the experts' loads (Cohen's
/// kappa over routes). 1 where nothing could differ. Shapes must agree.
double agreement_above_chance(const Mask& a, const Mask& b);
/// Against the last probe, one for every MoE layer; `first_layer` is that of the first of them.
std::vector<Fixation> fixation_of(const TrainingRecord& record, std::size_t first_layer);

}  // namespace pastonly::lab
