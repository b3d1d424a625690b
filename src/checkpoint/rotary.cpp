#include "checkpoint/rotary.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/elementary.h"
#include "kernels/rotary.h"

namespace pastonly::checkpoint {
namespace {

using Kind = RotaryDescription::Kind;

/// theta^(2 i / width).
std::vector<float> wavelengths(const RotaryDescription& rotary, double theta) {
  std::vector<float> out(rotary.width / 2);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(rotary.width);
    out[i] = static_cast<float>(
        kernels::pow(static_cast<double>(static_cast<float>(theta)), static_cast<double>(exponent)));
  }
  return out;
}

/// Peng et al. 2023: frequencies between two numbers of rotations move from their own to the stretched ones.
std::vector<float> yarn(const RotaryDescription& rotary) {
  const auto width = static_cast<double>(rotary.width);
  const auto correction = [&](double rotations) {
    return width *
           kernels::log(static_cast<double>(rotary.original_positions) /
                        (rotations * 2.0 * std::numbers::pi)) /
           (2.0 * kernels::log(rotary.theta));
  };
  double low = correction(rotary.beta_fast), high = correction(rotary.beta_slow);
  if (rotary.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, width - 1.0);
  if (low == high) high += 0.001;
  std::vector<float> out = wavelengths(rotary, rotary.theta);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    const double own = 1.0 / static_cast<double>(out[i]);
    out[i] = static_cast<float>(own / rotary.factor * ramp + own * (1.0 - ramp));
  }
  return out;
}

std::vector<float> llama3(const RotaryDescription& rotary) {
  const auto old = static_cast<double>(rotary.original_positions);
  std::vector<float> out = wavelengths(rotary, rotary.theta);
  for (float& entry : out) {
    const double frequency = 1.0 / static_cast<double>(entry);
    const double length = 2.0 * std::numbers::pi / frequency;
    double result = frequency;
    if (length > old / rotary.low_frequency_factor) {
      result = frequency / rotary.factor;
    } else if (length >= old / rotary.high_frequency_factor) {
      const double smooth = (old / length - rotary.low_frequency_factor) /
                            (rotary.high_frequency_factor - rotary.low_frequency_factor);
      result = (1.0 - smooth) * frequency / rotary.factor + smooth * frequency;
    }
    entry = static_cast<float>(result);
  }
  return out;
}

double dynamic_theta(const RotaryDescription& rotary, std::size_t positions) {
  const auto original = static_cast<double>(rotary.original_positions);
  const double length = std::max(static_cast<double>(positions), original);
  const auto width = static_cast<double>(rotary.width);
  return rotary.theta *
         kernels::pow(rotary.factor * length / original - (rotary.factor - 1.0), width / (width - 2.0));
}

}  // namespace

RotaryFrequencies rotary_frequencies(const RotaryDescription& rotary, std::size_t positions) {
  RotaryFrequencies out;
  out.amplitude = static_cast<float>(rotary.amplitude);
  if (rotary.kind == Kind::yarn) return out.radians = yarn(rotary), out;
  if (rotary.kind == Kind::llama3) return out.radians = llama3(rotary), out;
  const bool dynamic = rotary.kind == Kind::dynamic;
  out.radians = wavelengths(rotary, dynamic ? dynamic_theta(rotary, positions) : rotary.theta);
  for (std::size_t i = 0; i < out.radians.size(); ++i) {
    float& entry = out.radians[i];
    // transformers takes the factors for short texts whatever the length; only the amplitude follows it.
    if (rotary.kind == Kind::longrope) entry *= static_cast<float>(rotary.short_factors[i]);
    entry = 1.0F / entry;
    if (rotary.kind == Kind::proportional && i >= rotary.turning_pairs) entry = 0.0F;
    if (rotary.kind == Kind::linear || rotary.kind == Kind::proportional)
      entry /= static_cast<float>(rotary.factor);
  }
  if (rotary.kind == Kind::longrope) {
    const bool beyond = positions > rotary.original_positions;
    out.amplitude = static_cast<float>(beyond ? rotary.long_amplitude : rotary.short_amplitude);
  }
  return out;
}

RotaryTable::RotaryTable(const RotaryDescription& rotary, std::size_t positions) : half_(rotary.width / 2) {
  const auto frequencies = rotary_frequencies(rotary, positions);
  cosines_.resize(positions * half_);
  sines_.resize(positions * half_);
  for (std::size_t position = 0; position < positions; ++position) {
    for (std::size_t i = 0; i < half_; ++i) {
      const float angle = static_cast<float>(position) * frequencies.radians[i];
      cosines_[position * half_ + i] =
          static_cast<float>(kernels::cos(static_cast<double>(angle))) * frequencies.amplitude;
      sines_[position * half_ + i] =
          static_cast<float>(kernels::sin(static_cast<double>(angle))) * frequencies.amplitude;
    }
  }
}

void RotaryTable::turn(float* head, std::size_t position, Pairing pairing) const {
  const float* cosines = cosines_.data() + position * half_;
  const float* sines = sines_.data() + position * half_;
  if (pairing == Pairing::halves) return kernels::turn_halves(head, 1, 2 * half_, half_, cosines, sines);
  kernels::turn_pairs(head, half_, cosines, sines);
}

}  // namespace pastonly::checkpoint
