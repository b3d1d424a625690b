#include "evidence/refuted_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "replay/replay_rule.h"
#include "replay/whole_run.h"
#include "routing/loosely_fitted.h"
#include "routing/rule_ids.h"

namespace pastonly::evidence {
namespace {

constexpr std::size_t replayed_scores = std::size_t{1} << 22;  // of a rule's replays, together

/// A run and the base that it changes, in one layer.
struct Pair {
  const RecordedRun* base = nullptr;
  const RecordedRun* changed = nullptr;
  const LayerRecord* before = nullptr;
  const LayerRecord* after = nullptr;
};

std::vector<Pair> pairs(const std::vector<RecordedRun>& runs, LayerIndex index, Intervention::Kind kind) {
  std::vector<Pair> found;
  for (const auto& run : runs) {
    if (run.run.kind != kind || !run.run.base) continue;
    const auto base =
        std::ranges::find(runs, *run.run.base, [](const RecordedRun& one) { return one.run.id; });
    if (base == runs.end() || !(base->trace.layout == run.trace.layout)) continue;
    const Pair pair{&*base, &run, layer_of(base->trace, index), layer_of(run.trace, index)};
    if (pair.before == nullptr || pair.after == nullptr || pair.before->experts != pair.after->experts)
      continue;
    found.push_back(pair);
  }
  return found;
}

/// The tokens before the cut in the sequences that a suffix run changed.
std::vector<std::size_t> tokens_before(const Pair& pair) {
  const Layout& layout = pair.base->trace.layout;
  const Intervention& run = pair.changed->run;
  std::vector<std::size_t> tokens;
  const auto add = [&](std::size_t row) {
    for (std::size_t position = 0; position < std::min(run.cut, layout.positions); ++position) {
      const std::size_t token = layout.token(row, position);
      if (pair.base->trace.is_valid(token) && pair.changed->trace.is_valid(token)) tokens.push_back(token);
    }
  };
  if (run.all_rows) {
    for (std::size_t row = 0; row < layout.sequences; ++row) add(row);
  } else {
    for (const std::size_t row : run.rows) {
      if (row < layout.sequences) add(row);
    }
  }
  return tokens;
}

std::size_t differing(const Mask& one, const Mask& other, const std::vector<std::size_t>& tokens) {
  std::size_t count = 0;
  for (const std::size_t token : tokens) {
    for (std::size_t e = 0; e < one.experts(); ++e) count += one(token, e) != other(token, e) ? 1 : 0;
  }
  return count;
}

/// Scores that are the same but for rounding: an earlier layer passed nothing on.
bool same_scores(std::span<const float> one, std::span<const float> other, std::size_t experts,
                 const std::vector<std::size_t>& tokens) {
  return std::ranges::all_of(tokens, [&](std::size_t token) {
    for (std::size_t i = token * experts; i < (token + 1) * experts; ++i) {
      const float x = one[i], y = other[i];
      if (!(x == y) && !(std::abs(x - y) <= 1e-4F * std::max(std::abs(x), std::abs(y)))) return false;
    }
    return true;
  });
}

/// The rule as it would act if its whole fit were of this batch's making; nullptr where it cannot be made.
std::unique_ptr<RoutingRule> acting_rule(const RuleCandidate& candidate) {
  LayerFacts::Rule rule;
  rule.id = candidate.id;
  rule.parameters = candidate.parameters;
  if (candidate.id == routing::ids::biased_top_k_same_batch) {
    const auto spread = candidate.parameters.number("spread");
    if (!spread) return nullptr;
    Parameters parameters = *candidate.parameters.object();
    std::erase_if(parameters, [](const auto& entry) { return entry.first == "update_rate"; });
    parameters.emplace_back("update_rate", 0.5 * *spread);
    rule.parameters = std::move(parameters);
  }
  return replay::make_identified(rule);
}

/// What a rule would have done under the suffix runs of a layer whose record changed nothing.
class SuffixReplay {
 public:
  SuffixReplay(const std::vector<RecordedRun>& runs, LayerIndex index)
      : pairs_(pairs(runs, index, Intervention::Kind::suffix)) {
    clean_ = !pairs_.empty() && std::ranges::all_of(pairs_, [&](const Pair& pair) {
      return differing(read_mask(*pair.before), read_mask(*pair.after), tokens_before(pair)) == 0;
    });
  }

