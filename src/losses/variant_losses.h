#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "evidence/observations.h"
#include "losses/paired_loss.h"
#include "pastonly/error.h"
#include "pastonly/intervention.h"
#include "pastonly/trace.h"

namespace pastonly::losses {

/// One way of routing whose loss can be asked for: a base as it is, or a run that changes the rule alone.
struct RoutingVariant {
  Intervention::Kind kind = Intervention::Kind::base;
  std::string rule;  ///< reroute, company: "id,key=value,..."; else ""
};

/// Losses of batches [first, first + count) that a live subject draws beyond its plan, routed in one way.
Expected<std::vector<Trace>> fresh_runs(evidence::Observations& observations, const RoutingVariant& routed,
                                        std::size_t first, std::size_t count);
/// The recorded base or its first run of that kind and rule. Empty where nobody recorded it.
Expected<std::vector<Trace>> recorded_runs(evidence::Observations& observations,
                                           const RoutingVariant& routed);

/// Adds each of the first `batches` fresh batches in order and routed in another way.
Expected<void> add_fresh(evidence::Observations& observations, const RoutingVariant& routed,
                         std::size_t batches, PairedLoss& out);

/// The loss in order against the loss of the same tokens under shuffled routing: the runs of kind shuffle of
/// the first base that has any, and of a live subject, one shuffle of each fresh batch that an eighth of its
/// budget allows. Empty where nothing was recorded.
Expected<PairedLoss> shuffled_losses(evidence::Observations& observations);

/// The same under plain top-k: the plan's first reroute to it, and of a live subject the same of each fresh
/// batch.
Expected<PairedLoss> top_k_losses(evidence::Observations& observations);

/// The same of the subject's causal twin, routed by its own rule, on the first base and each fresh batch.
/// Empty where there is no twin.
Expected<PairedLoss> causal_baseline_losses(evidence::Observations& observations);

/// The same for the runs of kind stream, which are recorded or planned only.
Expected<PairedLoss> streamed_losses(evidence::Observations& observations);

/// Mean bits per token of one run less those of another on the same tokens, one value for every independent
/// unit: a batch where there are several (rows of a batch share its routing), else a row. Tokens without a
/// finite log-probability in both are left out; units without tokens too.
std::vector<double> loss_differences(std::span<const Trace> more, std::span<const Trace> less);
/// Mean bits per token over all tokens; NaN without any.
double mean_loss(std::span<const Trace> runs);

}  // namespace pastonly::losses
