#pragma once

#include <cstddef>
#include <vector>

#include "kernels/block.h"

namespace pastonly::stats {

/// Lengths of rows (N), and cosines between them (N, N): symmetric, 0 beside a row of zeros. In double.
struct RowGeometry {
  std::vector<double> norms;
  std::vector<double> cosines;

  std::size_t rows() const noexcept { return norms.size(); }
  double cosine(std::size_t i, std::size_t j) const noexcept { return cosines[i * rows() + j]; }
};
RowGeometry row_geometry(kernels::Block<const double> rows);

/// min_j |R_i - R_j| / (2 |R_i|) of every row: how far a row can be moved, relative to its length, and still
/// be nearest to where it was (Lv et al. 2025, arXiv 2512.23447). 0 for rows of zeros and where no other is.
template <class Real>
std::vector<double> relative_half_distances(kernels::Block<const Real> rows);

/// |a / |a| - b / |b||, to full precision where the directions are nearly the same. Requires that neither is
/// 0.
double chord(const double* a, const double* b, std::size_t size);

}  // namespace pastonly::stats
