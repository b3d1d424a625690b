#pragma once

#include <cstddef>

namespace pastonly::checkpoint {

/// What mixes the tokens of a layer.
enum class Mixer {
  attention,
  delta,        ///< linear attention by the gated delta rule (Qwen3-Next)
  convolution,  ///< a short gated convolution (LFM2)
  state_space,  ///< Mamba 2 (Granite 4)
};

/// The gated delta rule (Yang et al., arXiv 2412.06464): a state S (key width, value width) of every value
/// head that each token fades and corrects, S = e^g S + k (v - (e^g S)' k)' beta; out = S' q.
struct DeltaDescription {
  std::size_t key_heads = 0;
  std::size_t value_heads = 0;  ///< a multiple of the key heads
  std::size_t key_width = 0, value_width = 0;
  std::size_t kernel = 0;  ///< of the convolution of queries, keys and values
  /// Projections come by key heads, (query, key, values, gates) and (betas, decays) of each; else one after
  /// the other (Qwen3.5).
  bool by_key_heads = false;

  std::size_t keys() const noexcept { return key_heads * key_width; }
  std::size_t values() const noexcept { return value_heads * value_width; }
  std::size_t convolved() const noexcept { return 2 * keys() + values(); }
};

/// out = C * conv(B * x) of projections B, C and x of the input.
struct ConvolutionDescription {
  std::size_t kernel = 0;
  bool bias = false;  ///< of the convolution and of both projections
};

/// Mamba 2 (Dao and Gu, arXiv 2405.21060): a state h (head width, state) of every head,
/// h = e^(-dt e^A) h + dt x B', out = h C + D x, with B and C common to the heads of a group.
struct StateSpaceDescription {
  std::size_t heads = 0, head_width = 0;
  std::size_t groups = 0;  ///< a divisor of the heads
  std::size_t state = 0;
  std::size_t kernel = 0;
  bool convolution_bias = false;
  bool bias = false;                               ///< of both projections
  double shortest_step = 0.0, longest_step = 0.0;  ///< limits of dt

  std::size_t inner() const noexcept { return heads * head_width; }
  std::size_t convolved() const noexcept { return inner() + 2 * groups * state; }
};

}  // namespace pastonly::checkpoint
