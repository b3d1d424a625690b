#include <array>

#include "audits/checks.h"
#include "audits/shared/dependence_report.h"
#include "pastonly/names.h"

namespace pastonly::audits {
namespace {

constexpr DependenceWords length_wording{
    &Dependence::length,
    claim::flip,
    "decisions of the original tokens",
    "tokens were appended to every sequence",
    "Routing depends on the length of the batch: a capacity or a chunk is computed from the number of "
    "tokens. Expect different routing when the model is served token by token. Fix the capacity, or use a "
    "dropless rule.",
    true};

Expected<std::vector<comparison::RunRegions>> compare_lengths(evidence::Observations& observations) {
  std::vector<comparison::RunRegions> out;
  for (const Intervention* run : observations.runs(Intervention::Kind::length)) {
    const auto base = observations.base_of(*run);
    if (!base) return tl::unexpected(base.error());
    out.push_back({run, comparison::all_rows(base->layout)});
  }
  return out;
}

constexpr std::array length_runs{Intervention::Kind::length};

Outcome run_length_invariance(const CheckContext& context) {
  return check_dependence(context, compare_lengths(context.observations), length_wording, "length");
}

}  // namespace

const Check length_invariance_check{
    "length-invariance",
    "Decisions do not depend on the length of the batch",
    "Appends tokens to every sequence and compares all decisions of the original tokens. Dependence on "
    "length is a warning, not a leak: the number of tokens reveals little about them.",
    Needs{},
    run_length_invariance,
    length_runs,
};

}  // namespace pastonly::audits
