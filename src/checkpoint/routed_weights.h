#pragma once

#include <cstddef>
#include <vector>

#include "checkpoint/description.h"
#include "checkpoint/layer_weights.h"
#include "pastonly/weights.h"

namespace pastonly::checkpoint {

/// A checkpoint's routers and experts, as they stand in its files. Both must outlive it.
class RoutedWeights final : public pastonly::Weights {
 public:
  RoutedWeights(const Description& description, const ModelWeights& weights);

  std::size_t layers() const noexcept override { return layers_.size(); }
  RoutedLayer layer(std::size_t position) const override;
  void read(std::size_t position, std::size_t expert, ExpertMatrix which, std::size_t first,
            std::size_t count, float* out) const override;
  std::vector<float> bias(std::size_t position, std::size_t expert, ExpertMatrix which) const override;
  double common_weights() const noexcept override { return common_; }

 private:
  const Linear& linear(std::size_t position, std::size_t expert, ExpertMatrix which) const;

  const Description& description_;
  const ModelWeights& weights_;
  std::vector<std::size_t> layers_;  // those that route
  double common_ = 0.0;
};

}  // namespace pastonly::checkpoint
