// A model on disk: everything that a later step depends on.
#include <fmt/format.h>

#include <charconv>
#include <cstring>

#include "input/tensor/safetensors.h"
#include "input/text/parse_json.h"
#include "input/text/value_json.h"
#include "model/config_json.h"
#include "model/model.h"

namespace pastonly::model {
namespace {

using input::Json;
using input::Tensor;

constexpr std::string_view schema = "pastonly.model/1";

template <class T>
std::span<const std::byte> bytes_of(const T* data, std::size_t count) {
  return std::as_bytes(std::span(data, count));
}

std::string centroids_name(std::size_t layer) { return fmt::format("layers.{}.centroids", layer); }

void add_arena(const ParameterTable& table, std::string_view prefix, const Arena<float>& arena,
               std::vector<Tensor>& out) {
  for (std::size_t id = 0; id < table.tensors.size(); ++id) {
    const TensorInfo& info = table[id];
    out.push_back({fmt::format("{}{}", prefix, info.name), DType::f32, info.shape,
                   bytes_of(arena.data(id), info.size())});
  }
}

/// Copies a tensor of exactly this type and shape.
Expected<void> take(const input::TensorFile& file, const std::string& name, DType type,
                    const std::vector<std::size_t>& shape, void* out) {
  const Tensor* tensor = file.find(name);
  if (tensor == nullptr) return input_error(fmt::format("{}: tensor {} is missing", file.path, name));
  if (tensor->type != type || tensor->shape != shape) {
    return input_error(fmt::format("{}: tensor {} does not have the type and shape that the file's model has",
                                   file.path, name));
  }
  std::memcpy(out, tensor->bytes.data(), tensor->bytes.size());
  return {};
}

Expected<void> take_arena(const input::TensorFile& file, const ParameterTable& table, std::string_view prefix,
                          Arena<float>& arena) {
  for (std::size_t id = 0; id < table.tensors.size(); ++id) {
    const std::string name = fmt::format("{}{}", prefix, table[id].name);
    if (auto taken = take(file, name, DType::f32, table[id].shape, arena.data(id)); !taken) return taken;
  }
  return {};
}

Expected<Json> metadata_json(const input::TensorFile& file, const std::string& key) {
  const auto found = file.metadata.find(key);
  if (found == file.metadata.end())
    return input_error(fmt::format("{}: __metadata__ has no \"{}\"", file.path, key));
  return input::parse_json(found->second, fmt::format("{}: {}", file.path, key), Error::Kind::input);
}

Expected<std::uint64_t> metadata_number(const input::TensorFile& file, const std::string& key) {
  const auto json = metadata_json(file, key);
  if (!json) return tl::unexpected<Error>(json.error());
  if (!json->is_number_unsigned())
    return input_error(fmt::format("{}: __metadata__ \"{}\" is no whole number", file.path, key));
  return json->get<std::uint64_t>();
}

Expected<void> take_rules(const input::TensorFile& file, Network<float>& network) {
  const auto rules = metadata_json(file, "rules");
  if (!rules) return tl::unexpected<Error>(rules.error());
  const std::size_t first = network.config().dense_layers, count = network.config().layers - first;
  if (!rules->is_array() || rules->size() != count)
    return input_error(fmt::format("{}: \"rules\" must list {} MoE layers", file.path, count));
  for (std::size_t i = 0; i < count; ++i) {
    const std::string where = fmt::format("{}: rules[{}]", file.path, i);
    auto parameters = rule_parameters(rules->at(i), where);
    if (!parameters) return tl::unexpected<Error>(parameters.error());
    auto rule = make_layer_rule(network.config().router, *parameters);
    if (!rule) return input_error(fmt::format("{}: {}", where, rule.error().message));
    network.routers()[first + i].rule = std::move(*rule);
  }
  return {};
}

}  // namespace

Expected<void> Model::save(const std::filesystem::path& path) const {
  std::vector<Tensor> tensors;
  add_arena(network_.table(), "parameters.", network_.parameters(), tensors);
  add_arena(network_.table(), "adam.first.", optimizer_.first(), tensors);
  add_arena(network_.table(), "adam.second.", optimizer_.second(), tensors);
  Json rules = Json::array();
  for (std::size_t l = config().dense_layers; l < config().layers; ++l) {
    const LayerRouter& router = network_.routers()[l];
    rules.push_back(input::json_of(router.rule->parameters()));
    const auto& centroids = router.centroids.values();
    if (!centroids.empty())
      tensors.push_back({centroids_name(l),
                         DType::f64,
                         {config().experts, config().width},
                         bytes_of(centroids.data(), centroids.size())});
  }
  return input::write_safetensors(path,
                                  {{"schema", std::string(schema)},
                                   {"model", to_json(config()).dump()},
                                   {"training", to_json(training_).dump()},
                                   {"seed", std::to_string(seed_)},
                                   {"steps", std::to_string(steps_done_)},
                                   {"rules", rules.dump()}},
                                  tensors);
}

Expected<Model> Model::load(const std::filesystem::path& path) {
  const auto fail = [](const Error& error) {
    return tl::unexpected<Error>(Error{Error::Kind::input, error.message});
  };
  const auto file = input::read_safetensors(path);
  if (!file) return fail(file.error());
  const auto found = file->metadata.find("schema");
  if (found == file->metadata.end() || found->second != schema)
    return input_error(fmt::format("{}: not a saved model: schema is not {}", file->path, schema));
  const auto model_json = metadata_json(*file, "model");
  if (!model_json) return fail(model_json.error());
  const auto training_json = metadata_json(*file, "training");
  if (!training_json) return fail(training_json.error());
  const auto config = model_config(*model_json, file->path + ": model");
  if (!config) return fail(config.error());
  const auto training = training_config(*training_json, file->path + ": training");
  if (!training) return fail(training.error());
  const auto seed = metadata_number(*file, "seed"), steps = metadata_number(*file, "steps");
  if (!seed) return fail(seed.error());
  if (!steps) return fail(steps.error());
  // A header may claim any shape: what its model needs must be in the file before memory is taken.
  std::size_t bytes = 0;
  for (const Tensor& tensor : file->tensors) bytes += tensor.bytes.size();
  if (ParameterTable(*config).size * sizeof(float) / 2 > bytes)
    return input_error(fmt::format("{}: the file is smaller than its model", file->path));
  auto model = create(*config, *training, *seed);
  if (!model) return fail(model.error());
  const ParameterTable& table = model->network_.table();
  if (auto taken = take_arena(*file, table, "parameters.", model->network_.parameters()); !taken)
    return fail(taken.error());
  if (auto taken = take_arena(*file, table, "adam.first.", model->optimizer_.first()); !taken)
    return fail(taken.error());
  if (auto taken = take_arena(*file, table, "adam.second.", model->optimizer_.second()); !taken)
    return fail(taken.error());
  if (auto taken = take_rules(*file, model->network_); !taken) return fail(taken.error());
  for (std::size_t l = 0; l < config->layers; ++l) {
    auto& centroids = model->network_.routers()[l].centroids.values();
    if (centroids.empty()) continue;
    auto taken =
        take(*file, centroids_name(l), DType::f64, {config->experts, config->width}, centroids.data());
    if (!taken) return fail(taken.error());
  }
  model->steps_done_ = *steps;
  return model;
}

}  // namespace pastonly::model
