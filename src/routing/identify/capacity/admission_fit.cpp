#include "routing/identify/capacity/admission_fit.h"

#include <algorithm>

#include "routing/identify/capacity/admission_fitter.h"

namespace pastonly::routing::hypotheses {
namespace {

constexpr std::size_t admission_probe = 2048;

}  // namespace

std::vector<std::optional<AdmissionFit>> fit_admissions(const RunSet& runs, const Grouping& grouping,
                                                        std::size_t k, const std::vector<Admission>& wanted,
                                                        std::vector<AdmissionFailure>& failures) {
  AdmissionFitter fitter(runs, grouping, k, wanted);
  fitter.run_all();
  return fitter.finish(failures);
}

void drop_refuted(const RunSet& runs, const Grouping& grouping, std::vector<Admission>& wanted,
                  std::vector<DroppedAdmission>& dropped) {
  const auto view = runs.view(0);
  if (view->tokens() < 2 * admission_probe) return;
  const Groups groups(view->layout(), grouping);
  std::size_t k = 1, seen = 0;
  for (std::size_t group = 0; group < groups.count(); ++group) {
    for (std::size_t index = 0; index < groups.size() && seen < admission_probe; ++index) {
      const std::size_t token = groups.token(group, index);
      if (!view->routed(token)) continue;
      ++seen;
      const std::size_t best = runs.profile(0).best_count[token];
      k = std::max(k, best != RunProfile::not_best ? best : rank_of_lowest(*view, token));
    }
  }
  AdmissionFitter fitter(runs, grouping, k, wanted);
  fitter.probe(admission_probe);
  std::vector<AdmissionFailure> failures;
  const auto fits = fitter.finish(failures);
  const auto survives = [&](Admission admission) {
    const auto at = std::ranges::find(wanted, admission) - wanted.begin();
    return fits[static_cast<std::size_t>(at)].has_value();
  };
  std::vector<Admission> kept;
  for (std::size_t w = 0; w < wanted.size(); ++w) {
    const bool chance = std::ranges::find(wanted, Admission::by_chance) != wanted.end();
    const auto judge = wanted[w] == Admission::by_share && chance ? Admission::by_chance : wanted[w];
    if (survives(judge) || (wanted[w] == Admission::by_share && !chance)) {
      kept.push_back(wanted[w]);
    } else {
      dropped.push_back({wanted[w], std::move(failures[w])});
    }
  }
  wanted = std::move(kept);
}

}  // namespace pastonly::routing::hypotheses
