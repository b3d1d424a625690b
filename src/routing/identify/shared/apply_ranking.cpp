#include "routing/identify/shared/apply_ranking.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "kernels/elementary.h"

namespace pastonly::routing {
namespace {

/// Rounded to the nearest float whose last bits are 0, ties to even. Exponents keep float32's range.
float without_last_bits(float value, unsigned bits) {
  if (!std::isfinite(value)) return value;
  const auto word = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t half = 1U << (bits - 1), odd = (word >> bits) & 1U;
  return std::bit_cast<float>((word + half - 1U + odd) & ~((1U << bits) - 1U));
}

}  // namespace

void apply_ranking(std::span<float> row, std::string_view ranking) {
  constexpr std::string_view of = " of ";
  if (const std::size_t at = ranking.find(of); at != std::string_view::npos) {
    apply_ranking(row, ranking.substr(at + of.size()));
    ranking = ranking.substr(0, at);
  }
  if (ranking == "log-score") {
    for (float& score : row) score = kernels::log(score);
  } else if (ranking == "log-odds") {
    for (float& score : row) score = kernels::log(score) - kernels::log1p(-score);
  } else if (ranking == "softmax") {
    const float largest = *std::ranges::max_element(row);
    float sum = 0.0F;
    for (float& score : row) sum += score = kernels::exp(score - largest);
    for (float& score : row) score /= sum;
  } else if (ranking == "sigmoid") {
    for (float& score : row) score = 1.0F / (1.0F + kernels::exp(-score));
  } else if (ranking == "bfloat16") {
    for (float& score : row) score = without_last_bits(score, 16);
  } else if (ranking == "float16") {
    for (float& score : row) score = without_last_bits(score, 13);
  }
}

}  // namespace pastonly::routing
