#include <array>

#include "audits/checks.h"
#include "audits/shared/dependence_report.h"
#include "audits/shared/place_noise.h"
#include "pastonly/names.h"

namespace pastonly::audits {
namespace {

constexpr DependenceWords batch_wording{
    &Dependence::batch, claim::flip, "decisions of unchanged sequences",
    "only other sequences of the batch were redrawn",
    "The tokens of one sequence change the routing of another: results depend "
    "on the other sequences of the batch, and one user's text can affect "
    "another user's output. Use a dropless rule, or a capacity per sequence."};

constexpr std::array batch_runs{Intervention::Kind::suffix, Intervention::Kind::batch};

Outcome run_batch_isolation(const CheckContext& context) {
  return check_dependence(context, unchanged_rows(context.observations), batch_wording,
                          "batch (or one-row suffix)");
}

}  // namespace

const Check batch_isolation_check{
    "batch-isolation",
    "Decisions do not depend on other sequences",
    "Replaces other sequences of the batch, or their suffixes, and compares all decisions of the unchanged "
    "sequences.",
    Needs{},
    run_batch_isolation,
    batch_runs,
};

}  // namespace pastonly::audits
