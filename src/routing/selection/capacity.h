#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "pastonly/routing_rule.h"
#include "routing/parameter_reader.h"

namespace pastonly::routing {

/// How a framework derives the slots per expert C from T tokens routed together, N experts, k choices
/// per token and the capacity factor f. Taken from each framework's own code.
enum class CapacityFormula {
  deepspeed,  ///< ceil(T/N f k)                       deepspeed/moe/sharded_moe.py, _capacity
  megatron,  ///< ceil(T k / N f)                     megatron/core/transformer/moe/moe_utils.py, get_capacity
  megablocks,  ///< int(f k T / N)                      megablocks/layers/moe.py, expert_capacity
  fairscale,   ///< 2 T // N, whatever f                fairscale/nn/moe/top2gate.py
  fairseq,  ///< k int(f ceil(T/N)), f = 1 for k = 2  fairseq/modules/moe/top{1,2}gate.py, training; NLLB-MoE
  fairseq_eval,  ///< ceil(f T), f a fraction of tokens   the same in evaluation
  tutel,         ///< k int(f ceil(T/N))                  tutel/impls/fast_dispatch.py
  flaxformer,    ///< max(4, round(f T / N))              flaxformer/architectures/moe/routing.py
  vmoe,          ///< ceil(f T k / N) up to a multiple of 4          vmoe/moe.py
  mesh,          ///< max(min(T, int(T f / N)), 4)        mesh_tensorflow/transformer/moe.py; lucidrains
  colossalai,    ///< floor(k f T / N) made even, upwards  colossalai/moe/routers.py
  maxtext,       ///< int(max(ceil(T k / N) f, f)), per sequence     MaxText/layers/moe.py
  olmo_core,     ///< int(f k T / N) up to a multiple of 8           olmo_core/nn/moe
};
std::string_view name(CapacityFormula formula) noexcept;

/// Slots per expert: a number, or a formula of the number of tokens.
struct Capacity {
  std::optional<std::size_t> literal;
  CapacityFormula formula = CapacityFormula::megatron;
  double factor = 1.0;
  std::optional<std::size_t> minimum;  ///< replaces the formula's own minimum

  /// C for `tokens` routed together (padding counts). May be 0 where the formula says so.
  std::size_t of(std::size_t tokens, std::size_t experts, double k) const noexcept;
  /// Whether some expert may have to turn tokens away: 0 < C < tokens.
  bool binds(std::size_t tokens, std::size_t experts, double k) const noexcept;
  /// The keys capacity, or capacity_formula, capacity_factor and min_capacity.
  void write(Parameters& parameters) const;
};

/// Reads the keys that `write` writes. `required`: giving none of them is an error.
Capacity read_capacity(ParameterReader& reader, bool required = true);

}  // namespace pastonly::routing
