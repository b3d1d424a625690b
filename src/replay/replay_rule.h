#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pastonly/mask.h"
#include "pastonly/outcome.h"
#include "pastonly/routing_rule.h"
#include "pastonly/trace.h"

namespace pastonly::replay {

/// The identified rule with the parameters that it takes: identification may state more, such as a capacity
/// for every length. nullptr where it cannot be made, say because a parameter was left open.
std::unique_ptr<RoutingRule> make_identified(const LayerFacts::Rule& rule);

/// An identified rule as it is applied again to recorded scores.
struct ReplayRule {
  std::string id;
  Parameters parameters;
  std::string ranking;          ///< what it ranks in place of what was recorded (apply_ranking.h); "" = that
  bool per_sequence = false;    ///< tokens of one sequence compete
  bool padding_counts = false;  ///< padding competes as well
  bool alone = false;           ///< each token is selected on its own: nothing else can move it
  bool future = false;          ///< depends on later tokens at equal length
  bool random = false;          ///< drawn: cannot be applied again
  std::size_t width = 0;        ///< tokens that compete: the chunk, the sequence or the whole batch
  double k = 0.0;               ///< experts per token on average
};
/// nullopt where the layer's rule is unknown, keeps no scores, cannot be made from its parameters, or routes
/// by document: where documents begin and end is no property of rearranged tokens.
std::optional<ReplayRule> replay_rule(const Trace& trace, const LayerRecord& layer,
                                      const LayerFacts::Rule& rule);

/// What the rule ranked for batch-major tokens [first, first + count), (count, experts): the recorded scores,
/// or what `ranking` makes of them. Points into the file or into `scratch`.
MatrixView<const float> ranked_rows(const LayerRecord& layer, std::size_t first, std::size_t count,
                                    std::string_view ranking, std::vector<float>& scratch);

/// What was recorded of some tokens, in the order given.
struct Excerpt {
  std::vector<float> scores;  // (tokens, experts) as the rule ranked them
  Mask mask;                  // (tokens, experts)
  std::vector<std::int64_t> ids;
  MatrixView<const float> view() const noexcept { return {scores.data(), mask.tokens(), mask.experts()}; }
};
Excerpt excerpt(const Trace& trace, const LayerRecord& layer, const ReplayRule& rule,
                std::span<const std::size_t> tokens);
/// Scores and mask of some experts only, (tokens, experts.size()); no ids.
Excerpt excerpt(const LayerRecord& layer, const ReplayRule& rule, std::span<const std::size_t> tokens,
                std::span<const std::size_t> experts);

/// Changed and looked-at mask entries, by unit of sampling.
struct FlipCount {
  std::size_t decisions = 0, changed = 0;
  std::vector<double> changed_by_unit, decisions_by_unit;
  bool sampled = false;

  void add(const Mask& before, const Mask& after);
  void add(std::size_t unit_decisions, std::size_t unit_changed);
  Measurement measurement(std::string name, LayerIndex layer, double alpha, std::uint64_t seed) const;
};

/// The rule applied to one block of competing tokens as if it were all there is. A stated capacity is scaled
/// by block size / width. nullopt where the rule cannot be made so.
std::optional<Mask> select_block(const ReplayRule& rule, const Excerpt& block);

}  // namespace pastonly::replay
