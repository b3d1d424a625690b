#include <cmath>
#include <vector>

#include "catch.h"
#include "unit/model/sample.h"

namespace pastonly::model {
namespace {

/// The shared expert's SwiGLU of one token, in double and by the book.
std::vector<double> shared_expert(const Network<double>& network, std::size_t l, const double* x) {
  const auto& config = network.config();
  const auto& tensors = network.table().layers[l];
  const auto in = network.parameters().block(*tensors.shared_in);
  const auto down = network.parameters().block(*tensors.shared_out);
  std::vector<double> out(config.width, 0.0);
  for (std::size_t f = 0; f < config.shared_width; ++f) {
    double gate = 0.0, up = 0.0;
    for (std::size_t c = 0; c < config.width; ++c) {
      gate += in(f, c) * x[c];
      up += in(config.shared_width + f, c) * x[c];
    }
    const double act = gate / (1.0 + std::exp(-gate)) * up;
    for (std::size_t c = 0; c < config.width; ++c) out[c] += down(c, f) * act;
  }
  return out;
}

}  // namespace

TEST_CASE("a token without a route passes through the residual and the shared expert alone",
          "[worked][model]") {
  for (const std::size_t shared : {std::size_t{0}, std::size_t{6}}) {
    ModelConfig config = small_config();
    config.shared_width = shared;
    // Three tokens of twenty find a place with each of five experts at most.
    config.router.rule = {"switch-capacity", {{"k", 1}, {"capacity_factor", 0.5}}};
    config.router.gate = Gate::raw;
    const auto network = Network<double>::make(config, 3);
    REQUIRE(network);
    const Sample sample({2, 10, TokenOrder::batch_major}, config.vocab);
    Workspace<double> w;
    network->forward(sample.batch(), {.training = false}, {}, w);
    std::size_t dropped = 0, moved = 0;
    for (std::size_t l = 0; l < config.layers; ++l) {
      const auto& layer = w.layers[l];
      const auto& output = l + 1 < config.layers ? w.layers[l + 1].input : w.output;
      for (std::size_t t = 0; t < 20; ++t) {
        std::vector<double> alone(layer.middle.row(t), layer.middle.row(t) + config.width);
        if (shared > 0) {
          const auto added = shared_expert(*network, l, layer.normed2.row(t));
          for (std::size_t c = 0; c < config.width; ++c) alone[c] += added[c];
        }
        double distance = 0.0;
        for (std::size_t c = 0; c < config.width; ++c)
          distance = std::max(distance, std::fabs(output.row(t)[c] - alone[c]));
        if (layer.dispatch.routes_of(t).empty()) {
          CHECK(distance < 1e-12);
          ++dropped;
        } else {
          moved += distance > 1e-6 ? 1 : 0;
        }
      }
    }
    CHECK(dropped >= 10);
    CHECK(moved >= 10);
  }
}

}  // namespace pastonly::model
