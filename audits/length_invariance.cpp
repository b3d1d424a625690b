#include "checks.h"
#include "pastonly/policy.h"
#include "subject/axis_report.h"
#include "subject/study.h"

namespace pastonly {
namespace {

constexpr AxisWords kLength{
    "flip", "decisions of the tokens that were there before", "tokens were appended to every sequence",
    "Routing depends on how long the batch is: a capacity or a chunk follows from the number of tokens. "
    "Expect different "
    "routing when the model is served token by token. Fix the capacity, or use a dropless rule."};

Expected<std::vector<Comparison>> collect(Evidence& evidence) {
  std::vector<Comparison> out;
  for (const Intervention* run : evidence.runs(Intervention::Kind::length)) {
    const auto base = evidence.base_of(*run);
    if (!base) return tl::unexpected(base.error());
    out.push_back({run, all_rows(base->layout)});
  }
  return out;
}

Outcome run(const Pass& pass) {
  const auto comparisons = collect(pass.evidence);
  if (!comparisons) return comparisons.error();
  if (comparisons->empty()) return nothing_recorded("length");
  References references(pass.evidence);
  const auto found = study(pass.evidence, references, *comparisons);
  if (!found) return found.error();
  Ran out;
  out.measurements =
      measurements(found->tally, found->runs.front().reference->base, "", pass.policy.alpha, pass.seed);
  report_axis(pass, *found, kLength, out);
  report_chance(*found, out);
  return out;
}

}  // namespace

const Check length_invariance_check{
    "length-invariance",
    "Decisions do not depend on the length of the batch",
    "Appends tokens to every sequence and compares the tokens that were there before. Dependence on length "
    "is a warning, "
    "not a leak: the number of tokens says little about them.",
    Needs{},
    run,
};

}  // namespace pastonly
