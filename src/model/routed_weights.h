#pragma once

#include <cstddef>
#include <vector>

#include "model/network.h"
#include "pastonly/weights.h"

namespace pastonly::model {

/// The routers and experts of an internal model, which must outlive it and must not be trained meanwhile. Of
/// k-means routing the rows are the directions of the centroids. Experts that score themselves (autonomy)
/// have no router rows: such a model has no layers here.
class RoutedWeights final : public Weights {
 public:
  explicit RoutedWeights(const Network<float>& network);

  std::size_t layers() const noexcept override { return layers_; }
  RoutedLayer layer(std::size_t position) const override;
  void read(std::size_t position, std::size_t expert, ExpertMatrix which, std::size_t first,
            std::size_t count, float* out) const override;
  std::vector<float> bias(std::size_t, std::size_t, ExpertMatrix) const override { return {}; }
  double common_weights() const noexcept override { return common_; }

 private:
  const Network<float>& network_;
  std::size_t layers_ = 0;
  double common_ = 0.0;
};

}  // namespace pastonly::model
