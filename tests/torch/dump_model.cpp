// Writes models, batches and their gradients for the PyTorch comparisons beside this file:
//   dump_model DIRECTORY
// NAME.safetensors: parameters, gradients, tokens, masks and draws in float64, configuration in the
// metadata; hf-NAME/: a Hugging Face checkpoint with tokens and logits in expected.safetensors.
#include <fmt/format.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "input/tensor/safetensors.h"
#include "model/config_json.h"
#include "model/hugging_face.h"
#include "model/model.h"
#include "model/objectives.h"
#include "unit/model/sample.h"

namespace pastonly::model {
namespace {

using input::Tensor;

struct Case {
  std::string name;
  std::function<void(ModelConfig&, Objectives&)> change;
};

std::vector<Case> gradient_cases() {
  return {
      {"plain", [](ModelConfig&, Objectives&) {}},
      {"everything",
       [](ModelConfig& c, Objectives& o) {
         c.heads = 4, c.kv_heads = 2, c.qkv_bias = true, c.qk_norm = QkNorm::per_head, c.dense_layers = 1;
         c.layers = 3, c.shared_width = 5, c.shared_gate = true, c.tied_embeddings = true;
         o = {.balance = 0.3, .z = 0.1, .coupling = 0.5, .coupling_alpha = 0.7, .orthogonality = 0.2};
       }},
      {"noisy", [](ModelConfig& c,
                   Objectives& o) { c.router.score = Score::noisy, c.qk_norm = QkNorm::whole, o.z = 0.2; }},
      {"sigmoid",
       [](ModelConfig& c, Objectives& o) {
         c.router.score = Score::sigmoid, c.router.gate_scale = 2.5, o.balance = 0.3;
       }},
      {"cosine",
       [](ModelConfig& c, Objectives&) { c.router.score = Score::cosine, c.router.gate = Gate::softmax; }},
      {"autonomy",
       [](ModelConfig& c, Objectives& o) {
         c.router.score = Score::autonomy, c.router.gate = Gate::softmax, o.balance = 0.2;
       }},
      {"expert-choice",
       [](ModelConfig& c, Objectives&) {
         c.router.rule = {"expert-choice", {{"k", 2}, {"chunk", 6}}}, c.router.gate = Gate::raw;
       }},
      {"soft-moe",
       [](ModelConfig& c, Objectives& o) {
         c.router.rule = {"soft-moe", {}}, c.router.gate = Gate::raw, o.balance = 0.2, o.z = 0.1;
       }},
      {"column-normalised",
       [](ModelConfig& c, Objectives&) {
         c.router.rule = {"column-normalised-gate", {{"k", 2}}}, c.router.gate = Gate::column_normalised;
       }},
      {"drops",
       [](ModelConfig& c, Objectives&) {
         c.router.rule = {"drop-by-score", {{"k", 2}, {"capacity", 6}}};
       }},
  };
}

std::vector<Case> checkpoint_cases() {
  return {
      {"mixtral", [](ModelConfig& c, Objectives&) { c.heads = 4, c.kv_heads = 2; }},
      {"olmoe", [](ModelConfig& c, Objectives&) { c.qk_norm = QkNorm::whole, c.router.gate = Gate::raw; }},
      {"qwen2-moe",
       [](ModelConfig& c, Objectives&) {
         c.qkv_bias = true, c.shared_width = 10, c.shared_gate = true, c.dense_layers = 1;
       }},
      {"qwen3-moe",
       [](ModelConfig& c, Objectives&) {
         c.qk_norm = QkNorm::per_head, c.heads = 4, c.kv_heads = 2, c.tied_embeddings = true,
         c.dense_layers = 1;
       }},
      {"glm4-moe",
       [](ModelConfig& c, Objectives&) {
         c.router.score = Score::sigmoid, c.shared_width = 16, c.dense_layers = 1,
         c.qk_norm = QkNorm::per_head;
         c.router.rule = {"biased-top-k", {{"k", 2}, {"update_rate", 0.05}}};
         c.router.gate_scale = 1.8, c.qkv_bias = true;
       }},
  };
}

/// Values that a file's tensors view until it is written.
class File {
 public:
  template <class T>
  void add(std::string name, std::vector<std::size_t> shape, const T* values, std::size_t count, DType type) {
    auto& kept = bytes_.emplace_back(count * sizeof(T));
    std::memcpy(kept.data(), values, kept.size());
    tensors_.push_back({std::move(name), type, std::move(shape), {}});
  }
  void add(std::string name, const Matrix<double>& matrix) {
    add(std::move(name), {matrix.rows(), matrix.columns()}, matrix.buffer().data(), matrix.buffer().size(),
        DType::f64);
  }
  void add(std::string name, const Mask& mask) {
    add(std::move(name), {mask.tokens(), mask.experts()}, mask.view().data(), mask.view().size(), DType::u8);
  }
  bool write(const std::filesystem::path& path, const std::map<std::string, std::string>& metadata) {
    for (std::size_t i = 0; i < tensors_.size(); ++i) tensors_[i].bytes = bytes_[i];
    const auto written = input::write_safetensors(path, metadata, tensors_);
    if (!written) fmt::print(stderr, "{}\n", written.error().message);
    return written.has_value();
  }

