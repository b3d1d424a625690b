#include "toy/damage.h"

#include <algorithm>
#include <limits>
#include <string>

namespace pastonly::toy {
namespace {

void clear_token(TraceData::Layer& layer, std::size_t token) {
  for (std::size_t e = 0; e < layer.mask.experts(); ++e) {
    layer.mask(token, e) = 0;
    if (!layer.gates.empty()) layer.gates[token * layer.mask.experts() + e] = 0.0F;
  }
}

}  // namespace

Expected<void> damage(std::string_view kind, TraceData& data) {
  TraceData::Layer& first = data.layers.front();
  if (kind == "nan-score" && !first.scores.empty()) {
    first.scores.front() = std::numeric_limits<float>::quiet_NaN();
  } else if (kind == "zero-rows") {
    for (std::size_t t = 0; t < std::min<std::size_t>(2, data.layout.tokens()); ++t) clear_token(first, t);
  } else if (kind == "short-rows") {
    for (TraceData::Layer& layer : data.layers) {
      for (std::size_t row = 0; row < data.layout.sequences; ++row) {
        clear_token(layer, data.layout.token(row, data.layout.positions - 1));
      }
    }
  } else if (kind == "gate-without-route" && !first.gates.empty()) {
    for (std::size_t i = 0; i < first.gates.size(); ++i) {
      if (first.gates[i] == 0.0F) {
        first.gates[i] = 0.5F;
        break;
      }
    }
  } else if (kind == "closed-expert") {
    // As a mask of experts writes it, wherever it stands.
    for (TraceData::Layer& layer : data.layers) {
      if (!layer.scores.empty()) layer.scores[5] = -1e9F;
      if (!layer.logits.empty()) layer.logits[5] = -1e9F;
    }
  } else if (kind == "masked-padding" && !data.valid.empty()) {
    for (TraceData::Layer& layer : data.layers) {
      for (std::size_t t = 0; t < data.layout.tokens(); ++t) {
        if (data.valid[t] == 0) clear_token(layer, t);
      }
    }
  } else if (kind == "extreme-log-prob" && data.log_probs.size() > 1) {
    data.log_probs[1] = -1e9;
  } else {
    return usage_error("record.damage: \"" + std::string(kind) +
                       "\" is unknown or needs what is not recorded");
  }
  return {};
}

}  // namespace pastonly::toy