  /// Why the rule cannot be the one that routed; "" where nothing speaks against it.
  std::string speaks_against(const RuleCandidate& candidate) const {
    if (!clean_) return {};
    const auto rule = acting_rule(candidate);
    if (!rule) return {};
    const Value* ranking = candidate.parameters.find("ranking");
    const std::string named = ranking != nullptr && ranking->text() ? *ranking->text() : "";
    std::size_t read = 0, runs = 0, changed = 0, decisions = 0;
    for (const auto& pair : pairs_) {
      read += 2 * pair.base->trace.layout.tokens() * pair.before->experts;
      if (runs > 0 && read > replayed_scores) break;
      ++runs;
      add(*rule, pair, named, changed, decisions);
    }
    if (changed == 0) return {};
    return fmt::format(
        "applied to the recorded scores it would have changed {} of {} decisions before the cuts of "
        "{} suffix run{}, of which the record changed none",
        changed, decisions, runs, runs == 1 ? "" : "s");
  }

 private:
  static void add(const RoutingRule& rule, const Pair& pair, const std::string& ranking, std::size_t& changed,
                  std::size_t& decisions) {
    const auto tokens = tokens_before(pair);
    const std::size_t experts = pair.before->experts;
    if (pair.before->ranking() == nullptr || pair.after->ranking() == nullptr) return;
    const auto before = replay::ranked_scores(pair.base->trace, *pair.before, ranking);
    auto after = replay::ranked_scores(pair.changed->trace, *pair.after, ranking);
    if (!same_scores(before, after, experts, tokens)) return;
    // What differs before the cut is rounding, and must not decide.
    for (const std::size_t token : tokens)
      std::copy_n(&before[token * experts], experts, &after[token * experts]);
    decisions += tokens.size() * experts;
    changed += differing(replay::select_run(rule, pair.base->trace, before),
                         replay::select_run(rule, pair.changed->trace, after), tokens);
  }

  std::vector<Pair> pairs_;
  bool clean_ = false;
};

/// The base with its repeats and redraws.
std::vector<Pair> unchanged_pairs(const std::vector<RecordedRun>& runs, LayerIndex index) {
  auto out = pairs(runs, index, Intervention::Kind::repeat);
  const auto redrawn = pairs(runs, index, Intervention::Kind::redraw);
  out.insert(out.end(), redrawn.begin(), redrawn.end());
  return out;
}

bool repeats_agree(const std::vector<RecordedRun>& runs, LayerIndex index) {
  const auto repeats = unchanged_pairs(runs, index);
  return !repeats.empty() && std::ranges::all_of(repeats, [](const Pair& pair) {
    const Mask one = read_mask(*pair.before), other = read_mask(*pair.after);
    const auto entries = one.tokens() * one.experts();
    return std::equal(one.view().data(), one.view().data() + entries, other.view().data());
  });
}

/// Whether a repeat saw the same scores and decided otherwise: a kernel or an exact count would not.
bool something_was_drawn(const std::vector<RecordedRun>& runs, LayerIndex index) {
  const auto repeats = unchanged_pairs(runs, index);
  return std::ranges::any_of(repeats, [](const Pair& pair) {
    if (pair.before->ranking() == nullptr || pair.after->ranking() == nullptr) return false;
    return replay::ranked_scores(pair.base->trace, *pair.before) ==
               replay::ranked_scores(pair.changed->trace, *pair.after) &&
           !(read_mask(*pair.before) == read_mask(*pair.after));
  });
}

bool is_drawn(const RuleCandidate& candidate) {
  const RuleInfo* const info = find_rule(candidate.id);
  return info != nullptr && info->usual.random;
}

}  // namespace

void drop_refuted_rules(routing::Identification& layer, LayerIndex index,
                        const std::vector<RecordedRun>& runs) {
  auto& candidates = layer.rule.candidates;
  if (std::ranges::none_of(candidates, routing::loosely_fitted)) return;
  std::optional<SuffixReplay> suffixes;
  std::optional<bool> repeats, drawn;
  std::vector<RuleCandidate> kept;
  for (auto& candidate : candidates) {
    std::string reason;
    if (is_drawn(candidate)) {
      if (!repeats) repeats = repeats_agree(runs, index);
      if (*repeats) reason = "repeats gave all decisions again to the last bit: nothing was drawn";
    }
    if (candidate.id == routing::ids::unstable_capacity || candidate.id == routing::ids::assignment) {
      if (!drawn) drawn = something_was_drawn(runs, index);
      if (*drawn) reason = "a repeat with the same scores was decided otherwise: something was drawn";
    }
    if (reason.empty() && candidate.causal == false && routing::loosely_fitted(candidate)) {
      if (!suffixes) suffixes.emplace(runs, index);
      reason = suffixes->speaks_against(candidate);
    }
    if (reason.empty()) {
      kept.push_back(std::move(candidate));
    } else {
      layer.rejected.insert(layer.rejected.begin(),
                            {candidate.id, candidate.causal == true, {}, {}, std::move(reason)});
    }
  }
  candidates = std::move(kept);
  routing::state_simplest(layer);
}

}  // namespace pastonly::evidence
