#pragma once

#include <cstddef>
#include <vector>

#include "pastonly/ids.h"

namespace pastonly {

/// The matrices of a SwiGLU expert, (outputs, inputs): x (d) to down (act(gate x + b_gate, up x + b_up)) +
/// b_down.
enum class ExpertMatrix {
  gate,  ///< (h, d)
  up,    ///< (h, d)
  down,  ///< (d, h)
};

/// act of an expert: silu(g) u, or of clamped values (u + 1) g / (1 + e^(-alpha g)) as gpt-oss has it.
struct ExpertActivation {
  bool clamped = false;
  double alpha = 0.0, limit = 0.0;
};

/// What one routed layer does to the residual stream before its experts. Router and experts read the same
/// normalised input x = gain n + shift, element by element, with n the stream over its root mean square.
struct RoutedLayer {
  LayerIndex index{};
  std::size_t experts = 0;       ///< N
  std::size_t width = 0;         ///< d, of the residual stream
  std::size_t expert_width = 0;  ///< h
  std::vector<float> router;     ///< (N, d): logits are its products with x, or their cosines
  std::vector<float> gain;       ///< (d)
  std::vector<float> shift;      ///< (d), LayerNorm; empty = none
  bool centred = false;          ///< LayerNorm: the elements of n sum to 0
  double rounding = 0.0;         ///< largest relative error of a stored number of the router
  ExpertActivation activation;
};

/// The routers and experts of a live subject. Experts are read part by part: they need not fit into memory.
/// Numbers are finite. May be called from several threads at once. Positions count the layers that have
/// router rows and such experts, from 0.
class Weights {
 public:
  Weights() = default;
  Weights(const Weights&) = delete;
  Weights& operator=(const Weights&) = delete;
  virtual ~Weights() = default;

  virtual std::size_t layers() const noexcept = 0;
  virtual RoutedLayer layer(std::size_t position) const = 0;
  /// Outputs [first, first + count) of a matrix as (count, inputs).
  virtual void read(std::size_t position, std::size_t expert, ExpertMatrix which, std::size_t first,
                    std::size_t count, float* out) const = 0;
  /// Of all outputs; empty = none.
  virtual std::vector<float> bias(std::size_t position, std::size_t expert, ExpertMatrix which) const = 0;
  /// Numbers in matrices that every token passes: attention, routers, shared experts, dense layers, head.
  virtual double common_weights() const noexcept = 0;
};

}  // namespace pastonly
