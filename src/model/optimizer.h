#pragma once

#include <cstddef>
#include <vector>

#include "model/parameters.h"

namespace pastonly::model {

/// Of step 0, 1, ...: linear from 0 (exclusive) over `warmup` steps, then a cosine from the full rate down to
/// final_share of it at `steps`, constant after that.
double learning_rate(const TrainingConfig& config, std::size_t step);

/// AdamW with decoupled weight decay and clipping by the global norm (Loshchilov and Hutter 2019, algorithm
/// 2). Two passes over the arena: the norm, then everything else.
template <class Real>
class AdamW {
 public:
  explicit AdamW(const ParameterTable& table);

  /// Moves the parameters and returns the gradients' norm before clipping. Where the norm is not finite,
  /// nothing moves. `step` counts from 0.
  double step(const TrainingConfig& config, std::size_t step, const Arena<Real>& gradients,
              Arena<Real>& parameters);

  Arena<Real>& first() noexcept { return first_; }
  Arena<Real>& second() noexcept { return second_; }
  const Arena<Real>& first() const noexcept { return first_; }
  const Arena<Real>& second() const noexcept { return second_; }

 private:
  struct Part {
    std::size_t offset;
    std::size_t size;
    bool decays;
  };
  double norm(const Arena<Real>& gradients);

  std::vector<Part> parts_;      ///< of one tensor each
  std::vector<double> squares_;  // (parts)
  Arena<Real> first_;            ///< moving means of the gradients
  Arena<Real> second_;           ///< of their squares
};

}  // namespace pastonly::model
