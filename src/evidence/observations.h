#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "evidence/survey.h"
#include "evidence/work_meter.h"
#include "pastonly/mask.h"
#include "pastonly/outcome.h"
#include "pastonly/subject.h"
#include "pastonly/watch.h"

namespace pastonly::evidence {

/// A subject's runs, each observed once, and what several checks need of them, computed once.
/// Thread-safe. Traces are views of mapped files, so holding all of a plan's is cheap.
class Observations {
 public:
  explicit Observations(Subject& subject, Watch watch = {});
  ~Observations();

  Subject& subject() const noexcept;
  const Watch& watch() const noexcept;
  /// How far the audit is: told here of every run and of every layer read.
  WorkMeter& meter() noexcept;

  /// All runs, as Subject::interventions().
  const std::vector<Intervention>& runs() const noexcept;
  std::vector<const Intervention*> runs(Intervention::Kind kind) const;
  /// The first base run's.
  Expected<Trace> base();
  Expected<Trace> trace(const Intervention& run);
  /// The trace of the run that `run` changes.
  Expected<Trace> base_of(const Intervention& run);

  /// Batches of a live subject beyond its plan (Capabilities::fresh): base run i of them, i = 0, 1, ...; each
  /// is drawn independently of the plan's and of one another.
  static Intervention fresh_run(std::size_t i);
  /// How many runs of a batch's size a check may ask for with a share of the subject's budget; 0 where it
  /// draws no fresh batches.
  Expected<std::size_t> fresh_runs_allowed(double share);
  /// How many fresh batches it may ask for, each run once: no more than most_fresh.
  Expected<std::size_t> fresh_batches(double share);
  static constexpr std::size_t most_fresh = 64;  ///< more settle nothing that these do not
  /// What the model said of the tokens of fresh batch i in order: its trace without the layers. Observed once
  /// and kept, as are those below.
  Expected<Trace> fresh_losses(std::size_t i);
  /// The same of another run on it: `run` with its base set to the batch; only its kind, rule and seed count.
  Expected<Trace> fresh_losses(std::size_t i, Intervention run);

  /// The rule behind each layer (routing/identify), by the position of the layer in the base
  /// trace: over all runs but shuffle and reroute. Computed at first call, in parallel over layers.
  Expected<std::vector<LayerFacts::Rule>> rules();
  /// The same with what was tried in vain and where it failed.
  Expected<std::vector<routing::Identification>> identifications();
  /// What its producer says that each layer was routed by, applied to the recorded scores; nullopt of a layer
  /// where nothing is declared or it cannot be applied, and of all layers of a subject that routes itself.
  Expected<std::vector<std::optional<DeclaredRule>>> declared_rules();
  /// How the first base run's tokens spread over the experts, by the position of the layer in its trace.
  Expected<std::vector<routing::LoadSurvey>> loads();
  /// What is odd in the layers of every run, aligned with runs(): by the position of the layer in the run's
  /// trace. These three come from one pass over each layer of each run.
  Expected<std::vector<std::vector<integrity::Scan>>> scans();

 private:
  Expected<Survey> make_survey();
  const Expected<Survey>& surveyed();

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pastonly::evidence
