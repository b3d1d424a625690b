#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "evidence/declared_rule.h"
#include "evidence/recorded_run.h"
#include "integrity/layer_scan.h"
#include "pastonly/subject.h"
#include "routing/identify/identify.h"
#include "routing/recorded/load.h"

namespace pastonly::evidence {

/// What one pass over every layer of some runs tells the checks that look at single traces.
struct Survey {
  std::vector<routing::Identification> identifications;  // (layers of the base)
  std::vector<std::optional<DeclaredRule>> declared;     // (layers of the base)
  std::vector<routing::LoadSurvey> loads;                // (layers of the base)
  std::vector<std::vector<integrity::Scan>> scans;       // (runs, their layers)
};

/// Whether the run's decisions are the audited rule's own. A shuffle permutes the rule's tokens in an order
/// only its producer knows; a reroute is another rule; a stream is many batches.
bool is_judged(Intervention::Kind kind) noexcept;

/// Reads each layer of each run once, block after block, for all of this together; layers in parallel.
/// `base` is one of the runs, of which is_judged holds. Where `stop` says so, what is left stays empty.
/// `told`, called from several threads: a layer of the base was read in all of that many runs.
Survey survey(const std::vector<RecordedRun>& runs, std::size_t base, const std::function<bool()>& stop,
              const std::function<void(std::size_t runs)>& told);

}  // namespace pastonly::evidence
