#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/subject.h"
#include "runtime/runnable_model.h"
#include "subjects/active_rules.h"
#include "subjects/plan_options.h"
#include "subjects/run_inputs.h"

namespace pastonly::subjects {

struct LiveOptions {
  std::string kind = "lab";
  std::string name = "model";
  Layout layout{16, 64};  ///< of the base batches: what the model is trained with, unless there is a reason
  std::size_t longest = std::size_t{1} << 32;  ///< no row may have more positions
  Mode mode = Mode::train;                     ///< which routing is run, and what the traces say
  std::uint64_t seed = 0;                      ///< of all tokens drawn, and of chance in routing
  WrapRule decorate;  ///< of every layer's own rule, in every run but reroutes; empty = none
  /// Of the plan's traces together; the number of sequences is halved until they fit, or refused where it is
  /// `told`.
  std::uint64_t memory = std::uint64_t{512} << 20;
  bool explicit_batch = false;                    ///< somebody asked for this many sequences
  WantedTrials trials;                            ///< of its plan
  std::uint64_t budget = std::uint64_t{1} << 18;  ///< Capabilities::budget
  std::vector<FileRecord> files;                  ///< what the model was read from, for reports
  std::vector<TraceIssue> issues;                 ///< SubjectInfo::issues
  std::vector<std::int64_t> special_tokens = {};  ///< SubjectInfo::special_tokens
  std::optional<Source> drawn_from = {};          ///< SubjectInfo::drawn_from: the source behind `draw`
  std::shared_ptr<Subject> causal_baseline;       ///< Subject::twin(), of the same layout and seed
};

/// A frozen model as a subject that answers every intervention (docs/how-it-works.md), on what
/// run_inputs.h draws:
/// - shuffle: every layer's own rule, state included, sees all tokens of the batch in one random order.
/// - reroute: one rule for all layers, without the state that the layers have learned.
/// - company: as reroute (or the layers' own rules), with every token among the tokens of another
///   batch, drawn from (base, seed) and routed alike (routing/wrappers/foreign_batch.h).
/// - stream: see Intervention::every; a row is run alone.
/// The plan also reroutes to top-k with as many experts per token. Chance in routing (noise, random choices)
/// is drawn for each base, and anew for a redraw. Traces hold tokens, masks, scores, gates, bias and
/// log-probabilities (softmax in double), stage dispatched.
///
/// `observe` may be called from several threads. The model must outlive the subject and must not be trained
/// meanwhile. Usage errors: a plan of one sequence, or of those told, beyond `memory`, draws of the wrong
/// size, rules that cannot be made.
Expected<std::unique_ptr<Subject>> make_live(std::unique_ptr<runtime::RunnableModel> model, DrawTokens draw,
                                             const LiveOptions& options);

}  // namespace pastonly::subjects
