#pragma once

#include "model/model.h"
#include "model/runnable.h"
#include "pastonly/error.h"
#include "pastonly/policy.h"
#include "pastonly/report.h"
#include "run/audit.h"
#include "stats/token_source.h"
#include "subjects/live_model.h"

namespace pastonly {

/// How a frozen model is audited. `live.budget` sets the cost: the number of fresh batches and resampled
/// futures follows from it.
struct ModelAudit {
  subjects::LiveOptions live;
  run::AuditOptions audit;
};

/// Runs all checks on a live model whose tokens come from `draw`. The policy's source is taken as it is: it
/// must be what `draw` draws from, or absent. The caller fills in Report::run. Errors as make_live and audit.
inline Expected<Report> audit_model(const model::Model& model, subjects::DrawTokens draw,
                                    const Policy& policy, const ModelAudit& options) {
  const auto subject = subjects::make_live(model::make_runnable(model), std::move(draw), options.live);
  if (!subject) return tl::unexpected(subject.error());
  return run::audit(**subject, policy, options.audit);
}

/// The same on tokens of a known source, which also becomes the policy's.
inline Expected<Report> audit_model(const model::Model& model, const stats::TokenSource& source,
                                    Policy policy, ModelAudit options) {
  policy.source = source.source();
  options.live.drawn_from = policy.source;
  const auto draw = [&source](std::uint64_t seed, std::size_t sequences, std::size_t positions) {
    std::vector<std::int64_t> ids;
    source.draw(seed, sequences, positions, ids);
    return ids;
  };
  return audit_model(model, draw, policy, options);
}

}  // namespace pastonly
