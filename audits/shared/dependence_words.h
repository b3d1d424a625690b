#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "comparison/run_comparison.h"
#include "comparison/tally.h"
#include "pastonly/ids.h"
#include "pastonly/routing_rule.h"

namespace pastonly::audits {

/// The sentences of one kind of intervention.
struct DependenceWords {
  bool Dependence::*axis;  ///< what a rule must depend on to show it
  std::string_view flip_id;
  std::string_view subject;   ///< "decisions of tokens before the cut"
  std::string_view change;    ///< "only later tokens of their own sequence were redrawn"
  std::string_view help;      ///< what to do about it
  bool moves_places = false;  ///< tokens stand elsewhere in the batch: noise may go by the place
};

/// "layers 1, 3"; of many "layers 0 to 60 (58 of them)". Ascending.
std::string layer_list(const std::vector<LayerIndex>& layers);

/// "3 of 512 decisions before the cut (0.59%) changed when ...: 2 of 16 runs, layer 0"
std::string flip_sentence(const comparison::RunComparisons& compared_runs, const DependenceWords& words,
                          const std::vector<LayerIndex>& layers);
/// "scores of 3 tokens and 7 log-probabilities": what moved, and nothing that did not
std::string drift_sentence(const comparison::Tally& tally);

}  // namespace pastonly::audits
