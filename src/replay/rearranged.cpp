#include "replay/rearranged.h"

#include <algorithm>

#include "replay/competing_tokens.h"
#include "stats/random.h"

namespace pastonly::replay {
namespace {

/// Applies the rule to one block and adds what moved.
bool add_block(const Trace& trace, const LayerRecord& layer, const ReplayRule& rule,
               std::span<const std::size_t> tokens, FlipCount& out) {
  const Excerpt block = excerpt(trace, layer, rule, tokens);
  const auto mask = select_block(rule, block);
  if (mask) out.add(block.mask, *mask);
  return mask.has_value();
}

/// Of a rule that selects each token on its own: all decisions stay.
FlipCount unmoved(const Trace& trace, const LayerRecord& layer, const ReplayRule& rule) {
  FlipCount out;
  const CompetingTokens tokens(trace, rule);
  for (std::size_t g = 0; g < tokens.groups(); ++g) out.decisions += tokens.size(g) * layer.experts;
  return out;
}

}  // namespace

std::optional<FlipCount> shuffled(const Trace& trace, const LayerRecord& layer, const ReplayRule& rule,
                                  std::size_t budget, std::uint64_t seed) {
  FlipCount out;
  if (rule.random) return std::nullopt;
  if (rule.alone) return unmoved(trace, layer, rule);
  std::vector<std::size_t> tokens;
  const CompetingTokens competing(trace, rule);
  for (std::size_t g = 0; g < competing.groups(); ++g) {
    const auto group = competing.group(g);
    tokens.insert(tokens.end(), group.begin(), group.end());
  }
  if (tokens.empty()) return std::nullopt;
  const std::size_t most = std::max<std::size_t>(1, budget / layer.experts);
  const std::size_t block = std::min({rule.width, tokens.size(), most});
  const std::size_t blocks = std::min(std::max<std::size_t>(1, most / block), tokens.size() / block);
  out.sampled = blocks * block < tokens.size();
  stats::CounterRng rng(seed, 11);
  for (std::size_t b = 0; b < blocks; ++b) {
    // The next tokens of a random permutation are a shuffled chunk.
    for (std::size_t i = b * block; i < (b + 1) * block; ++i) {
      std::swap(tokens[i], tokens[i + rng.below(tokens.size() - i)]);
    }
    if (!add_block(trace, layer, rule, std::span(tokens).subspan(b * block, block), out)) return std::nullopt;
  }
  return out;
}

std::optional<FlipCount> rechunked(const Trace& trace, const LayerRecord& layer, const ReplayRule& rule,
                                   std::size_t chunk, std::size_t budget, std::uint64_t seed) {
  FlipCount out;
  if (rule.random) return std::nullopt;
  if (rule.alone) return unmoved(trace, layer, rule);
  const CompetingTokens competing(trace, rule);
  auto blocks = competing.stretches(chunk);
  std::erase_if(blocks, [&](const auto& block) { return block.count < chunk; });
  if (blocks.empty()) return std::nullopt;
  const std::size_t fits = std::max<std::size_t>(1, budget / std::max<std::size_t>(1, chunk * layer.experts));
  out.sampled = fits < blocks.size();
  stats::CounterRng rng(seed, 12);
  for (std::size_t b = 0; b < std::min(fits, blocks.size()); ++b) {
    std::swap(blocks[b], blocks[b + rng.below(blocks.size() - b)]);
    if (!add_block(trace, layer, rule, competing.tokens(blocks[b]), out)) return std::nullopt;
  }
  return out;
}

}  // namespace pastonly::replay
