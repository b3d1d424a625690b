#include "subject/streaming.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "routing/capped.h"
#include "routing/top_k.h"
#include "stats/random.h"
#include "subject/competing_tokens.h"

namespace pastonly {
namespace {

constexpr std::size_t kFewTokens = 16;

/// For each value how many earlier ones are not below it (NaN counts as the lowest), in O(n log n).
std::vector<std::size_t> earlier_not_below(const std::vector<float>& values) {
  const std::size_t n = values.size();
  std::vector<std::size_t> order(n), rank(n), tree(n + 1, 0), out(n, 0);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto key = [&](std::size_t i) { return std::isfinite(values[i]) ? values[i] : -HUGE_VALF; };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return key(a) > key(b); });
  for (std::size_t r = 0; r < n; ++r) rank[order[r]] = r;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = rank[i]; j > 0; j -= j & (0 - j)) out[i] += tree[j];
    for (std::size_t j = rank[i] + 1; j <= n; j += j & (0 - j)) ++tree[j];
  }
  return out;
}

/// `count` of the numbers below `limit`, ascending, all of them where there are no more.
std::vector<std::size_t> sample(std::size_t limit, std::size_t count, std::uint64_t seed) {
  std::vector<std::size_t> all(limit);
  std::iota(all.begin(), all.end(), std::size_t{0});
  if (count >= limit) return all;
  stats::CounterRng rng(seed, 7);
  for (std::size_t i = 0; i < count; ++i) std::swap(all[i], all[i + rng.below(limit - i)]);
  all.resize(count);
  std::sort(all.begin(), all.end());
  return all;
}

bool stream_expert_choice(const Excerpt& chunk, double share, Moved& out) {
  const Parameters parameters{{"k", share * static_cast<double>(chunk.mask.experts())}};
  const auto made = make_rule("expert-choice(streaming)", parameters);
  if (!made) return false;
  RoutingContext context;
  context.layout = {1, chunk.mask.tokens()};
  Routing routing;
  (*made)->select(chunk.view(), context, routing);
  out.add(chunk.mask, routing.mask);
  return true;
}

bool expert_choice(const Trace& trace, const LayerRecord& layer, const Reapplied& rule, std::size_t budget,
                   std::uint64_t seed, Moved& out) {
  const CompetingTokens competing(trace, rule);
  const auto chunks = competing.stretches(rule.width);
  const std::size_t per_chunk = std::max<std::size_t>(1, rule.width * layer.experts);
  const std::size_t fits = std::max<std::size_t>(1, budget / per_chunk);
  // Columns are independent of each other: a chunk too large for the budget is sampled by expert.
  const std::size_t wide =
      std::max<std::size_t>(1, std::min(layer.experts, budget / std::max<std::size_t>(1, rule.width)));
  const auto experts = sample(layer.experts, fits > 1 ? layer.experts : wide, seed + 1);
  out.sampled = fits < chunks.size() || experts.size() < layer.experts;
  const double share = rule.k / static_cast<double>(layer.experts);
  for (const std::size_t c : sample(chunks.size(), fits, seed)) {
    const auto tokens = competing.tokens(chunks[c]);
    const Excerpt chunk =
        experts.size() < layer.experts ? excerpt(layer, tokens, experts) : excerpt(trace, layer, tokens);
    if (!stream_expert_choice(chunk, share, out)) return false;
  }
  return true;
}

/// (token, choice) pairs of each expert, in order of token, all choices of one level together.
struct Demand {
  std::vector<std::size_t> tokens;
  std::vector<float> priorities;
};

enum class Admit { choice_major, by_priority_choice_major, by_priority };

/// Keeps a choice if fewer than `slots` of the visible ones stand before it.
Mask stream_capped(const Excerpt& group, std::size_t k, std::size_t slots, Admit admit, bool renormalised) {
  const std::size_t tokens = group.mask.tokens(), experts = group.mask.experts();
  const routing::Choices choices = routing::top_choices(group.view(), k);
  const bool levels = admit != Admit::by_priority;
  std::vector<std::size_t> before(tokens * choices.k, 0);  // (tokens, choices) visible choices that go first
  const std::size_t lists = levels ? choices.k : 1;
  for (std::size_t level = 0; level < lists; ++level) {
    std::vector<Demand> demand(experts);
    std::vector<std::vector<std::size_t>> places(experts);
    for (std::size_t t = 0; t < tokens; ++t) {
      const auto own = choices.of(t);
      float sum = 0.0F;
      for (const auto e : own) sum += group.view()(t, e);
      for (std::size_t j = levels ? level : 0; j < (levels ? level + 1 : choices.k); ++j) {
        float priority = 0.0F;
        if (admit == Admit::by_priority_choice_major) priority = group.view()(t, own[0]);
        if (admit == Admit::by_priority) priority = group.view()(t, own[j]) / (renormalised ? sum : 1.0F);
        demand[own[j]].tokens.push_back(t);
        demand[own[j]].priorities.push_back(priority);
        places[own[j]].push_back(t * choices.k + j);
      }
    }
    for (std::size_t e = 0; e < experts; ++e) {
      const auto ahead = earlier_not_below(demand[e].priorities);
      for (std::size_t i = 0; i < ahead.size(); ++i) before[places[e][i]] += ahead[i];
    }
    // Every visible choice of this level stands before all later levels, the token's own included.
    std::vector<std::size_t> seen(experts, 0);
    for (std::size_t t = 0; levels && t < tokens; ++t) {
      ++seen[choices.of(t)[level]];
      for (std::size_t j = level + 1; j < choices.k; ++j) before[t * choices.k + j] += seen[choices.of(t)[j]];
    }
  }
  Mask out(tokens, experts);
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t j = 0; j < choices.k; ++j)
      out(t, choices.of(t)[j]) = before[t * choices.k + j] < slots ? 1 : 0;
  }
  return out;
}

