#include "kernels/score_sums.h"

#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/score_sums.cpp"
#include "kernels/foreach_target.h"
#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pastonly::kernels::HWY_NAMESPACE {

namespace {

using Bits = Vec<std::int32_t>;

struct Seen {
  Wide<std::int32_t> largest, signs;
  HWY_INLINE Seen() : largest(spread(std::int32_t{0})), signs(largest) {}
  HWY_INLINE void add(const Wide<float>& scores) {
    const Tag<std::int32_t> d;
    for (std::size_t i = 0; i < Wide<float>::count; ++i) {
      const Bits bits = hn::BitCast(d, scores.part[i]);
      largest.part[i] = hn::Max(largest.part[i], hn::And(bits, hn::Set(d, 0x7fff'ffff)));
      signs.part[i] = hn::Or(signs.part[i], bits);
    }
  }
};

HWY_INLINE Wide<double> doubles(const float* from, Whole) { return promote(from); }
HWY_INLINE Wide<double> doubles(const float* from, Part part) {
  alignas(64) float row[sixteen];
  store(row, load(from, part));
  return promote(row);
}

}  // namespace

ScoreBits score_bits(const float* values, std::size_t count) {
  // Four at a time: one alone waits for itself.
  Seen seen[4];
  std::size_t at = 0;
  for (; at + 4 * sixteen <= count; at += 4 * sixteen) {
    for (std::size_t i = 0; i < 4; ++i) seen[i].add(load(values + at + i * sixteen));
  }
  for_row(count - at,
          [&](std::size_t rest, auto part) HWY_ATTR { seen[0].add(load(values + at + rest, part)); });
  std::uint32_t most = 0;
  std::int32_t any = 0;
  for (const auto& one : seen) {
    alignas(64) std::int32_t row[sixteen];
    store(row, one.signs);
    for (const std::int32_t sign : row) any |= sign;
    const auto its_most = static_cast<std::uint32_t>(largest(one.largest));
    most = its_most > most ? its_most : most;
  }
  return {most, any < 0};
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

double total_variation(const float* first, const float* second, std::size_t columns) {
  auto sums = spread(0.0), other_sums = sums, lowest = sums;
  for_row(columns, [&](std::size_t at, auto part) HWY_ATTR {
    const auto one = doubles(first + at, part), other = doubles(second + at, part);
    sums = sums + one;
    other_sums = other_sums + other;
    lowest = smaller(smaller(one, other), lowest);
  });
  const double total = sum(sums), other_total = sum(other_sums);
  // A NaN is in the sum, if nowhere else.
  const bool shares = !(-largest(spread(0.0) - lowest) < 0.0) && total > 0.0 && other_total > 0.0 &&
                      std::isfinite(total + other_total);
  if (!shares) return std::numeric_limits<double>::quiet_NaN();
  const double scale = 1.0 / total, other_scale = 1.0 / other_total;
  auto distance = spread(0.0);
  for_row(columns, [&](std::size_t at, auto part) HWY_ATTR {
    const auto apart = doubles(first + at, part) * scale - doubles(second + at, part) * other_scale;
    distance = distance + each<double>([](Vec<double> x) HWY_ATTR { return hn::Abs(x); }, apart);
  });
  return sum(distance) / 2.0;
}

}  // namespace pastonly::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pastonly::kernels {

ScoreBits score_bits(const float* values, std::size_t count) { PASTONLY_DISPATCH(score_bits(values, count)) }
double add_score_row(const float* row, std::size_t columns, float* column_sums) {
  PASTONLY_DISPATCH(add_score_row(row, columns, column_sums))
}
double total_variation(const float* first, const float* second, std::size_t columns) {
  PASTONLY_DISPATCH(total_variation(first, second, columns))
}

}  // namespace pastonly::kernels
#endif