 private:
  std::vector<std::vector<std::byte>> bytes_;
  std::vector<Tensor> tensors_;
};

/// Biases at 0 and gains at 1 would hide mistakes.
template <class Real>
void shake_vectors(const ParameterTable& table, Arena<Real>& parameters) {
  stats::CounterRng random(5);
  for (std::size_t id = 0; id < table.tensors.size(); ++id) {
    if (table[id].init_std != 0.0) continue;
    for (std::size_t i = 0; i < table[id].size(); ++i)
      parameters.data(id)[i] += static_cast<Real>(0.2 * random.normal());
  }
}

bool dump_gradients(const Case& c, const std::filesystem::path& directory) {
  ModelConfig config = small_config();
  Objectives objectives;
  c.change(config, objectives);
  auto network = Network<double>::make(config, 21);
  if (!network) return fmt::print(stderr, "{}\n", network.error().message), false;
  const ParameterTable& table = network->table();
  shake_vectors(table, network->parameters());
  const Sample sample({3, 14, TokenOrder::batch_major}, config.vocab, 8);
  Workspace<double> w;
  network->forward(sample.batch(), {.training = true, .seed = 4}, objectives, w);
  File file;
  file.add("tokens", {3, 14}, sample.tokens.data(), sample.tokens.size(), DType::i64);
  for (std::size_t l = config.dense_layers; l < config.layers; ++l) {
    const std::string prefix = fmt::format("layers.{}.", l);
    file.add(prefix + "mask", w.layers[l].routing.mask);
    file.add(prefix + "selected", w.layers[l].routing.selected);
    if (config.router.score == Score::noisy) file.add(prefix + "draws", w.layers[l].router.draws);
    if (config.router.score == Score::cosine) file.add(prefix + "centroids", w.layers[l].directions);
    if (objectives.coupling != 0.0)
      file.add(prefix + "coupling_noise",
               coupling_noise<double>(network->parameters().block(*table.layers[l].router), w.seed, l));
  }
  const double loss = w.losses.total(objectives);
  file.add("loss", {}, &loss, 1, DType::f64);
  Arena<double> gradients(table);
  network->backward(objectives, w, gradients);
  for (std::size_t id = 0; id < table.tensors.size(); ++id) {
    const TensorInfo& info = table[id];
    file.add("parameters." + info.name, info.shape, network->parameters().data(id), info.size(), DType::f64);
    file.add("gradients." + info.name, info.shape, gradients.data(id), info.size(), DType::f64);
  }
  TrainingConfig training;
  training.objectives = objectives;
  return file.write(directory / (c.name + ".safetensors"),
                    {{"model", to_json(config).dump()}, {"training", to_json(training).dump()}});
}

bool dump_checkpoint(const Case& c, const std::filesystem::path& directory) {
  ModelConfig config = small_config();
  config.init_std = 0.2;
  config.expert_width = 8;  // torch's grouped product wants rows of a multiple of 16 bytes
  Objectives objectives;
  c.change(config, objectives);
  auto model = Model::create(config, {}, 31);
  if (!model) return fmt::print(stderr, "{}\n", model.error().message), false;
  for (std::size_t step = 0; step < 5; ++step) {
    const Sample sample({4, 16, TokenOrder::batch_major}, config.vocab, step);
    if (!model->step(sample.batch())) return false;
  }
  shake_vectors(model->network().table(), model->network().parameters());
  const auto saved = save_hugging_face(*model, directory / ("hf-" + c.name));
  if (!saved) return fmt::print(stderr, "{}\n", saved.error().message), false;
  const Sample sample({3, 20, TokenOrder::batch_major}, config.vocab, 77);
  Workspace<float> w;
  if (!model->evaluate(sample.batch(), {.mode = Mode::eval}, w)) return false;
  File file;
  file.add("tokens", {3, 20}, sample.tokens.data(), sample.tokens.size(), DType::i64);
  file.add("logits", {3, 20, config.vocab}, w.logits.buffer().data(), w.logits.buffer().size(), DType::f32);
  return file.write(directory / ("hf-" + c.name) / "expected.safetensors", {});
}

}  // namespace
}  // namespace pastonly::model

int main(int argc, char** argv) {
  if (argc != 2) return fmt::print(stderr, "usage: dump_model DIRECTORY\n"), 4;
  std::filesystem::create_directories(argv[1]);
  bool done = true;
  for (const auto& c : pastonly::model::gradient_cases()) done &= pastonly::model::dump_gradients(c, argv[1]);
  for (const auto& c : pastonly::model::checkpoint_cases())
    done &= pastonly::model::dump_checkpoint(c, argv[1]);
  return done ? 0 : 2;
}
