#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/intervention.h"
#include "pastonly/policy.h"
#include "pastonly/trace.h"
#include "pastonly/weights.h"

namespace pastonly {

/// What a subject can answer. Checks declare what they need in the same words.
struct Capabilities {
  bool scores = false;  ///< every layer's scores or logits
  bool gates = false;
  bool log_probs = false;
  bool tokens = false;
  bool live = false;     ///< answers interventions that nobody planned
  bool reroute = false;  ///< can run under another rule
  bool stream = false;   ///< can run every token with nothing after it
  /// Live: a base that nobody planned is a batch drawn from the plan's distribution, independently of every
  /// base of another id.
  bool fresh = false;
  /// Live: token positions that one check may ask for beyond the plan.
  std::uint64_t budget = 0;
  bool weights = false;  ///< Subject::weights is there
  bool routes = true;    ///< it has routed layers; else log-probabilities are all there is
};

/// A file that was read, as the report names it. sha256 is lower-case hex, "" until hashed.
struct FileRecord {
  std::string path;
  std::uint64_t bytes = 0;
  std::string sha256;
};

struct SubjectInfo {
  std::string kind;  ///< trace | plan | checkpoint | process | endpoint | lab
  std::string name;
  Mode mode = Mode::unknown;
  Stage stage = Stage::unknown;
  std::optional<std::uint64_t> vocab;
  std::vector<FileRecord> files;
  /// Of its routed layers in order, the id of the rule that each is routed by, where the subject routes
  /// itself; else empty.
  std::vector<std::string> rules;
  std::vector<std::uint32_t> unrecorded_layers = {};  ///< that a plan says its model has, and no trace holds
  /// What is odd about the subject itself, whatever its runs show.
  std::vector<TraceIssue> issues = {};
  std::vector<std::int64_t> special_tokens =
      {};  ///< ids of beginning, end, padding and the like, where known
  /// From what the tokens of every run are drawn, after the model was frozen, by whoever answers; else a
  /// source is no more than somebody's word.
  std::optional<Source> drawn_from = {};
};

/// What is audited. A recorded subject answers the interventions it holds and not_recorded to the
/// rest; a live one answers all. `observe` may be called from several threads at once.
class Subject {
 public:
  Subject() = default;
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;
  virtual ~Subject() = default;

  virtual const SubjectInfo& info() const noexcept = 0;
  virtual Capabilities capabilities() const noexcept = 0;
  /// The runs it can answer, in order of id: those recorded with both input and output, or a live
  /// subject's standard plan. The first is a base.
  virtual const std::vector<Intervention>& interventions() const noexcept = 0;
  /// Runs a plan names without an output, for "not assessed".
  virtual const std::vector<Intervention>& missing() const noexcept = 0;
  virtual Expected<Trace> observe(const Intervention& run) = 0;
  /// What the model said of the run's tokens: its trace without the layers.
  virtual Expected<Trace> losses(const Intervention& run) {
    auto trace = observe(run);
    return trace ? Expected<Trace>(without_layers(*std::move(trace))) : trace;
  }
  /// Live: what is known of a run's trace before it is run: path, layout and tokens.
  virtual Expected<Trace> outline(const Intervention&) {
    return not_recorded("only live subjects know the input of a run");
  }
  /// A model that was trained causally on what this one was trained on, live with the same draws: equal runs
  /// hold equal tokens. nullptr where none was given.
  virtual Subject* causal_baseline() const noexcept { return nullptr; }
  /// Routers and experts, which live as long as the subject; nullptr where they are not known: recordings,
  /// and models without router rows.
  virtual const Weights* weights() const noexcept { return nullptr; }
};

}  // namespace pastonly
