#pragma once

#include <cstddef>
#include <vector>

namespace pastonly::stats {

/// Eigenvalues of a symmetric matrix, descending, and an orthonormal eigenvector for each.
struct SymmetricEigen {
  std::vector<double> values;   // (n)
  std::vector<double> vectors;  // (n, n) row i belongs to values[i]
};

/// Cyclic Jacobi rotations (Golub and Van Loan, Matrix Computations, 8.5) until the off-diagonal entries are
/// below rounding; O(n^3) each sweep, a handful of sweeps. `matrix` (n, n) row-major; its lower triangle is
/// not read. Of equal eigenvalues the order is that of the rotations; signs are arbitrary. Requires finite
/// entries.
SymmetricEigen symmetric_eigen(std::vector<double> matrix, std::size_t n);

}  // namespace pastonly::stats
