#include "model/network.h"

#include <utility>

namespace pastonly::model {

template <class Real>
Network<Real>::Network(const ModelConfig& config, std::uint64_t seed)
    : config_(config), table_(std::make_unique<const ParameterTable>(config)), parameters_(*table_) {
  initialise(*table_, seed, parameters_);
  routers_.resize(config.layers);
}

template <class Real>
Expected<Network<Real>> Network<Real>::make(const ModelConfig& config, std::uint64_t seed) {
  if (auto checked = validate(config); !checked) return tl::unexpected<Error>(checked.error());
  Network network(config, seed);
  for (std::size_t l = config.dense_layers; l < config.layers; ++l) {
    auto rule = make_layer_rule(config.router, config.router.rule.parameters);
    if (!rule) return tl::unexpected<Error>(rule.error());
    network.routers_[l].rule = std::move(*rule);
    // Streams of parameters are numbered by tensor in their upper half; these stand far above.
    if (config.router.score == Score::cosine)
      network.routers_[l].centroids =
          Centroids(config.experts, config.width, seed, 0xC000'0000'0000'0000ULL + l);
  }
  return network;
}

template <class Real>
void Network<Real>::learn(Workspace<Real>& workspace) {
  for (std::size_t l = config_.dense_layers; l < config_.layers; ++l) {
    LayerState<Real>& layer = workspace.layers[l];
    model::learn<Real>(*routers_[l].rule, layer.router.scores.block(), layer.routing.mask,
                       workspace.selection);
    if (config_.router.score == Score::cosine) {
      routers_[l].centroids.template learn<Real>(layer.normed2.block(), layer.routing.mask,
                                                 config_.router.centroid_rate);
    }
  }
}

// forward and backward stand in files of their own.
template Expected<Network<float>> Network<float>::make(const ModelConfig&, std::uint64_t);
template Expected<Network<double>> Network<double>::make(const ModelConfig&, std::uint64_t);
template void Network<float>::learn(Workspace<float>&);
template void Network<double>::learn(Workspace<double>&);

}  // namespace pastonly::model
