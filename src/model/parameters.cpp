#include "model/parameters.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "stats/parallel.h"
#include "stats/random.h"

namespace pastonly::model {

std::size_t TensorInfo::size() const noexcept {
  return std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>());
}

namespace {

constexpr std::size_t alignment = 16;    // elements: a cache line of floats
constexpr std::size_t drawn = 1U << 14;  // elements per stream of random numbers

/// Appends tensors in the order in which a forward pass meets them.
class Builder {
 public:
  Builder(ParameterTable& table, const ModelConfig& config) : table_(table), config_(config) {
    residual_std_ =
        config.init_std / std::sqrt(2.0 * static_cast<double>(std::max<std::size_t>(1, config.layers)));
  }

  std::size_t matrix(std::string name, std::vector<std::size_t> shape) {
    return add(std::move(name), std::move(shape), config_.init_std, 0.0, true);
  }
  /// A matrix that writes to the residual stream: smaller, so that depth does not blow it up.
  std::size_t residual(std::string name, std::vector<std::size_t> shape) {
    return add(std::move(name), std::move(shape), residual_std_, 0.0, true);
  }
  std::size_t gain(std::string name, std::size_t size) {
    return add(std::move(name), {size}, 0.0, 1.0, false);
  }
  std::size_t bias(std::string name, std::size_t size) {
    return add(std::move(name), {size}, 0.0, 0.0, false);
  }

 private:
  std::size_t add(std::string name, std::vector<std::size_t> shape, double std, double mean, bool decays) {
    TensorInfo info{std::move(name), std::move(shape), table_.size, std, mean, decays};
    table_.size += (info.size() + alignment - 1) / alignment * alignment;
    table_.tensors.push_back(std::move(info));
    return table_.tensors.size() - 1;
  }

  ParameterTable& table_;
  const ModelConfig& config_;
  double residual_std_;
};

void add_attention(const ModelConfig& c, const std::string& prefix, Builder& builder, LayerTensors& layer) {
  layer.norm1 = builder.gain(prefix + "norm1", c.width);
  layer.qkv = builder.matrix(prefix + "qkv", {c.qkv_columns(), c.width});
  if (c.qkv_bias) layer.qkv_bias = builder.bias(prefix + "qkv_bias", c.qkv_columns());
  if (c.qk_norm != QkNorm::none) {
    const bool whole = c.qk_norm == QkNorm::whole;
    layer.q_norm = builder.gain(prefix + "q_norm", whole ? c.query_columns() : c.head_width);
    layer.k_norm = builder.gain(prefix + "k_norm", whole ? c.kv_columns() : c.head_width);
  }
  layer.attention = builder.residual(prefix + "attention", {c.width, c.query_columns()});
  layer.norm2 = builder.gain(prefix + "norm2", c.width);
}

void add_experts(const ModelConfig& c, const std::string& prefix, Builder& builder, LayerTensors& layer) {
  const bool autonomy = c.router.score == Score::autonomy;
  if (!autonomy && c.router.score != Score::cosine)
    layer.router = builder.matrix(prefix + "router", {c.experts, c.width});
  if (c.router.score == Score::noisy) layer.noise = builder.matrix(prefix + "noise", {c.experts, c.width});
  const std::size_t in_rows = autonomy ? c.expert_width : 2 * c.expert_width;
  layer.expert_in = builder.matrix(prefix + "expert_in", {c.experts, in_rows, c.width});
  if (autonomy) {
    layer.expert_down = builder.matrix(prefix + "expert_down", {c.experts, c.autonomy_rank(), c.width});
    layer.expert_gate =
        builder.matrix(prefix + "expert_gate", {c.experts, c.expert_width, c.autonomy_rank()});
  }
  layer.expert_out = builder.residual(prefix + "expert_out", {c.experts, c.width, c.expert_width});
  if (c.shared_width > 0) {
    layer.shared_in = builder.matrix(prefix + "shared_in", {2 * c.shared_width, c.width});
    layer.shared_out = builder.residual(prefix + "shared_out", {c.width, c.shared_width});
    if (c.shared_gate) layer.shared_gate = builder.matrix(prefix + "shared_gate", {1, c.width});
  }
}

}  // namespace

ParameterTable::ParameterTable(const ModelConfig& c) {
  Builder builder(*this, c);
  embedding = builder.matrix("embedding", {c.vocab, c.width});
  layers.resize(c.layers);
  for (std::size_t l = 0; l < c.layers; ++l) {
    const std::string prefix = "layers." + std::to_string(l) + ".";
    add_attention(c, prefix, builder, layers[l]);
    if (c.is_dense(l)) {
      layers[l].dense_in = builder.matrix(prefix + "dense_in", {2 * c.dense_width, c.width});
      layers[l].dense_out = builder.residual(prefix + "dense_out", {c.width, c.dense_width});
    } else {
      add_experts(c, prefix, builder, layers[l]);
    }
  }
  final_norm = builder.gain("final_norm", c.width);
  if (!c.tied_embeddings) head = builder.matrix("head", {c.vocab, c.width});
}

template <class Real>
void Arena<Real>::clear() {
  std::fill(values_.begin(), values_.end(), Real{0});
}

template <class Real>
void initialise(const ParameterTable& table, std::uint64_t seed, Arena<Real>& parameters) {
  parameters.clear();
  for (std::size_t id = 0; id < table.tensors.size(); ++id) {
    const TensorInfo& tensor = table[id];
    Real* values = parameters.data(id);
    if (tensor.init_std == 0.0) {
      std::fill(values, values + tensor.size(), static_cast<Real>(tensor.init_mean));
      continue;
    }
    stats::parallel_for((tensor.size() + drawn - 1) / drawn, [&](std::size_t part) {
      stats::CounterRng random(seed, (std::uint64_t{id} << 32) | part);
      const std::size_t end = std::min(tensor.size(), (part + 1) * drawn);
      for (std::size_t i = part * drawn; i < end; ++i) {
        values[i] = static_cast<Real>(tensor.init_mean + tensor.init_std * random.normal());
      }
    });
  }
}

template class Arena<float>;
template class Arena<double>;
template void initialise<float>(const ParameterTable&, std::uint64_t, Arena<float>&);
template void initialise<double>(const ParameterTable&, std::uint64_t, Arena<double>&);

}  // namespace pastonly::model
