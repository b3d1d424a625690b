#include "run/audit_model.h"

#include <utility>

namespace pastonly {

Expected<Report> audit_model(const model::Model& model, DrawTokens draw, const Policy& policy,
                             const ModelAudit& options) {
  const auto subject = make_live(model, std::move(draw), options.live);
  if (!subject) return tl::unexpected(subject.error());
  return audit(**subject, policy, options.audit);
}

Expected<Report> audit_model(const model::Model& model, const stats::TokenSource& source, Policy policy,
                             const ModelAudit& options) {
  policy.source = source.source();
  const auto draw = [&source](std::uint64_t seed, std::size_t sequences, std::size_t positions) {
    std::vector<std::int64_t> ids;
    source.draw(seed, sequences, positions, ids);
    return ids;
  };
  return audit_model(model, draw, policy, options);
}

}  // namespace pastonly
