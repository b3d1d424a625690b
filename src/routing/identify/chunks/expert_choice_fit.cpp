#include "routing/identify/chunks/expert_choice_fit.h"

#include <fmt/format.h>

#include <algorithm>

#include "routing/identify/chunks/chunk_capacity.h"
#include "routing/identify/chunks/chunk_fit.h"
#include "routing/identify/shared/candidate_parameters.h"
#include "routing/rule_ids.h"

namespace pastonly::routing::hypotheses {
namespace {

constexpr std::size_t width_limit = 1024;  // balanced prefixes that are tried as a chunk

/// Whether the counts of a fixed width mean anything: with one expert every count is even, so some
/// width must come back with the same C, and the rest must follow a formula.
bool telling(const ChunkFit& fit, std::size_t experts) {
  if (fit.width == 0) return true;
  if (experts > 1) {
    const auto full = fit.capacity.find(fit.width);
    return full == fit.capacity.end() ||
           std::ranges::all_of(fit.capacity, [&](const auto& one) { return one.second <= full->second; });
  }
  return fit.chunks > fit.capacity.size() &&
         (common_capacity(fit.capacity) || common_k(fit.capacity, experts));
}

/// All widths that explain every run under one grouping, the whole group (0) last.
std::vector<ChunkFit> fits(const RunSet& runs, const Grouping& grouping, ChunkFailure& best) {
  std::vector<ChunkFit> found;
  const auto attempt = [&](std::size_t width) {
    ChunkFailure failure;
    if (auto fit = fit_chunks(runs, grouping, width, failure)) {
      if (telling(*fit, runs.experts())) found.push_back(std::move(*fit));
    } else if (failure.tokens > best.tokens) {
      best = std::move(failure);
    }
  };
  // Where every token takes every expert, any chunk will do: the whole group is the simplest.
  if (runs.smallest_count() < runs.experts()) {
    const std::size_t limit = runs.experts() == 1 ? runs.tokens() : width_limit;
    for (const auto width : possible_widths(*runs.view(0), grouping, limit)) attempt(width);
  }
  attempt(0);
  return found;
}

/// Even counts in every chunk are even counts in the batch: most other rules fail here, before a score is
/// read.
std::optional<Counterexample> uneven_total(const RunSet& runs) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto& counts = runs.profile(i).expert_counts;
    const auto [least, most] = std::ranges::minmax_element(counts);
    if (*least == *most) continue;
    return place(*runs.view(i), runs.run(i).layout.tokens() - 1,
                 fmt::format("over the batch expert {} took {} tokens and expert {} took {}",
                             least - counts.begin(), *least, most - counts.begin(), *most),
                 {{"fewest", std::size_t{*least}}, {"most", std::size_t{*most}}});
  }
  return std::nullopt;
}

Value::Object describe(const RunSet& runs, const std::vector<ChunkFit>& found) {
  // The widest explains the most tokens by one threshold; narrower ones are named beside it.
  const ChunkFit& main = found.back();
  Value::Object parameters;
  if (main.width != 0) {
    parameters.emplace_back("chunk", main.width);
  } else if (main.capacity.size() == 1) {
    parameters.emplace_back("chunk", main.capacity.begin()->first);  // all that is routed together
  }
  write_capacity(main.capacity, runs.experts(), parameters);
  const bool whole_batch = main.width == 0 && !main.grouping.per_sequence;
  if (!whole_batch) write_grouping(runs, main.grouping, parameters);
  if (found.size() > 1) {
    Value::Array narrower;
    for (std::size_t i = 0; i + 1 < found.size(); ++i) narrower.emplace_back(found[i].width);
    parameters.emplace_back("chunk_or", std::move(narrower));
  }
  return parameters;
}

}  // namespace

void try_expert_choice(const RunSet& runs, Findings& findings) {
  ChunkFailure best;
  for (const auto& grouping : groupings(runs, true)) {
    if (auto at = uneven_total(runs)) {
      best.at = std::move(*at);
      break;
    }
    const auto found = fits(runs, grouping, best);
    if (found.empty()) continue;
    findings.accept(ids::expert_choice, describe(runs, found));
    break;
  }
  if (!findings.accepted(ids::expert_choice)) findings.reject(ids::expert_choice, std::move(best.at));
  if (runs.experts() != 1) return;
  ChunkFailure failure;
  if (const auto fit = fit_chunks(runs, {.per_sequence = true}, 0, failure)) {
    Value::Object parameters;
    write_capacity(fit->capacity, 1, parameters);
    findings.accept(ids::mixture_of_depths, std::move(parameters));
  } else {
    findings.reject(ids::mixture_of_depths, std::move(failure.at));
  }
}

}  // namespace pastonly::routing::hypotheses
