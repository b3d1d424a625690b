#include "replay/streaming_change.h"

#include <algorithm>
#include <numeric>

#include "replay/competing_tokens.h"
#include "replay/streamed_capacity.h"
#include "routing/rule_ids.h"
#include "routing/rule_traits.h"
#include "routing/selection/capped.h"
#include "stats/random.h"

namespace pastonly::replay {
namespace {

using routing::StreamingForm;

constexpr std::size_t few_sampled_tokens = 16;

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

bool stream_expert_choice(const Excerpt& chunk, double share, FlipCount& out) {
  const Parameters parameters{{"k", share * static_cast<double>(chunk.mask.experts())}};
  const auto made = make_rule(routing::ids::expert_choice_streaming, parameters);
  if (!made) return false;
  RoutingContext context;
  context.layout = {1, chunk.mask.tokens()};
  Routing routing;
  (*made)->select(chunk.view(), context, routing);
  out.add(chunk.mask, routing.mask);
  return true;
}

bool expert_choice(const Trace& trace, const LayerRecord& layer, const ReplayRule& rule, std::size_t budget,
                   std::uint64_t seed, FlipCount& out) {
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
    const Excerpt chunk = experts.size() < layer.experts ? excerpt(layer, rule, tokens, experts)
                                                         : excerpt(trace, layer, rule, tokens);
    if (!stream_expert_choice(chunk, share, out)) return false;
  }
  return true;
}

/// How the rule is selected when only tokens up to it are visible. Of the latest of them nothing is refused
/// by score.
StreamingForm streaming_form(const ReplayRule& rule) {
  const Value* rank = find(rule.parameters, "rank");
  if (rank != nullptr && *rank == "latest") return StreamingForm::reapplied;
  return routing::rule_traits(rule.id).streaming;
}

bool is_capped(StreamingForm form) {
  return form == StreamingForm::capacity_by_choice || form == StreamingForm::capacity_by_priority ||
         form == StreamingForm::capacity_by_score;
}

Admit admission(StreamingForm form, routing::ParameterReader& reader) {
  if (form == StreamingForm::capacity_by_choice) return Admit::choice_major;
  if (form == StreamingForm::capacity_by_priority) return Admit::by_priority_choice_major;
  return reader.choice("rank", {"score", "renormalised", "latest"}, 0) == 1 ? Admit::by_share
                                                                            : Admit::by_priority;
}

bool capped(const Trace& trace, const LayerRecord& layer, const ReplayRule& rule, std::size_t budget,
            std::uint64_t seed, FlipCount& out) {
  routing::ParameterReader reader(rule.id, rule.parameters);
  const routing::CappedOptions options = routing::read_capped(reader, std::nullopt);
  CappedChoice choice;
  choice.k = options.k;
  choice.slots = options.capacity.of(rule.width, layer.experts, static_cast<double>(options.k));
  choice.admit = admission(routing::rule_traits(rule.id).streaming, reader);
  const CompetingTokens competing(trace, rule);
  const std::size_t fits =
      std::max<std::size_t>(1, budget / std::max<std::size_t>(1, rule.width * layer.experts));
  out.sampled = fits < competing.groups();
  std::vector<float> floats;
  std::vector<std::uint8_t> bits;
  for (const std::size_t g : sample(competing.groups(), fits, seed)) {
    auto tokens = competing.group(g);
    // The group's tokens as they stand in the file, with what may be padding between them.
    const std::size_t first = rule.per_sequence ? trace.layout.token(g, 0) : 0;
    const std::size_t count = rule.per_sequence ? trace.layout.positions : trace.layout.tokens();
    for (std::size_t& token : tokens) token -= first;
    const auto scores = ranked_rows(layer, first, count, rule.ranking, floats);
    out.add(tokens.size() * layer.experts,
            streamed_changes(scores, mask_rows(layer, first, count, bits), tokens, choice));
  }
  return true;
}

/// Applies the rule to what a token may see, for a few tokens.
bool few_tokens(const Trace& trace, const LayerRecord& layer, const ReplayRule& rule, std::size_t budget,
                std::uint64_t seed, FlipCount& out) {
  const CompetingTokens competing(trace, rule);
  const auto made = make_rule(rule.id, rule.parameters);
  if (!made) return false;
  const std::size_t longest = std::max<std::size_t>(1, budget / layer.experts / few_sampled_tokens);
  stats::CounterRng rng(seed, 8);
  out.sampled = true;
  for (std::size_t i = 0; i < few_sampled_tokens; ++i) {
    const std::size_t group = rng.below(competing.groups());
    const std::size_t token = rng.below(std::min(longest, competing.size(group)));
    const std::size_t first = token / rule.width * rule.width;
    const Excerpt visible = excerpt(trace, layer, rule, competing.tokens({group, first, token - first + 1}));
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

}  // namespace

bool reads_whole(const ReplayRule& rule, std::size_t budget) {
  const StreamingForm form = streaming_form(rule);
  return rule.future && ((is_capped(form) && !rule.per_sequence) ||
                         (form == StreamingForm::chunk_rank && rule.width > budget));
}

std::optional<FlipCount> streaming_change(const Trace& trace, const LayerRecord& layer,
                                          const ReplayRule& rule, std::size_t budget, std::uint64_t seed) {
  FlipCount out;
  if (rule.random) return std::nullopt;
  if (!rule.future) return out;
  bool done = false;
  const StreamingForm form = streaming_form(rule);
  if (form == StreamingForm::chunk_rank) {
    done = expert_choice(trace, layer, rule, budget, seed, out);
  } else if (is_capped(form)) {
    done = capped(trace, layer, rule, budget, seed, out);
  } else {
    done = few_tokens(trace, layer, rule, std::min<std::size_t>(budget, 1U << 18), seed, out);
  }
  return done ? std::optional<FlipCount>(std::move(out)) : std::nullopt;
}

}  // namespace pastonly::replay
