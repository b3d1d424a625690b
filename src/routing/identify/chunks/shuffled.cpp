#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "routing/identify/chunks/expert_choice_fit.h"
#include "routing/identify/shared/candidate_parameters.h"
#include "routing/rule_ids.h"

namespace pastonly::routing::hypotheses {
namespace {

constexpr std::size_t sort_limit = std::size_t{1} << 22;  // scores of all runs whose columns are sorted

/// The columns of one group, sorted, against a chunk width and its C: could some assignment of the
/// tokens to chunks have made this mask? A left-out token needs C better ones chosen in its chunk, and a
/// chosen one w - C worse left out. Necessary, not sufficient.
class ShuffledColumns {
 public:
  ShuffledColumns(const RunView& view, const Groups& groups, std::size_t group) : size_(groups.size()) {
    columns_.resize(view.experts());
    for (std::size_t e = 0; e < view.experts(); ++e) {
      for (std::size_t i = 0; i < size_; ++i) {
        const std::size_t token = groups.token(group, i);
        if (!view.routed(token)) continue;
        columns_[e].push_back({order_key(view.scores()(token, e)), view.mask()(token, e) != 0});
      }
      // Among equal scores the chosen one first: ties were resolved in some way.
      std::ranges::sort(columns_[e], std::greater<>());
    }
  }

  bool possible(std::size_t width, std::size_t capacity) const {
    return std::ranges::all_of(columns_, [&](const Column& column) {
      return possible_from(column.begin(), column.end(), true, capacity, width - capacity) &&
             possible_from(column.rbegin(), column.rend(), false, width - capacity, capacity);
    });
  }

 private:
  using Column = std::vector<std::pair<std::int32_t, bool>>;

  /// Walks from the best (`kind` = chosen) or the worst (left out): every chunk that holds one of the other
  /// kind so far has all its `helpers` of this kind so far, and room for `others` of the other.
  template <class Iterator>
  static bool possible_from(Iterator begin, Iterator end, bool kind, std::size_t helpers,
                            std::size_t others) {
    if (helpers == 0) return true;
    std::size_t helped = 0, used = 0;  // of this kind, of the other
    for (auto it = begin; it != end; ++it) {
      (it->second == kind ? helped : used) += 1;
      if (used > helped / helpers * others) return false;
    }
    return true;
  }

  std::size_t size_;
  std::vector<Column> columns_;  // (experts)
};

/// Tokens per expert of every group, if they are the same for all experts.
bool even(const RunSet& runs, const Grouping& grouping) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto& profile = runs.profile(i);
    const auto& counts = grouping.per_sequence ? profile.sequence_counts : profile.expert_counts;
    for (std::size_t at = 0; at < counts.size(); ++at) {
      if (counts[at] == 0 || counts[at] != counts[at - at % runs.experts()]) return false;
    }
  }
  return true;
}

bool fits(const RunSet& runs, const Grouping& grouping, std::size_t width, std::size_t capacity) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto view = runs.view(i);
    const Groups groups(view->layout(), grouping);
    if (groups.size() % width != 0) return false;
    for (std::size_t group = 0; group < groups.count(); ++group) {
      const auto& profile = runs.profile(i);
      const auto& counts = grouping.per_sequence ? profile.sequence_counts : profile.expert_counts;
      if (counts[group * runs.experts()] != capacity * (groups.size() / width)) return false;
      if (!ShuffledColumns(*view, groups, group).possible(width, capacity)) return false;
    }
  }
  return true;
}

/// Widths (and their C) that some permutation could have used, ascending.
std::vector<std::pair<std::size_t, std::size_t>> possible_chunks(const RunSet& runs,
                                                                 const Grouping& grouping) {
  std::vector<std::pair<std::size_t, std::size_t>> found;
  const std::size_t size = Groups(runs.run(0).layout, grouping).size();
  const auto& profile = runs.profile(0);
  const std::size_t count = grouping.per_sequence ? profile.sequence_counts[0] : profile.expert_counts[0];
  for (std::size_t width = 2; width <= size / 2; ++width) {
    if (size % width != 0 || (count * width) % size != 0) continue;
    const std::size_t capacity = count * width / size;
    if (capacity == 0 || capacity == width) continue;
    if (fits(runs, grouping, width, capacity)) found.emplace_back(width, capacity);
  }
  return found;
}

}  // namespace

void try_shuffled_expert_choice(const RunSet& runs, Findings& findings) {
  constexpr auto id = ids::expert_choice_shuffled;
  const auto exact =
      std::ranges::find(findings.candidates, std::string(ids::expert_choice), &RuleCandidate::id);
  if (exact != findings.candidates.end()) {
    if (exact->parameters.text("scope") != nullptr && *exact->parameters.text("scope") == "document") return;
    // The permutation may have been the identity.
    findings.accept(id, *exact->parameters.object());
    return;
  }
  if (runs.smallest_count() == runs.experts()) return;
  auto ways = groupings(runs, true);
  std::erase_if(ways, [&](const Grouping& way) { return !way.per_sequence && !(way == ways.front()); });
  for (const auto& grouping : ways) {
    if (!even(runs, grouping)) continue;
    if (runs.tokens() * runs.experts() > sort_limit) {
      findings.reject(id, "the batch is too large to look for a permutation");
      return;
    }
    const auto chunks = possible_chunks(runs, grouping);
    if (chunks.empty()) continue;
    Value::Object parameters{{"chunk", chunks.back().first}, {"capacity", chunks.back().second}};
    if (grouping.per_sequence) parameters.emplace_back("scope", "sequence");
    if (chunks.size() > 1) {
      Value::Array narrower;
      for (std::size_t i = 0; i + 1 < chunks.size(); ++i) narrower.emplace_back(chunks[i].first);
      parameters.emplace_back("chunk_or", std::move(narrower));
    }
    findings.accept(id, std::move(parameters));
    return;
  }
  findings.reject(id, "experts do not take equal numbers of tokens that chunks could give");
}

}  // namespace pastonly::routing::hypotheses
