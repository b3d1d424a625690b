#pragma once

#include <cstdint>

namespace pastonly::stats {

/// A counter-based generator (Philox 4x32-10, Salmon et al. 2011, from Random123): equal seed and
/// stream give equal draws on every machine and for every number of threads.
class CounterRng {
 public:
  explicit CounterRng(std::uint64_t seed, std::uint64_t stream = 0) noexcept : seed_(seed), stream_(stream) {}

  std::uint32_t bits32() noexcept;
  std::uint64_t bits64() noexcept;
  /// Uniform in [0, 1), 53 bits.
  double uniform() noexcept;
  /// Uniform in {0, ..., bound - 1}, without bias. Requires bound >= 1.
  std::uint64_t below(std::uint64_t bound) noexcept;
  /// Standard normal (Box-Muller).
  double normal() noexcept;
  /// Standard Gumbel.
  double gumbel() noexcept;

 private:
  std::uint64_t seed_;
  std::uint64_t stream_;
  std::uint64_t counter_ = 0;
  std::uint32_t block_[4] = {};
  unsigned used_ = 4;
};

}  // namespace pastonly::stats
