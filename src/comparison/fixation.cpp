#include "comparison/fixation.h"

#include <algorithm>
#include <utility>

namespace pastonly::comparison {

double above_chance(const LayerAgreement& layer) noexcept {
  const double open = 1.0 - layer.by_chance;
  return open > 0.0 ? (layer.kept.value - layer.by_chance) / open : 1.0;
}

Expected<Fixation> fixation(const std::vector<std::string>& names,
                            const std::function<Expected<Trace>(std::size_t)>& open, double alpha,
                            std::uint64_t seed) {
  Fixation out;
  out.last = names.back();
  const auto last = open(names.size() - 1);
  if (!last) return tl::unexpected(last.error());
  for (std::size_t i = 0; i + 1 < names.size(); ++i) {
    const auto trace = open(i);
    if (!trace) return tl::unexpected(trace.error());
    auto agreed = agreement(*trace, *last, alpha, seed);
    if (!agreed) return tl::unexpected(agreed.error());
    out.steps.push_back({names[i], *std::move(agreed)});
  }
  for (const LayerAgreement& layer : out.steps.front().with_last.layers) {
    Fixation::Settled settled{layer.index, out.steps.size()};
    for (std::size_t i = out.steps.size(); i-- > 0;) {
      const auto& layers = out.steps[i].with_last.layers;
      const auto own = std::ranges::find(layers, layer.index, &LayerAgreement::index);
      if (own == layers.end() || above_chance(*own) < Fixation::settled_share) break;
      settled.step = i;
    }
    out.layers.push_back(settled);
  }
  return out;
}

}  // namespace pastonly::comparison
