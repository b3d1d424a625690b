#include <array>

#include "audits/checks.h"
#include "audits/shared/dependence_report.h"
#include "pastonly/names.h"

namespace pastonly::audits {
namespace {

constexpr DependenceWords order_wording{
    &Dependence::order,
    claim::flip,
    "decisions",
    "the sequences of the batch were reordered",
    "Routing depends on the place of a sequence in the batch, which is a form "
    "of dependence on other sequences. Causes are slots taken first come, first "
    "served, chunks that span sequences, and ties broken by position.",
    true};

Expected<std::vector<comparison::RunRegions>> compare_orders(evidence::Observations& observations) {
  std::vector<comparison::RunRegions> out;
  for (const Intervention* run : observations.runs(Intervention::Kind::order)) {
    const auto base = observations.base_of(*run);
    if (!base) return tl::unexpected(base.error());
    comparison::RunRegions comparison{run, {}};
    for (std::size_t row = 0; row < run->permutation.size(); ++row) {
      comparison.regions.push_back({run->permutation[row], row, base->layout.positions});
    }
    out.push_back(std::move(comparison));
  }
  return out;
}

constexpr std::array order_runs{Intervention::Kind::order};

Outcome run_order_invariance(const CheckContext& context) {
  return check_dependence(context, compare_orders(context.observations), order_wording, "order");
}

}  // namespace

const Check order_invariance_check{
    "order-invariance",
    "Decisions do not depend on the order of sequences",
    "Permutes the sequences of the batch and compares each with itself. This check misses some dependence on "
    "the batch: rules that rank by score depend on the other sequences, but not on their order.",
    Needs{},
    run_order_invariance,
    order_runs,
};

}  // namespace pastonly::audits
