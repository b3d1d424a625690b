#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/block.h"
#include "kernels/buffer.h"
#include "model/config.h"

namespace pastonly::model {

using kernels::Block;
using kernels::Buffer;

/// One named array inside the arena. Experts of a layer stand one behind the other.
struct TensorInfo {
  std::string name;
  std::vector<std::size_t> shape;  ///< row-major
  std::size_t offset = 0;          ///< elements
  double init_std = 0.0;           ///< of its normal start; 0: all elements start at `init_mean`
  double init_mean = 0.0;
  bool decays = false;

  std::size_t size() const noexcept;
  std::size_t columns() const noexcept { return shape.back(); }
  std::size_t rows() const noexcept { return size() / columns(); }
};

/// Which tensor is which, by position in ParameterTable::tensors; absent where the configuration has no
/// such part.
struct LayerTensors {
  using Id = std::optional<std::size_t>;
  Id norm1;        // (width)
  Id qkv;          // (query + 2 kv columns, width)
  Id qkv_bias;     // (query + 2 kv columns)
  Id q_norm;       // (head_width) or (query columns)
  Id k_norm;       // (head_width) or (kv columns)
  Id attention;    // (width, query columns)
  Id norm2;        // (width)
  Id dense_in;     // (2 dense_width, width) gate rows, then up rows
  Id dense_out;    // (width, dense_width)
  Id router;       // (experts, width)
  Id noise;        // (experts, width)
  Id expert_in;    // (experts, 2 width_e, width) gate rows, then up rows; autonomy: (experts, width_e, width)
  Id expert_down;  // autonomy: (experts, rank, width)
  Id expert_gate;  // autonomy: (experts, width_e, rank)
  Id expert_out;   // (experts, width, width_e)
  Id shared_in;    // (2 shared_width, width)
  Id shared_out;   // (width, shared_width)
  Id shared_gate;  // (1, width)
};

/// Names, shapes and places of all parameters of a configuration.
struct ParameterTable {
  explicit ParameterTable(const ModelConfig& config);

  std::vector<TensorInfo> tensors;
  std::vector<LayerTensors> layers;
  std::size_t embedding = 0;        // (vocab, width)
  std::size_t final_norm = 0;       // (width)
  std::optional<std::size_t> head;  // (vocab, width); absent where tied
  std::size_t size = 0;             ///< of the arena, elements; tensors start at multiples of 16

  const TensorInfo& operator[](std::size_t id) const noexcept { return tensors[id]; }
  std::size_t head_or_embedding() const noexcept { return head.value_or(embedding); }
};

/// The values of all parameters, or of their gradients, in one array, so that norms, optimizer steps and
/// saving are single passes.
template <class Real>
class Arena {
 public:
  explicit Arena(const ParameterTable& table) : table_(&table) { values_.resize(table.size); }

  Buffer<Real>& values() noexcept { return values_; }
  const Buffer<Real>& values() const noexcept { return values_; }
  void clear();

  Real* data(std::size_t id) noexcept { return values_.data() + (*table_)[id].offset; }
  const Real* data(std::size_t id) const noexcept { return values_.data() + (*table_)[id].offset; }
  /// The tensor as (all but the last axis, last axis).
  Block<Real> block(std::size_t id) noexcept {
    return {data(id), (*table_)[id].rows(), (*table_)[id].columns()};
  }
  Block<const Real> block(std::size_t id) const noexcept {
    return {data(id), (*table_)[id].rows(), (*table_)[id].columns()};
  }
  /// One expert's matrix of a (experts, rows, columns) tensor.
  Block<Real> expert(std::size_t id, std::size_t index) noexcept {
    const std::size_t rows = (*table_)[id].shape[1];
    return block(id).row_range(index * rows, rows);
  }
  Block<const Real> expert(std::size_t id, std::size_t index) const noexcept {
    const std::size_t rows = (*table_)[id].shape[1];
    return block(id).row_range(index * rows, rows);
  }

 private:
  const ParameterTable* table_;
  Buffer<Real> values_;
};

/// Draws every tensor from its own stream of the seed. The same values for float (rounded) and double.
template <class Real>
void initialise(const ParameterTable& table, std::uint64_t seed, Arena<Real>& parameters);

}  // namespace pastonly::model
