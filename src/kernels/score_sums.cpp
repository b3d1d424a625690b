#include "kernels/score_sums.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/score_sums.cpp"
#include "kernels/foreach_target.h"
#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pastonly::kernels::HWY_NAMESPACE {

ScoreBits score_bits(const float* values, std::size_t count) {
  using Bits = Vec<std::int32_t>;
  const Tag<std::int32_t> d;
  const auto magnitude = hn::Set(d, 0x7fff'ffff);
  auto most = spread(std::int32_t{0}), signs = most;
  for_row(count, [&](std::size_t at, auto part) HWY_ATTR {
    const auto bits =
        each<std::int32_t>([&](Vec<float> x) HWY_ATTR { return hn::BitCast(d, x); }, load(values + at, part));
    most = each<std::int32_t>(
        [&](Bits known, Bits x) HWY_ATTR { return hn::Max(known, hn::And(x, magnitude)); }, most, bits);
    signs = each<std::int32_t>([](Bits a, Bits b) HWY_ATTR { return hn::Or(a, b); }, signs, bits);
  });
  alignas(64) std::int32_t row[sixteen];
  store(row, signs);
  std::int32_t any = 0;
  for (const std::int32_t sign : row) any |= sign;
  return {static_cast<std::uint32_t>(largest(most)), any < 0};
}

double add_score_row(const float* row, std::size_t columns, float* column_sums) {
  auto sums = spread(0.0F);
  for_row(columns, [&](std::size_t at, auto part) HWY_ATTR {
    const auto scores = load(row + at, part);
    sums = sums + scores;
    store(column_sums + at, load(column_sums + at, part) + scores, part);
  });
  alignas(64) float wide[sixteen];
  store(wide, sums);
  return sum(promote(wide));
}

}  // namespace pastonly::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pastonly::kernels {

ScoreBits score_bits(const float* values, std::size_t count) { PASTONLY_DISPATCH(score_bits(values, count)) }
double add_score_row(const float* row, std::size_t columns, float* column_sums) {
  PASTONLY_DISPATCH(add_score_row(row, columns, column_sums))
}

}  // namespace pastonly::kernels
#endif
