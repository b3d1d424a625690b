#include "routing/recorded/routes.h"

#include "routing/recorded/layer_blocks.h"

namespace pastonly::routing {

Routes read_routes(const Trace& trace, const LayerRecord& layer, std::size_t every) {
  Routes out;
  LayerRecord decisions = layer;
  decisions.scores.reset();
  decisions.logits.reset();
  for_each_block(trace.layout, decisions, [&](const LayerBlock& block) {
    if (block.row % every != 0) return;
    for (std::size_t i = 0; i < block.tokens(); ++i) {
      if (!trace.is_valid(block.first + i)) continue;
      const auto mask = block.mask.row(i);
      for (std::size_t e = 0; e < mask.size(); ++e) {
        if (mask[e] != 0) out.experts.push_back(static_cast<std::uint32_t>(e));
      }
      out.tokens.push_back(block.first + i);
      out.starts.push_back(out.experts.size());
    }
  });
  return out;
}

}  // namespace pastonly::routing
