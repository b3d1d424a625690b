#include "replay/competing_tokens.h"

#include <algorithm>

namespace pastonly::replay {

CompetingTokens::CompetingTokens(const Trace& trace, const ReplayRule& rule)
    : layout_(trace.layout), per_sequence_(rule.per_sequence) {
  if (rule.padding_counts || std::ranges::find(trace.valid, 0) == trace.valid.end()) return;
  std::vector<std::vector<std::size_t>> valid(groups());
  const std::size_t all = per_sequence_ ? layout_.positions : layout_.tokens();
  for (std::size_t g = 0; g < valid.size(); ++g) {
    for (std::size_t i = 0; i < all; ++i) {
      const std::size_t token = at(g, i);
      if (trace.valid[token] != 0) valid[g].push_back(token);
    }
  }
  padded_ = std::move(valid);
}

std::size_t CompetingTokens::at(std::size_t group, std::size_t index) const noexcept {
  if (!padded_.empty()) return padded_[group][index];
  if (per_sequence_) return layout_.token(group, index);
  if (layout_.order == TokenOrder::batch_major) return index;
  return layout_.token(index % layout_.sequences, index / layout_.sequences);
}

std::size_t CompetingTokens::size(std::size_t group) const noexcept {
  if (!padded_.empty()) return padded_[group].size();
  return per_sequence_ ? layout_.positions : layout_.tokens();
}

std::vector<std::size_t> CompetingTokens::tokens(const Stretch& stretch) const {
  std::vector<std::size_t> out(stretch.count);
  for (std::size_t i = 0; i < stretch.count; ++i) out[i] = at(stretch.group, stretch.first + i);
  return out;
}

std::vector<CompetingTokens::Stretch> CompetingTokens::stretches(std::size_t width) const {
  std::vector<Stretch> out;
  for (std::size_t g = 0; g < groups(); ++g) {
    for (std::size_t first = 0; first < size(g); first += width) {
      out.push_back({g, first, std::min(width, size(g) - first)});
    }
  }
  return out;
}

}  // namespace pastonly::replay
