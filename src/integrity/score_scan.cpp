#include "integrity/score_scan.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "kernels/score_sums.h"

namespace pastonly::integrity {

namespace {

constexpr std::uint64_t few_rows = 1024, sampling = 16, float_rows = 256;
constexpr std::uint32_t infinity_bits = 0x7f80'0000u;

}  // namespace

ScoreScan::ScoreScan(bool logits, bool coarse, std::size_t experts)
    : logits_(logits),
      tolerance_(coarse ? 2e-2 : 1e-3),
      sums_matter_(experts > 1),
      least_sum_(std::numeric_limits<double>::infinity()),
      most_sum_(-std::numeric_limits<double>::infinity()),
      block_sums_(experts, 0.0F),
      sums_(experts, 0.0),
      sampled_sums_(experts, 0.0),
      squares_(experts, 0.0) {}

void ScoreScan::look_closer(std::span<const float> row, std::size_t token, IssueCounts& out) {
  for (std::size_t expert = 0; expert < row.size(); ++expert) {
    if (std::isfinite(row[expert])) continue;
    const bool minus = std::isinf(row[expert]) && row[expert] < 0.0f;
    const IssueKind kind =
        minus ? (logits_ ? IssueKind::logits_minus_infinity : IssueKind::scores_minus_infinity)
              : (logits_ ? IssueKind::logits_not_finite : IssueKind::scores_not_finite);
    out.add(kind, token, expert, static_cast<double>(row[expert]));
  }
}

void ScoreScan::add(MatrixView<const float> block, std::size_t first, std::span<const std::uint8_t> valid,
                    IssueCounts& out) {
  if (valid.empty()) return add_valid(block, first, out);
  for (std::size_t token = 0; token < block.rows(); ++token) {
    if (valid[token] != 0) add_valid(block.rows(token, 1), first + token, out);
  }
}

void ScoreScan::add_valid(MatrixView<const float> rows, std::size_t first, IssueCounts& out) {
  const kernels::ScoreBits bits = kernels::score_bits(rows.data(), rows.size());
  if (bits.largest >= infinity_bits) {
    finite_ = sums_matter_ = false;
    for (std::size_t i = 0; i < rows.rows(); ++i) look_closer(rows.row(i), first + i, out);
    return;
  }
  negative_ |= bits.negative;
  largest_ = std::max(largest_, std::bit_cast<float>(bits.largest));
  if (!sums_matter_) {
    rows_ += rows.rows();
    return;
  }
  for (std::size_t i = 0; i < rows.rows(); ++i) add_sums(rows.row(i));
  sums_matter_ = sums_are_equal();
}

/// Whether all rows so far add up to the same, as the rows of probabilities do. Once they do not, no later
/// row can mend it.
bool ScoreScan::sums_are_equal() const {
  if (negative_) return false;
  if (logits_) return least_sum_ >= 1.0 - tolerance_ && most_sum_ <= 1.0 + tolerance_;
  return least_sum_ > 0.0 && most_sum_ - least_sum_ <= tolerance_ * most_sum_;
}

void ScoreScan::add_sums(std::span<const float> row) {
  ++rows_;
  const double sum = kernels::add_score_row(row.data(), row.size(), block_sums_.data());
  least_sum_ = std::min(least_sum_, sum);
  most_sum_ = std::max(most_sum_, sum);
  if (rows_ % float_rows == 0) empty_block();
  // The spread need not be known well: a sample of the rows gives it.
  if (rows_ > few_rows && rows_ % sampling != 0) return;
  ++sampled_;
  for (std::size_t expert = 0; expert < row.size(); ++expert) {
    const double value = row[expert];
    sampled_sums_[expert] += value;
    squares_[expert] += value * value;
  }
}

/// Moves what float holds well into the sums in double.
void ScoreScan::empty_block() {
  for (std::size_t expert = 0; expert < sums_.size(); ++expert) {
    sums_[expert] += static_cast<double>(block_sums_[expert]);
    block_sums_[expert] = 0.0F;
  }
}

/// Column sums equal to within the tolerance, and far closer than columns of independent rows come.
bool ScoreScan::columns_equal() const {
  const auto [least, most] = std::minmax_element(sums_.begin(), sums_.end());
  const double rows = static_cast<double>(rows_), mean = *least / 2.0 + *most / 2.0;
  // A router of zeros gives every expert the same of every token: nothing was normalised.
  double spread = 0.0;
  for (std::size_t expert = 0; expert < sums_.size(); ++expert) {
    const double average = sampled_sums_[expert] / static_cast<double>(sampled_);
    spread = std::max(spread, squares_[expert] / static_cast<double>(sampled_) - average * average);
  }
  const double of_row = mean / rows;
  if (spread <= 1e-9 * of_row * of_row) return false;
  if (mean <= 0.0 || *most - *least > 2.0 * tolerance_ * mean) return false;
  for (std::size_t expert = 0; expert < sums_.size(); ++expert) {
    const double average = sampled_sums_[expert] / static_cast<double>(sampled_);
    const double variance =
        std::max(0.0, squares_[expert] / static_cast<double>(sampled_) - average * average);
    if (std::abs(sums_[expert] - mean) > 0.02 * std::sqrt(variance * rows)) return false;
  }
  return true;
}

void ScoreScan::finish(IssueCounts& out) {
  empty_block();
  if (rows_ == 0 || sums_.size() < 2 || !finite_) return;
  if (logits_ && sums_matter_) out.add(IssueKind::scores_as_logits, 0, 0, least_sum_, rows_);
  if (!logits_ && static_cast<double>(largest_) > 1.0 + tolerance_) {
    out.add(IssueKind::logits_as_scores, 0, 0, static_cast<double>(largest_), rows_);
  }
  if (!logits_ && sums_matter_ && rows_ >= 2 * sums_.size() && columns_equal()) {
    out.add(IssueKind::sinkhorn_scores, 0, 0, least_sum_, rows_);
  }
}

}  // namespace pastonly::integrity
