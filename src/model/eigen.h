#pragma once

#include <cstddef>

// g++ 12 takes the undefined operands of its own AVX-512 intrinsics for uninitialised variables once they
// are inlined (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <Eigen/Core>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

namespace pastonly::model {

/// The one place where our memory becomes an Eigen array: element-wise passes over one row, vectorised
/// whatever the compiler's options.
template <class Real>
auto array(Real* data, std::size_t size) {
  return Eigen::Map<Eigen::Array<Real, 1, Eigen::Dynamic>>(data, static_cast<Eigen::Index>(size));
}
template <class Real>
auto array(const Real* data, std::size_t size) {
  return Eigen::Map<const Eigen::Array<Real, 1, Eigen::Dynamic>>(data, static_cast<Eigen::Index>(size));
}

}  // namespace pastonly::model
