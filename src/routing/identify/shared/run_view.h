#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "pastonly/matrix_view.h"
#include "routing/identify/shared/layer_run.h"

namespace pastonly::routing::hypotheses {

/// A float's bits as an integer that orders as the floats do (-0 = +0, infinities at the ends; NaN
/// falls outside and is excluded beforehand). Integer minima vectorise where float minima may not.
inline std::int32_t order_key(float value) noexcept {
  const auto bits = std::bit_cast<std::int32_t>(value + 0.0F);
  return bits ^ ((bits >> 31) & 0x7fffffff);
}
inline float from_order_key(std::int32_t key) noexcept {
  return std::bit_cast<float>(key ^ ((key >> 31) & 0x7fffffff));
}
/// Where a search for the smallest or largest key begins.
inline constexpr auto lowest_key = std::numeric_limits<std::int32_t>::min();
inline constexpr auto highest_key = std::numeric_limits<std::int32_t>::max();

/// 1 where a token of the run is padding that nothing was routed for, (tokens); empty where there is none.
/// Padding that the producer routed somewhere makes tokens of all of it.
std::vector<std::uint8_t> skipped_tokens(const LayerRun& run);

/// Relative rounding of scores stored as `type`: half a unit in the last place. Values stored as float32 that
/// are all of a shorter type, with its last bit in use, were rounded to that.
double score_rounding(MatrixView<const float> scores, DType type) noexcept;
/// What stands between the two kinds of rounding: above it, scores that differed may look equal.
inline constexpr double coarse_rounding = 0x1p-20;

/// One run of one layer with its decisions at hand, batch-major. Scores point into the file where it
/// holds aligned F32; else they are a copy.
class RunView {
 public:
  explicit RunView(const LayerRun& run);
  RunView(RunView&&) noexcept = default;

  const LayerRun& run() const noexcept { return *run_; }
  const Layout& layout() const noexcept { return run_->layout; }
  std::size_t tokens() const noexcept { return scores_.rows(); }
  std::size_t experts() const noexcept { return scores_.columns(); }
  MatrixView<const float> scores() const noexcept { return scores_; }     // (tokens, experts)
  MatrixView<const std::uint8_t> mask() const noexcept { return mask_; }  // (tokens, experts)
  /// Whether the rule routed the token: false for what skipped_tokens names.
  bool routed(std::size_t token) const noexcept { return skipped_.empty() || skipped_[token] == 0; }
  bool has_padding() const noexcept { return !skipped_.empty(); }
  /// Relative rounding of a recorded score: half a unit in its last place.
  double score_rounding() const noexcept { return rounding_; }

 private:
  const LayerRun* run_;
  MatrixView<const float> scores_;
  MatrixView<const std::uint8_t> mask_;
  std::vector<float> score_copy_;
  std::vector<std::uint8_t> mask_copy_;
  std::vector<std::uint8_t> skipped_;  // (tokens)
  double rounding_ = 0.0;
};

}  // namespace pastonly::routing::hypotheses
