#include "model/optimizer.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/adamw.h"
#include "kernels/elementary.h"
#include "stats/parallel.h"

namespace pastonly::model {

namespace {
constexpr std::size_t part_size = 1U << 15;  // elements per task
}  // namespace

double learning_rate(const TrainingConfig& config, std::size_t step) {
  if (step < config.warmup)
    return config.learning_rate * static_cast<double>(step + 1) / static_cast<double>(config.warmup);
  if (step >= config.steps) return config.learning_rate * config.final_share;
  const double progress =
      static_cast<double>(step - config.warmup) / static_cast<double>(config.steps - config.warmup);
  const double cosine = 0.5 * (1.0 + kernels::cos(std::numbers::pi * progress));
  return config.learning_rate * (config.final_share + (1.0 - config.final_share) * cosine);
}

template <class Real>
AdamW<Real>::AdamW(const ParameterTable& table) : first_(table), second_(table) {
  first_.clear();
  second_.clear();
  for (const TensorInfo& tensor : table.tensors) {
    for (std::size_t at = 0; at < tensor.size(); at += part_size)
      parts_.push_back({tensor.offset + at, std::min(part_size, tensor.size() - at), tensor.decays});
  }
  squares_.resize(parts_.size());
}

template <class Real>
double AdamW<Real>::norm(const Arena<Real>& gradients) {
  stats::parallel_for(parts_.size(), [&](std::size_t i) {
    squares_[i] = kernels::square_sum(gradients.values().data() + parts_[i].offset, parts_[i].size);
  });
  double sum = 0.0;
  for (const double square : squares_) sum += square;
  return std::sqrt(sum);
}

template <class Real>
double AdamW<Real>::step(const TrainingConfig& config, std::size_t step, const Arena<Real>& gradients,
                         Arena<Real>& parameters) {
  const double length = norm(gradients);
  if (!std::isfinite(length)) return length;
  const double count = static_cast<double>(step + 1);
  const double rate = learning_rate(config, step);
  // rate * m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon), constants drawn together.
  const double root = std::sqrt(1.0 - kernels::pow(config.beta2, count));
  kernels::AdamWStep<Real> shared;
  shared.beta1 = static_cast<Real>(config.beta1);
  shared.beta2 = static_cast<Real>(config.beta2);
  shared.clip = static_cast<Real>(config.clip > 0.0 && length > config.clip ? config.clip / length : 1.0);
  shared.move = static_cast<Real>(rate * root / (1.0 - kernels::pow(config.beta1, count)));
  shared.epsilon = static_cast<Real>(config.epsilon * root);
  stats::parallel_for(parts_.size(), [&](std::size_t i) {
    const auto& [offset, size, decays] = parts_[i];
    kernels::AdamWStep<Real> own = shared;
    own.keep = static_cast<Real>(decays ? 1.0 - rate * config.weight_decay : 1.0);
    kernels::adamw<Real>(own, gradients.values().data() + offset, size, first_.values().data() + offset,
                         second_.values().data() + offset, parameters.values().data() + offset);
  });
  return length;
}

template class AdamW<float>;
template class AdamW<double>;

}  // namespace pastonly::model
