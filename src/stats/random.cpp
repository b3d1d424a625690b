#include "stats/random.h"

#include <Random123/philox.h>

#include <cmath>
#include <numbers>

#include "kernels/elementary.h"

namespace pastonly::stats {

std::uint32_t CounterRng::bits32() noexcept {
  if (used_ == 4) {
    const r123::Philox4x32::ctr_type counter{
        {static_cast<std::uint32_t>(counter_), static_cast<std::uint32_t>(counter_ >> 32),
         static_cast<std::uint32_t>(stream_), static_cast<std::uint32_t>(stream_ >> 32)}};
    const r123::Philox4x32::key_type key{
        {static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32)}};
    const auto drawn = r123::Philox4x32{}(counter, key);
    for (unsigned i = 0; i < 4; ++i) block_[i] = drawn[i];
    ++counter_;
    used_ = 0;
  }
  return block_[used_++];
}

std::uint64_t CounterRng::bits64() noexcept {
  const std::uint64_t low = bits32();
  return low | (std::uint64_t{bits32()} << 32);
}

double CounterRng::uniform() noexcept { return static_cast<double>(bits64() >> 11) * 0x1.0p-53; }

std::uint64_t CounterRng::below(std::uint64_t bound) noexcept {
  // Rejection of the incomplete first interval, shorter than `bound`, keeps every value equally likely.
  if ((bound & (bound - 1)) == 0) return bits64() & (bound - 1);
  for (;;) {
    const std::uint64_t draw = bits64();
    if (draw >= bound || draw >= (0 - bound) % bound) return draw % bound;
  }
}

double CounterRng::normal() noexcept {
  const double radius = std::sqrt(-2.0 * kernels::log(1.0 - uniform()));
  return radius * kernels::cos(2.0 * std::numbers::pi * uniform());
}

double CounterRng::gumbel() noexcept {
  // 1 - uniform() lies in (0, 1]; the inner logarithm of 1 would be 0, hence the smallest step.
  const double u = 1.0 - uniform();
  return -kernels::log(-kernels::log(u < 1.0 ? u : 1.0 - 0x1.0p-53));
}

}  // namespace pastonly::stats
