#pragma once

#include <cstddef>
#include <vector>

namespace pastonly::stats {

/// Cholesky's decomposition of a symmetric matrix (n, n) in place; reads and writes its lower triangle. False
/// where it is singular, or not positive definite: a pivot is rounding against its own diagonal.
bool cholesky(std::vector<double>& matrix, std::size_t n);

/// Solves matrix x = right in place, `matrix` as `cholesky` left it. Requires x.size() = n.
void solve_cholesky(const std::vector<double>& matrix, std::vector<double>& x);

}  // namespace pastonly::stats