bool capped(const Trace& trace, const LayerRecord& layer, const Reapplied& rule, std::size_t budget,
            std::uint64_t seed, Moved& out) {
  routing::ParameterReader reader(rule.id, rule.parameters);
  const routing::CappedOptions options = routing::read_capped(reader, std::nullopt);
  const bool renormalised =
      rule.id == "drop-by-score" && reader.choice("rank", {"score", "renormalised"}, 0) == 1;
  const Admit admit = rule.id == "gshard-top-2"     ? Admit::choice_major
                      : rule.id == "batch-priority" ? Admit::by_priority_choice_major
                                                    : Admit::by_priority;
  const CompetingTokens competing(trace, rule);
  const std::size_t fits =
      std::max<std::size_t>(1, budget / std::max<std::size_t>(1, rule.width * layer.experts));
  out.sampled = fits < competing.groups();
  for (const std::size_t g : sample(competing.groups(), fits, seed)) {
    const Excerpt group = excerpt(trace, layer, competing.group(g));
    const std::size_t slots = options.capacity.of(rule.width, layer.experts, static_cast<double>(options.k));
    out.add(group.mask, stream_capped(group, options.k, slots, admit, renormalised));
  }
  return true;
}

/// Applies the rule to what a token may see, for a few tokens.
bool few_tokens(const Trace& trace, const LayerRecord& layer, const Reapplied& rule, std::size_t budget,
                std::uint64_t seed, Moved& out) {
  const CompetingTokens competing(trace, rule);
  const auto made = make_rule(rule.id, rule.parameters);
  if (!made) return false;
  const std::size_t longest = std::max<std::size_t>(1, budget / layer.experts / kFewTokens);
  stats::CounterRng rng(seed, 8);
  out.sampled = true;
  for (std::size_t i = 0; i < kFewTokens; ++i) {
    const std::size_t group = rng.below(competing.groups());
    const std::size_t token = rng.below(std::min(longest, competing.size(group)));
    const std::size_t first = token / rule.width * rule.width;
    const Excerpt visible = excerpt(trace, layer, competing.tokens({group, first, token - first + 1}));
    RoutingContext context;
    context.layout = {1, visible.mask.tokens()};
    context.tokens = visible.ids;
    Routing routing;
    (*made)->select(visible.view(), context, routing);
    Mask before(1, layer.experts), after(1, layer.experts);
    const std::size_t last = visible.mask.tokens() - 1;
    for (std::size_t e = 0; e < layer.experts; ++e) {
      before(0, e) = visible.mask(last, e);
      after(0, e) = routing.mask(last, e);
    }
    out.add(before, after);
  }
  return true;
}

bool is_capped(const Reapplied& rule) {
  return rule.id == "gshard-top-2" || rule.id == "batch-priority" || rule.id == "drop-by-score";
}

}  // namespace

bool reads_whole(const Reapplied& rule, std::size_t budget) {
  const bool experts_choose = rule.id == "expert-choice" || rule.id == "mixture-of-depths";
  return rule.future && ((is_capped(rule) && !rule.per_sequence) || (experts_choose && rule.width > budget));
}

std::optional<Moved> streaming_change(const Trace& trace, const LayerRecord& layer, const Reapplied& rule,
                                      std::size_t budget, std::uint64_t seed) {
  Moved out;
  if (rule.chance) return std::nullopt;
  if (!rule.future) return out;
  bool done = false;
  if (rule.id == "expert-choice" || rule.id == "mixture-of-depths") {
    done = expert_choice(trace, layer, rule, budget, seed, out);
  } else if (is_capped(rule)) {
    done = capped(trace, layer, rule, budget, seed, out);
  } else {
    done = few_tokens(trace, layer, rule, std::min<std::size_t>(budget, 1U << 18), seed, out);
  }
  return done ? std::optional<Moved>(std::move(out)) : std::nullopt;
}

}  // namespace pastonly
