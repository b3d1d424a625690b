#include "routing/identify/run_view.h"

#include <algorithm>

namespace pastonly::routing::hypotheses {
namespace {

double rounding_of(DType type) noexcept {
  switch (type) {
    case DType::f16:
      return 0x1p-11;
    case DType::bf16:
      return 0x1p-8;
    default:
      return 0x1p-24;
  }
}

/// The mask as it stands in the file, where that is the effective mask already: dense bytes of 0 and 1,
/// and no gates that could make a pair ineffective. Else nullptr.
const std::uint8_t* plain_bits(const LayerRecord& layer) {
  if (!layer.mask || layer.gates || size_of(layer.mask->type) != 1) return nullptr;
  const auto& mask = *layer.mask;
  const bool dense = mask.columns == layer.experts && mask.position_stride == mask.columns &&
                     mask.sequence_stride == mask.columns * mask.positions;
  if (!dense) return nullptr;
  const auto* bits = reinterpret_cast<const std::uint8_t*>(mask.data);
  std::uint8_t seen = 0;
  for (std::size_t i = 0; i < mask.tokens() * mask.columns; ++i) seen |= bits[i];
  return seen <= 1 ? bits : nullptr;
}

/// 1 where a token is padding that nothing was routed for; empty where there is none.
std::vector<std::uint8_t> find_skipped(std::span<const std::uint8_t> valid,
                                       MatrixView<const std::uint8_t> mask) {
  std::vector<std::uint8_t> skipped;
  if (valid.size() != mask.rows() || std::ranges::find(valid, 0) == valid.end()) return skipped;
  skipped.assign(mask.rows(), 0);
  for (std::size_t t = 0; t < mask.rows(); ++t) {
    if (valid[t] != 0) continue;
    const auto row = mask.row(t);
    if (std::ranges::any_of(row, [](std::uint8_t bit) { return bit != 0; })) return {};
    skipped[t] = 1;
  }
  return skipped;
}

}  // namespace

RunView::RunView(const LayerRun& run) : run_(&run), rounding_(rounding_of(run.layer->ranking()->type)) {
  const auto& ranking = *run.layer->ranking();
  const std::size_t tokens = run.layout.tokens();
  scores_ = read_floats(ranking, 0, tokens, score_copy_);
  if (const auto* bits = plain_bits(*run.layer)) {
    mask_ = {bits, tokens, run.layer->experts};
  } else {
    mask_copy_.resize(tokens * run.layer->experts);
    read_mask(*run.layer, 0, tokens, mask_copy_);
    mask_ = {mask_copy_.data(), tokens, run.layer->experts};
  }
  skipped_ = find_skipped(run.valid, mask_);
}

}  // namespace pastonly::routing::hypotheses
