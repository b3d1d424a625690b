#include "checkpoint/gguf_latent.h"

#include <fmt/format.h>

#include <span>

#include "checkpoint/gguf_packing.h"
#include "input/text/printable.h"
#include "stats/parallel.h"

namespace pastonly::checkpoint {
namespace {

/// kv_b_proj (heads * (plain + value), rank) of k_b (heads, rank, plain), transposed, and v_b (heads, value,
/// rank): row by head its plain keys, then its values.
class LatentJoin {
 public:
  explicit LatentJoin(const Description& description)
      : heads_(description.attention.heads),
        rank_(description.attention.kv_rank),
        plain_(description.attention.key_width - description.attention.rotary.width),
        value_(description.attention.value_width) {}

  /// Nothing where the layer has no such tensors.
  Expected<void> run(const std::string& layer, Named& tensors,
                     std::vector<std::shared_ptr<const void>>& storage) const {
    const auto k = tensors.find(layer + "attn_k_b.weight"), v = tensors.find(layer + "attn_v_b.weight");
    if (k == tensors.end() || v == tensors.end()) return {};
    if (auto good = check(k->second, {heads_, rank_, plain_}); !good) return good;
    if (auto good = check(v->second, {heads_, value_, rank_}); !good) return good;
    auto joined = std::make_shared<std::vector<float>>(heads_ * (plain_ + value_) * rank_);
    fill(k->second, v->second, *joined);
    StoredTensor made{v->second.file,
                      layer + "self_attn.kv_b_proj.weight",
                      "F32",
                      {heads_ * (plain_ + value_), rank_},
                      std::as_bytes(std::span(*joined))};
    storage.push_back(joined);
    tensors.erase(k);
    tensors.erase(v);
    if (!tensors.emplace(made.name, made).second)
      return input_error(fmt::format("{}: beside attn_kv_b, which says the same", made.file));
    return {};
  }

 private:
  static Expected<void> check(const StoredTensor& tensor, std::vector<std::size_t> shape) {
    if (tensor.shape == shape) return {};
    return input_error(input::printable(fmt::format("{}: expected shape {}, found {}", tensor.file,
                                                    shape_text(shape), shape_text(tensor.shape))));
  }

  void fill(const StoredTensor& keys, const StoredTensor& values, std::vector<float>& out) const {
    const StoredMatrix k = gguf_matrix(keys, heads_ * rank_, plain_);
    const StoredMatrix v = gguf_matrix(values, heads_ * value_, rank_);
    stats::parallel_for(heads_, [&](std::size_t h) {
      float* head = out.data() + h * (plain_ + value_) * rank_;
      std::vector<float> row(plain_);
      for (std::size_t r = 0; r < rank_; ++r) {
        read_row(k, h * rank_ + r, row.data());
        for (std::size_t i = 0; i < plain_; ++i) head[i * rank_ + r] = row[i];
      }
      for (std::size_t i = 0; i < value_; ++i) read_row(v, h * value_ + i, head + (plain_ + i) * rank_);
    });
  }

  std::size_t heads_, rank_, plain_, value_;
};

}  // namespace

Expected<void> join_latent(const Description& description, Named& tensors,
                           std::vector<std::shared_ptr<const void>>& storage) {
  const LatentJoin join(description);
  for (std::size_t l = 0; l < description.layers.size(); ++l) {
    if (auto done = join.run(fmt::format("model.layers.{}.", l), tensors, storage); !done) return done;
  }
  return {};
}

}  // namespace pastonly::checkpoint
