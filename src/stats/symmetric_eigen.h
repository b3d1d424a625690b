#pragma once

#include <cstddef>
#include <vector>

#include "kernels/block.h"

namespace pastonly::stats {

/// Eigenvalues of a symmetric matrix without negative ones, largest first, and their vectors as rows of
/// length 1 (N, N), each with its element of largest magnitude positive. One-sided Jacobi rotations (Hestenes
/// 1958): the same bits on every machine. Vectors of eigenvalues below 1e-13 of the matrix' Frobenius norm
/// are zeros: what is there is rounding.
struct SymmetricEigen {
  std::vector<double> values;
  std::vector<double> vectors;

  const double* vector(std::size_t index) const noexcept { return vectors.data() + index * values.size(); }
};
SymmetricEigen symmetric_eigen(kernels::Block<const double> matrix);

/// Points, (N, width), seen along the two directions in which they spread most.
struct PrincipalPlane {
  std::vector<double> points;  // (N, 2)
  double share = 0.0;          ///< of the points' variance that the plane holds; 0 where they all coincide
};
PrincipalPlane principal_plane(kernels::Block<const double> points);

}  // namespace pastonly::stats
