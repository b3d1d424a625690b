#pragma once

#include <cstdint>
#include <vector>

#include "model/parameters.h"
#include "model/workspace.h"

namespace pastonly::model {

/// Fills workspace.losses after the forward pass. Terms whose coefficient is 0 stay 0.
template <class Real>
void measure_losses(const ModelConfig& config, const ParameterTable& table, const Arena<Real>& parameters,
                    const Objectives& objectives, Workspace<Real>& workspace);

/// The weights of a layer's router; cosine: the directions that the forward pass used.
template <class Real>
RouterWeights<Real> router_weights(const LayerTensors& tensors, const Arena<Real>& parameters,
                                   const LayerState<Real>& layer);

/// Balance loss of one layer, N sum_i f_i P_i over valid tokens: f_i = share of the selected routes
/// (before drops), P_i = mean probability. Probabilities are the softmax scores; sigmoid scores over
/// their sum; the softmax of cosines and norms. Writes its slope by every P_i, N f_i.
template <class Real>
double balance_loss(const ModelConfig& config, const Batch& batch, const LayerState<Real>& layer,
                    std::vector<double>& slope);
/// Adds the gradient of sum_i slope_i p_i, p the token's probabilities, by its scores (experts).
template <class Real>
void balance_backward(const ModelConfig& config, const Real* scores, const std::vector<double>& slope,
                      double factor, Real* d_scores);

/// Mean over valid tokens of logsumexp(logits)^2.
template <class Real>
double z_loss(const Batch& batch, const LayerState<Real>& layer);
/// Adds the gradient by the token's logits (experts).
template <class Real>
void z_backward(const Real* logits, std::size_t experts, double factor, Real* d_logits);

/// Mean over ordered pairs of rows of their squared cosine.
template <class Real>
double orthogonality_loss(Block<const Real> router);
/// Adds factor times its gradient.
template <class Real>
void orthogonality_backward(Block<const Real> router, double factor, Block<Real> gradient);

/// Expert-router coupling of one layer (routing/coupling.h). The gradient flows through R~ to R; the noise
/// carries none.
template <class Real>
class Coupling {
 public:
  /// `expert_in` (N, rows, width) with the gate rows first; `gate_rows` of them count. `noise` (N, width).
  Coupling(Block<const Real> router, Block<const Real> expert_in, std::size_t gate_rows, double alpha,
           Matrix<Real> noise);
  double loss() const noexcept { return loss_; }
  /// Adds factor times the gradients.
  void backward(double factor, Block<Real> d_router, Block<Real> d_expert_in) const;

 private:
  Block<const Real> gate_of(std::size_t expert) const;

  Block<const Real> router_;
  Block<const Real> expert_in_;
  std::size_t gate_rows_;
  Matrix<Real> noise_;              // (N, width)
  Matrix<Real> proxies_;            // (N, width)
  std::vector<Matrix<Real>> acts_;  // per expert (N, gate_rows)
  Matrix<Real> norms_;              // (N proxies, N experts)
  std::vector<double> slopes_;      // (N proxies, N experts) of the loss by the norms
  double loss_ = 0.0;
};

/// A layer's draw of the noise, (N, width).
template <class Real>
Matrix<Real> coupling_noise(Block<const Real> router, std::uint64_t seed, std::size_t layer);
/// Ones, (N, width): the proxies are the router rows themselves.
template <class Real>
Matrix<Real> no_coupling_noise(Block<const Real> router);
/// The loss of one layer as the objectives ask for it.
template <class Real>
Coupling<Real> coupling_of(const Objectives& objectives, Block<const Real> router,
                           Block<const Real> expert_in, std::size_t gate_rows, std::uint64_t seed,
                           std::size_t layer);

}  // namespace pastonly::model
