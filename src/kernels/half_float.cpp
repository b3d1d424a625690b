#include "kernels/half_float.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/half_float.cpp"
#include "kernels/foreach_target.h"
#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pastonly::kernels::HWY_NAMESPACE {
namespace {

/// Step by step what half_to_float does.
HWY_INLINE Vec<float> widened(Vec<std::uint32_t> half) {
  const Tag<float> floats;
  const Tag<std::uint32_t> words;
  const auto word = hn::ShiftLeft<16>(half);
  const auto doubled = hn::Add(word, word);
  const auto normal =
      hn::Mul(hn::BitCast(floats, hn::Add(hn::ShiftRight<4>(doubled), hn::Set(words, 0xE0U << 23))),
              hn::Set(floats, 0x1.0p-112F));
  const auto subnormal =
      hn::Sub(hn::BitCast(floats, hn::Or(hn::ShiftRight<17>(doubled), hn::Set(words, 126U << 23))),
              hn::Set(floats, 0.5F));
  // Half of what a normal number's exponent and fraction are at least; compared with a sign, which all
  // targets do.
  const hn::RebindToSigned<Tag<float>> integers;
  const auto magnitude = hn::BitCast(integers, hn::And(half, hn::Set(words, 0x7FFFU)));
  const auto small = hn::RebindMask(floats, hn::Lt(magnitude, hn::Set(integers, 0x400)));
  const auto sign = hn::And(word, hn::Set(words, 0x8000'0000U));
  return hn::BitCast(floats, hn::Or(sign, hn::BitCast(words, hn::IfThenElse(small, subnormal, normal))));
}

void halves_to_floats(const std::byte* from, std::size_t count, float* out) {
  const hn::Rebind<std::uint16_t, Tag<float>> halves;
  constexpr std::size_t step = lanes<float>;
  std::size_t i = 0;
  for (; i + step <= count; i += step) {
    alignas(64) std::uint16_t here[step];
    std::memcpy(here, from + 2 * i, sizeof here);
    hn::StoreU(widened(hn::PromoteTo(Tag<std::uint32_t>(), hn::Load(halves, here))), Tag<float>(), out + i);
  }
  for (; i < count; ++i) {
    std::uint16_t half;
    std::memcpy(&half, from + 2 * i, sizeof half);
    out[i] = half_to_float(half);
  }
}

}  // namespace
}  // namespace pastonly::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pastonly::kernels {
void halves_to_floats(const std::byte* from, std::size_t count, float* out) {
  PASTONLY_DISPATCH(halves_to_floats(from, count, out))
}
}  // namespace pastonly::kernels
#endif
