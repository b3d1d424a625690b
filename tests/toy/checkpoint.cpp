#include "toy/checkpoint.h"

#include <algorithm>
#include <cmath>

#include "model/hugging_face.h"
#include "model/model.h"
#include "stats/random.h"

namespace pastonly::toy {
namespace {

using kernels::Block;

/// Every row of an expert's gate projection gets a part along the expert's own router row, so that
/// |W r|^2 of the row's direction r grows by 1 + coupling^2.
void couple(Block<const float> router, std::size_t expert, double coupling, double deviation,
            Block<float> gate) {
  double square = 0.0;
  for (std::size_t c = 0; c < router.columns; ++c)
    square += static_cast<double>(router(expert, c)) * static_cast<double>(router(expert, c));
  const double factor = coupling * deviation / std::sqrt(square);
  stats::CounterRng random(7, expert);
  for (std::size_t row = 0; row < gate.rows; ++row) {
    const double sign = random.below(2) == 0 ? factor : -factor;
    for (std::size_t c = 0; c < gate.columns; ++c)
      gate(row, c) += static_cast<float>(sign * static_cast<double>(router(expert, c)));
  }
}

void plant(const CheckpointRecipe& recipe, model::Network<float>& network) {
  const double deviation = network.config().init_std;
  for (const model::LayerTensors& layer : network.table().layers) {
    const auto router = network.parameters().block(*layer.router);
    for (std::size_t e = 0; e < recipe.experts && recipe.coupling > 0.0; ++e)
      couple(router, e, recipe.coupling, deviation,
             network.parameters().expert(*layer.expert_in, e).row_range(0, recipe.expert_width));
    for (const auto& [from, to] : recipe.copied_rows)
      std::transform(router.row(from), router.row(from) + router.columns, router.row(to),
                     [](float value) { return 3.0F * value; });
    for (const std::size_t row : recipe.zero_rows) std::fill_n(router.row(row), router.columns, 0.0F);
  }
}

}  // namespace

Expected<void> write_checkpoint(const CheckpointRecipe& recipe, const std::filesystem::path& directory) {
  model::ModelConfig config;
  config.layers = recipe.layers;
  config.experts = recipe.experts;
  config.width = recipe.width;
  config.expert_width = recipe.expert_width;
  config.heads = config.kv_heads = 2;
  config.head_width = 8;
  config.init_std = 0.1;
  auto model = model::Model::create(config, {}, recipe.seed);
  if (!model) return tl::unexpected(model.error());
  plant(recipe, model->network());
  return model::save_hugging_face(*model, directory);
}

}  // namespace pastonly::toy
