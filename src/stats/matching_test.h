#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/block.h"

namespace pastonly::stats {

/// Tests of whether row i of a square matrix belongs to column i, against rows and columns that are paired at
/// random, each pairing as likely as any other.

/// Of every row the column whose number is larger than all others of the row; the number of columns where two
/// are as large.
std::vector<std::size_t> largest_columns(kernels::Block<const double> matrix);
/// The same of the columns.
std::vector<std::size_t> largest_rows(kernels::Block<const double> matrix);
/// How many say their own place.
std::size_t own_places(std::span<const std::size_t> winners) noexcept;

/// P(at least as many rows would win their own column), exact: the number of rows that a random pairing hits
/// has the factorial moments E[T (T - 1) ... (T - k + 1)] / k! = e_k(c) (N - k)! / N!, with e_k the
/// elementary symmetric polynomials of the numbers c of rows that every column wins; inclusion and exclusion
/// give the tail.
double matching_p(std::span<const std::size_t> winners, std::size_t matches);

/// How much larger the diagonal is than its rows and columns say.
struct DiagonalExcess {
  /// Mean over the diagonal of ln M_ij - its mean over the row - its mean over the column + the mean of all:
  /// in no way changed by a factor to a row or to a column.
  double mean = 0.0;
  double p_value = 1.0;            ///< of that mean, one-sided, over random pairings (9,999 draws)
  std::size_t places = 0;          ///< i whose row and column are not all zero
  std::vector<double> normalised;  ///< (N, N) the residuals; 0 in rows and columns that are left out
  double smallest_p = 1.0;         ///< that so many places could give
};
/// Requires a square matrix of numbers >= 0.
DiagonalExcess diagonal_excess(kernels::Block<const double> matrix, std::uint64_t seed);

}  // namespace pastonly::stats
