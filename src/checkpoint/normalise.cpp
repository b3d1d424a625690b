#include "checkpoint/normalise.h"

#include <cmath>

#include "kernels/norm.h"
#include "kernels/rows.h"
#include "stats/parallel.h"

namespace pastonly::checkpoint {
namespace {

constexpr std::size_t rows_per_task = 32;

void layer_norm(const float* x, const NormWeights& weights, std::size_t size, double epsilon, float* y) {
  double sum = 0.0;
  for (std::size_t i = 0; i < size; ++i) sum += static_cast<double>(x[i]);
  const double mean = sum / static_cast<double>(size);
  double squares = 0.0;
  for (std::size_t i = 0; i < size; ++i) {
    const double off = static_cast<double>(x[i]) - mean;
    squares += off * off;
  }
  const double factor = 1.0 / std::sqrt(squares / static_cast<double>(size) + epsilon);
  kernels::place(x, static_cast<float>(mean), static_cast<float>(factor), weights.gain.data(),
                 weights.bias.data(), size, y);
}

}  // namespace

void rms_norm(const float* x, const float* gain, std::size_t size, double epsilon, float* y) {
  const double mean = static_cast<double>(kernels::inner(x, x, size)) / static_cast<double>(size);
  kernels::place(x, 0.0F, static_cast<float>(1.0 / std::sqrt(mean + epsilon)), gain, nullptr, size, y);
}

void normalise(Norm norm, const NormWeights& weights, double epsilon, kernels::Block<const float> x,
               kernels::Block<float> y) {
  stats::parallel_for((x.rows + rows_per_task - 1) / rows_per_task, [&](std::size_t task) {
    const std::size_t end = std::min(x.rows, (task + 1) * rows_per_task);
    for (std::size_t row = task * rows_per_task; row < end; ++row) {
      if (norm == Norm::layer) {
        layer_norm(x.row(row), weights, x.columns, epsilon, y.row(row));
      } else {
        rms_norm(x.row(row), weights.gain.data(), x.columns, epsilon, y.row(row));
      }
    }
  });
}

}  // namespace pastonly::checkpoint
