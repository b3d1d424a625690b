#include "routing/identify/shared/run_view.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace pastonly::routing::hypotheses {
namespace {

constexpr double float32_rounding = 0x1p-24, float16_rounding = 0x1p-11, bfloat16_rounding = 0x1p-8;

/// Whether all values end in `zeros` bits of 0 and, but for grids of round figures, the bit before them says
/// something: it is set in a quarter of them.
bool ends_in(MatrixView<const float> scores, unsigned zeros) noexcept {
  const std::uint32_t below = (1U << zeros) - 1U, last = 1U << zeros;
  std::size_t finite = 0, set = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const float score = scores.data()[i];
    if (!std::isfinite(score) || score == 0.0F) continue;
    const auto bits = std::bit_cast<std::uint32_t>(score);
    if ((bits & below) != 0) return false;
    ++finite;
    set += (bits & last) != 0 ? 1 : 0;
  }
  return 4 * set >= finite && finite > 0;
}

}  // namespace

double score_rounding(MatrixView<const float> scores, DType type) noexcept {
  if (type == DType::f16) return float16_rounding;
  if (type == DType::bf16) return bfloat16_rounding;
  if (ends_in(scores, 16)) return bfloat16_rounding;
  return ends_in(scores, 13) ? float16_rounding : float32_rounding;
}

std::vector<std::uint8_t> skipped_tokens(const LayerRun& run) {
  const std::size_t tokens = run.layout.tokens();
  std::vector<std::uint8_t> skipped;
  if (run.valid.size() != tokens || std::ranges::find(run.valid, 0) == run.valid.end()) return skipped;
  skipped.assign(tokens, 0);
  std::vector<std::uint8_t> scratch;
  for (std::size_t t = 0; t < tokens; ++t) {
    if (run.valid[t] != 0) continue;
    const auto row = mask_rows(*run.layer, t, 1, scratch).row(0);
    if (std::ranges::any_of(row, [](std::uint8_t bit) { return bit != 0; })) return {};
    skipped[t] = 1;
  }
  return skipped;
}

RunView::RunView(const LayerRun& run) : run_(&run), skipped_(skipped_tokens(run)) {
  const std::size_t tokens = run.layout.tokens();
  scores_ = read_floats(*run.layer->ranking(), 0, tokens, score_copy_);
  rounding_ = hypotheses::score_rounding(scores_, run.layer->ranking()->type);
  mask_ = mask_rows(*run.layer, 0, tokens, mask_copy_);
}

}  // namespace pastonly::routing::hypotheses
