#include "routing/identify/shared/run_view.h"

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

}  // namespace

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

RunView::RunView(const LayerRun& run)
    : run_(&run), skipped_(skipped_tokens(run)), rounding_(rounding_of(run.layer->ranking()->type)) {
  const std::size_t tokens = run.layout.tokens();
  scores_ = read_floats(*run.layer->ranking(), 0, tokens, score_copy_);
  mask_ = mask_rows(*run.layer, 0, tokens, mask_copy_);
}

}  // namespace pastonly::routing::hypotheses
