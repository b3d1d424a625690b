#include "model/router_measures.h"

#include <cmath>
#include <utility>

#include "kernels/rows.h"
#include "model/objectives.h"
#include "stats/row_geometry.h"

namespace pastonly::model {
namespace {

struct Cosines {
  double mean = 0.0, magnitude = 0.0;
};

/// Over pairs of rows; a row of zeros has cosine 0 with every other.
Cosines cosines_of(Block<const float> rows) {
  Cosines sums;
  const auto inner = [&](std::size_t i, std::size_t j) {
    return static_cast<double>(kernels::inner<float>(rows.row(i), rows.row(j), rows.columns));
  };
  std::size_t pairs = 0;
  for (std::size_t i = 0; i < rows.rows; ++i) {
    for (std::size_t j = 0; j < i; ++j, ++pairs) {
      const double lengths = std::sqrt(inner(i, i) * inner(j, j));
      if (!(lengths > 0.0)) continue;
      sums.mean += inner(i, j) / lengths;
      sums.magnitude += std::fabs(inner(i, j)) / lengths;
    }
  }
  return {sums.mean / static_cast<double>(pairs), sums.magnitude / static_cast<double>(pairs)};
}

double mean_bound(Block<const float> rows) {
  double sum = 0.0;
  for (const double bound : stats::relative_half_distances<float>(rows)) sum += bound;
  return sum / static_cast<double>(rows.rows);
}

}  // namespace

std::optional<RouterMeasures> measure_routers(const Network<float>& network) {
  const ModelConfig& config = network.config();
  const bool rows = config.router.score != Score::autonomy && config.experts > 1;
  if (!rows || config.dense_layers >= config.layers) return std::nullopt;
  const double share = 1.0 / static_cast<double>(config.layers - config.dense_layers);
  RouterMeasures out;
  Matrix<float> directions;
  for (std::size_t l = config.dense_layers; l < config.layers; ++l) {
    const LayerTensors& tensors = network.table().layers[l];
    if (!tensors.router) network.routers()[l].centroids.directions(directions);
    const Block<const float> router =
        tensors.router ? network.parameters().block(*tensors.router) : std::as_const(directions).block();
    const auto cosines = cosines_of(router);
    out.epsilon += share * mean_bound(router);
    out.cosine += share * cosines.mean;
    out.absolute_cosine += share * cosines.magnitude;
    const Coupling<float> coupling(router, network.parameters().block(*tensors.expert_in),
                                   config.expert_width, 1.0, no_coupling_noise<float>(router));
    out.coupling += share * coupling.loss();
  }
  return out;
}

}  // namespace pastonly::model
