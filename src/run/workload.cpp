#include "run/workload.h"

#include <algorithm>

#include "run/audit.h"

namespace pastonly::run {
namespace {

std::size_t runs_beyond_plan(const Check& check, const Subject& subject, const Policy& policy,
                             const Layout& batch) {
  const Capabilities can = subject.capabilities();
  const Effort& effort = check.effort;
  if (!can.live || (effort.reroutes && !can.reroute) || !unmet(check.needs, can, policy).empty()) return 0;
  const double tokens = static_cast<double>(std::max<std::size_t>(1, batch.tokens()));
  const auto affordable = static_cast<std::size_t>(effort.budget * static_cast<double>(can.budget) / tokens);
  return affordable < effort.least_runs ? 0 : std::min(affordable, effort.most_runs);
}

std::size_t runs_read(const Check& check, const Subject& subject) {
  std::size_t runs = 0;
  for (const Intervention& run : subject.interventions())
    runs += std::ranges::count(check.plan_runs, run.kind);
  return std::max<std::size_t>(1, runs);
}

}  // namespace

std::size_t runs_beyond_plan(const std::vector<const Check*>& checks, const Subject& subject,
                             const Policy& policy, const Layout& batch) {
  std::size_t runs = 0;
  for (const Check* check : checks) runs += runs_beyond_plan(*check, subject, policy, batch);
  return runs;
}

std::vector<double> work_of(const std::vector<const Check*>& checks, const Subject& subject,
                            const Policy& policy, const Trace& base) {
  const bool live = subject.capabilities().live;
  const auto runs = static_cast<double>(subject.interventions().size());
  const auto layers = static_cast<double>(std::max<std::size_t>(1, base.layers.size()));
  // To read what a run said takes little beside the run.
  constexpr double run_of_pass = 0.01;
  // Few checks ask for all that they may.
  constexpr double asked = 0.5;
  std::vector<double> parts{live ? runs : runs * layers};
  for (const Check* check : checks) {
    const bool meant = unmet(check->needs, subject.capabilities(), policy).empty();
    const double passes =
        meant ? check->effort.passes * static_cast<double>(runs_read(*check, subject)) : 0.0;
    const auto beyond = static_cast<double>(runs_beyond_plan(*check, subject, policy, base.layout));
    parts.push_back(live ? passes * run_of_pass + asked * beyond : passes * layers);
  }
  return parts;
}

}  // namespace pastonly::run
