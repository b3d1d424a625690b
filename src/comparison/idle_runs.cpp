#include "comparison/idle_runs.h"

#include <fmt/format.h>

#include <optional>

#include "integrity/token_changes.h"
#include "stats/first_few.h"
#include "stats/parallel.h"

namespace pastonly::comparison {
namespace {

bool has_valid_tokens(const RunRegions& runs, const Trace& base, const Trace& run) {
  for (const Region& region : runs.regions) {
    for (std::size_t position = 0; position < region.positions; ++position) {
      if (base.is_valid(base.layout.token(region.base_row, position)) &&
          run.is_valid(run.layout.token(region.run_row, position)))
        return true;
    }
  }
  return false;
}

enum class Worth { telling, unchanged, empty };

std::string idle_list(const std::vector<std::uint32_t>& ids, std::string_view why) {
  if (ids.empty()) return "";
  return fmt::format("; run{} {} {}", ids.size() == 1 ? "" : "s", stats::first_few(ids), why);
}

}  // namespace

std::string TellingRuns::idle_words() const {
  return idle_list(unchanged, "left every token as it was") +
         idle_list(empty, "left no valid token to compare");
}

Expected<TellingRuns> without_idle(evidence::Observations& observations, std::vector<RunRegions> runs) {
  std::vector<std::optional<Expected<Worth>>> found(runs.size());
  stats::parallel_for(runs.size(), [&](std::size_t i) {
    const auto base = observations.base_of(*runs[i].run);
    const auto trace = observations.trace(*runs[i].run);
    if (!base || !trace) {
      found[i] = tl::unexpected(base ? trace.error() : base.error());
    } else if (!integrity::changes_tokens(*base, *trace)) {
      found[i] = Worth::unchanged;
    } else {
      found[i] = has_valid_tokens(runs[i], *base, *trace) ? Worth::telling : Worth::empty;
    }
  });
  TellingRuns out;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (!*found[i]) return tl::unexpected(found[i]->error());
    const std::uint32_t id = runs[i].run->id;
    if (**found[i] == Worth::unchanged) out.unchanged.push_back(id);
    if (**found[i] == Worth::empty) out.empty.push_back(id);
    if (**found[i] == Worth::telling) out.runs.push_back(std::move(runs[i]));
  }
  return out;
}

}  // namespace pastonly::comparison
