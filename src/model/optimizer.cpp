#include "model/optimizer.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "model/eigen.h"
#include "stats/parallel.h"

namespace pastonly::model {

namespace {
constexpr std::size_t part_size = 1U << 15;  // elements per task
constexpr std::size_t strip = 1024;          // elements that stay in the first-level cache between passes
}  // namespace

double learning_rate(const TrainingConfig& config, std::size_t step) {
  if (step < config.warmup)
    return config.learning_rate * static_cast<double>(step + 1) / static_cast<double>(config.warmup);
  if (step >= config.steps) return config.learning_rate * config.final_share;
  const double progress =
      static_cast<double>(step - config.warmup) / static_cast<double>(config.steps - config.warmup);
  const double cosine = 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
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
    double sum = 0.0;
    for (std::size_t at = 0; at < parts_[i].size; at += strip) {
      const std::size_t size = std::min(strip, parts_[i].size - at);
      sum +=
          static_cast<double>(array(gradients.values().data() + parts_[i].offset + at, size).square().sum());
    }
    squares_[i] = sum;
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
  const auto clip = static_cast<Real>(config.clip > 0.0 && length > config.clip ? config.clip / length : 1.0);
  const auto beta1 = static_cast<Real>(config.beta1), beta2 = static_cast<Real>(config.beta2);
  // rate * m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon), constants drawn together.
  const double root = std::sqrt(1.0 - std::pow(config.beta2, count));
  const auto move = static_cast<Real>(rate * root / (1.0 - std::pow(config.beta1, count)));
  const auto epsilon = static_cast<Real>(config.epsilon * root);
  stats::parallel_for(parts_.size(), [&](std::size_t i) {
    const auto keep = static_cast<Real>(parts_[i].decays ? 1.0 - rate * config.weight_decay : 1.0);
    for (std::size_t at = 0; at < parts_[i].size; at += strip) {
      const std::size_t offset = parts_[i].offset + at, size = std::min(strip, parts_[i].size - at);
      const auto g = array(gradients.values().data() + offset, size);
      auto m = array(first_.values().data() + offset, size);
      auto v = array(second_.values().data() + offset, size);
      auto p = array(parameters.values().data() + offset, size);
      m = beta1 * m + ((Real{1} - beta1) * clip) * g;
      v = beta2 * v + ((Real{1} - beta2) * clip * clip) * g.square();
      p = keep * p - move * m / (v.sqrt() + epsilon);
    }
  });
  return length;
}

template class AdamW<float>;
template class AdamW<double>;

}  // namespace pastonly::model
