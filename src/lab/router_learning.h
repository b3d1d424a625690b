#pragma once

#include <cstdint>
#include <vector>

#include "model/network.h"
#include "pastonly/report.h"

namespace pastonly::lab {

/// What the routers of a trained model share with their experts, one entry for every MoE layer (the fields
/// say what: Report::Experiment::Routers::Frozen), on a batch that it was not trained on, without router
/// noise. After Ahrac, Hochwald and Geva 2026 (arXiv 2605.12476): of a routed token, the gradients of the
/// router row and of the expert's input weights are multiples of the same input. Empty for soft-moe, where
/// experts see mixtures.
///
/// Gradients are of the cross-entropy alone. Experts without a route, or whose row or gate has no gradient,
/// are left out; so are all gradients where the router has no rows of weights (cosine, autonomy), and models
/// wider than 128, whose singular directions would take too long. Activations are silu(gate) up of every
/// token, whoever it is routed to; absent for autonomy.
std::vector<Report::Experiment::Routers::Frozen> router_learning(const model::Network<float>& network,
                                                                 const model::Batch& batch,
                                                                 std::uint64_t seed);

}  // namespace pastonly::lab
