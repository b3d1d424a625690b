#pragma once

#include <string>
#include <vector>

#include "comparison/noise_test.h"
#include "comparison/run_comparison.h"
#include "pastonly/check.h"
#include "pastonly/ids.h"
#include "pastonly/routing_rule.h"
#include "pastonly/value.h"

namespace pastonly::audits {

/// What the runs of one kind prove about a dependence.
struct Evidence {
  enum class Strength {
    none,         ///< nothing changed, or rounding did
    noise,        ///< something changed, and no more than in runs that changed nothing that matters
    unsettled,    ///< something changed, and too few controls say what noise does
    statistical,  ///< more changed than noise makes, at the policy's level
    proof,        ///< and the noise is bounded: see judge_change
  } strength = Strength::none;
  std::vector<LayerIndex> layers;  ///< where, from statistical on
  comparison::NoiseTest noise;
};

/// What a change was held against, and what came of it.
struct Judgement {
  Evidence evidence;
  std::string bound;  ///< what bounds the noise, a half-sentence
  Value witness;
};

/// Judges runs in which something changed by what runs that changed nothing that matters show. A change is
/// proof where no repeat makes one of its kind up to its layer and either the test's p-value is at most
/// 0.001, or one rule that depends on the `axis` reproduces every decision of the layer in all runs, so that
/// none is random, or (live
/// subjects) it comes with the change and goes without it, ten times of ten.
Judgement judge_change(const CheckContext& context, comparison::NoiseTest noise,
                       const comparison::RunComparisons& compared_runs, bool Dependence::*axis);

/// The layers with flips, or where there are none those with other changes.
std::vector<LayerIndex> changed_layers(const comparison::RunComparisons& compared_runs);

}  // namespace pastonly::audits
