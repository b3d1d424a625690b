#include "combine_weights.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

#include "kernels/elementary.h"
#include "pastonly/layout.h"
#include "routing/selection/order_key.h"

namespace pastonly::routing {

namespace {

double divisor(std::span<const float> scores, std::span<const std::uint8_t> selected,
               std::span<const std::uint8_t> kept, Normalise normalise) {
  if (normalise == Normalise::never) return 1.0;
  const auto over = normalise == Normalise::selected ? selected : kept;
  double sum = 0.0;
  for (std::size_t expert = 0; expert < scores.size(); ++expert) {
    if (over[expert] != 0) sum += normalise == Normalise::count ? 1.0 : static_cast<double>(scores[expert]);
  }
  return sum;
}

}  // namespace

std::vector<float> gates(MatrixView<const float> scores, const Mask& selected, const Mask& mask,
                         const GateOptions& options) {
  assert(mask.tokens() == scores.rows() && mask.experts() == scores.columns());
  assert(selected.tokens() == scores.rows() && selected.experts() == scores.columns());
  std::vector<float> gates(scores.size(), 0.0F);  // (tokens, experts)
  for (std::size_t token = 0; token < scores.rows(); ++token) {
    const auto kept = mask.view().row(token);
    const double sum = divisor(scores.row(token), selected.view().row(token), kept, options.normalise);
    if (sum == 0.0) continue;
    for (std::size_t expert = 0; expert < scores.columns(); ++expert) {
      if (kept[expert] == 0) continue;
      const double gate = static_cast<double>(scores(token, expert)) / sum * options.scale;
      gates[token * scores.columns() + expert] = static_cast<float>(gate);
    }
  }
  return gates;
}

std::vector<float> column_normalised_gates(MatrixView<const float> scores, const Mask& mask,
                                           double capacity_factor, double epsilon) {
  assert(mask.tokens() == scores.rows() && mask.experts() == scores.columns());
  std::vector<double> sum(scores.columns(), epsilon);
  for (std::size_t token = 0; token < scores.rows(); ++token) {
    for (std::size_t expert = 0; expert < scores.columns(); ++expert) {
      if (mask(token, expert) != 0) sum[expert] += static_cast<double>(scores(token, expert));
    }
  }
  const double scale = std::floor(capacity_factor * static_cast<double>(scores.rows()));
  std::vector<float> gates(scores.size(), 0.0F);  // (tokens, experts)
  for (std::size_t token = 0; token < scores.rows(); ++token) {
    for (std::size_t expert = 0; expert < scores.columns(); ++expert) {
      if (mask(token, expert) == 0) continue;
      gates[token * scores.columns() + expert] =
          static_cast<float>(static_cast<double>(scores(token, expert)) / sum[expert] * scale);
    }
  }
  return gates;
}

std::vector<float> soft_dispatch(MatrixView<const float> logits, std::span<const std::uint8_t> valid) {
  std::vector<float> weights(logits.size(), 0.0F);  // (tokens, experts)
  for (std::size_t expert = 0; expert < logits.columns(); ++expert) {
    float top = -std::numeric_limits<float>::infinity();
    for (std::size_t token = 0; token < logits.rows(); ++token) {
      if (is_valid(valid, token)) top = std::max(top, comparable(logits(token, expert)));
    }
    if (!std::isfinite(top)) continue;
    const auto weight = [&](std::size_t token) {
      return kernels::exp(static_cast<double>(comparable(logits(token, expert))) - static_cast<double>(top));
    };
    double sum = 0.0;
    for (std::size_t token = 0; token < logits.rows(); ++token)
      sum += is_valid(valid, token) ? weight(token) : 0.0;
    for (std::size_t token = 0; token < logits.rows(); ++token) {
      if (is_valid(valid, token))
        weights[token * logits.columns() + expert] = static_cast<float>(weight(token) / sum);
    }
  }
  return weights;
}

}  // namespace pastonly::routing
