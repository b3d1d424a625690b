#pragma once

#include "evidence/audit_context.h"
#include "losses/paired_loss.h"
#include "pastonly/error.h"

namespace pastonly {

/// The loss in order against the loss of the same tokens under shuffled routing: the runs of kind shuffle of
/// the first base that has any, and of a live subject, one shuffle of each fresh batch that an eighth of its
/// budget allows. Empty where nothing was recorded.
Expected<PairedLoss> shuffled_losses(Evidence& evidence);

/// The same under plain top-k: the plan's first reroute to it, and of a live subject the same of each fresh
/// batch.
Expected<PairedLoss> top_k_losses(Evidence& evidence);

/// The same of the subject's causal twin, routed by its own rule, on the first base and each fresh batch.
/// Empty where there is no twin.
Expected<PairedLoss> twin_losses(Evidence& evidence);

/// The same for the runs of kind stream, which are recorded or planned only.
Expected<PairedLoss> streamed_losses(Evidence& evidence);

}  // namespace pastonly
