#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "checks.h"
#include "pastonly/policy.h"
#include "stats/parallel.h"
#include "subject/evidence.h"
#include "subject/rearranged.h"

namespace pastonly {
namespace {

constexpr std::size_t kScoresPerSize = 1000000;  // per chunk size, over all layers

/// A quarter, half, twice and four times the width, as far as sequences or batch hold them.
std::vector<std::size_t> sizes(const Trace& base, const Reapplied& rule, std::size_t experts) {
  const std::size_t most = rule.per_sequence ? base.layout.positions : base.layout.tokens();
  std::vector<std::size_t> out;
  for (const std::size_t size : {rule.width / 4, rule.width / 2, rule.width * 2, rule.width * 4}) {
    // Below one token per expert the capacity is rounded up, which is another rule.
    const bool filled = static_cast<double>(size) * rule.k >= static_cast<double>(experts);
    if (size >= 2 && filled && size <= most && size * experts <= kScoresPerSize) out.push_back(size);
  }
  return out;
}

std::vector<Measurement> sweep(const Pass& pass, const Trace& base, std::size_t l,
                               const LayerFacts::Rule& found) {
  std::vector<Measurement> out;
  const LayerRecord& layer = base.layers[l];
  const auto rule = reapplied(base, layer, found);
  if (!rule) return out;
  if (rule->alone)
    return {Moved{}.measurement("rechunked_flip_rate", layer.index, pass.policy.alpha, pass.seed)};
  for (const std::size_t size : sizes(base, *rule, layer.experts)) {
    const auto moved =
        rechunked(base, layer, *rule, size, kScoresPerSize / base.layers.size(), pass.seed + l);
    if (!moved) continue;
    out.push_back(moved->measurement(fmt::format("rechunked_flip_rate[{}]", size), layer.index,
                                     pass.policy.alpha, pass.seed));
  }
  return out;
}

Outcome run_chunk_sweep(const Pass& pass) {
  const auto base = pass.evidence.base();
  if (!base) return base.error();
  const auto rules = pass.evidence.rules();
  if (!rules) return rules.error();
  std::vector<std::vector<Measurement>> layers(base->layers.size());
  stats::parallel_for(layers.size(), [&](std::size_t l) { layers[l] = sweep(pass, *base, l, (*rules)[l]); });
  Ran out;
  for (const auto& layer : layers)
    out.measurements.insert(out.measurements.end(), layer.begin(), layer.end());
  if (out.measurements.empty())
    return Skipped{"no layer's rule is identified, has scores and can be applied again"};
  return out;
}

}  // namespace

const Check chunk_sweep_check{
    "chunk-sweep",
    "How decisions hang on the chunk size",
    "Applies the identified rule again to the recorded scores with a quarter, half, two and four times as "
    "many tokens "
    "competing, and says how many decisions move. A rule that looks at a token alone moves by nothing. It "
    "measures; "
    "length-invariance and causal-mask accuse.",
    Needs{.scores = true},
    run_chunk_sweep,
};

}  // namespace pastonly
