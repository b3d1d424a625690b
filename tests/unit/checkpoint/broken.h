#pragma once

#include <fstream>
#include <memory>
#include <span>
#include <vector>

#include "input/tensor/safetensors.h"
#include "input/text/parse_json.h"
#include "unit/checkpoint/exported.h"

namespace pastonly::checkpoint {

namespace fs = std::filesystem;
using input::Json;
using input::Tensor;

/// An exported checkpoint to be broken: its tensors and configuration in memory.
class Broken {
 public:
  explicit Broken(model::ModelConfig config = exported_config()) {
    config.qk_norm = model::QkNorm::whole;
    export_model(config, directory_.path());
    auto file = input::read_safetensors(path("model.safetensors"));
    if (!file) FAIL(file.error().message);
    file_ = *std::move(file);
    std::ifstream in(path("config.json"));
    config_ = Json::parse(in);
  }
  fs::path path(std::string_view name) const { return directory_.path() / name; }
  Json& config() { return config_; }
  std::vector<Tensor>& tensors() { return file_.tensors; }
  Tensor& tensor(std::string_view name) {
    for (Tensor& tensor : file_.tensors) {
      if (tensor.name == name) return tensor;
    }
    FAIL("no tensor " << name);
    return file_.tensors.front();
  }
  void remove(std::string_view name) {
    std::erase_if(file_.tensors, [&](const Tensor& tensor) { return tensor.name == name; });
  }
  /// Another tensor of U8, I32 or F32, in the place of one of that name.
  template <class T>
  void put(const std::string& name, const std::vector<std::size_t>& shape, const std::vector<T>& values) {
    remove(name);
    const auto bytes = std::as_bytes(std::span(values));
    own_.push_back(std::make_unique<std::vector<std::byte>>(bytes.begin(), bytes.end()));
    const DType type = sizeof(T) == 1 ? DType::u8 : std::is_integral_v<T> ? DType::i32 : DType::f32;
    file_.tensors.push_back({name, type, shape, *own_.back()});
  }
  const TemporaryDirectory& directory() const { return directory_; }

  /// In one file.
  void write() {
    directory_.write("config.json", config_.dump());
    put("model.safetensors", file_.tensors);
  }
  /// In two shards, the first half of the tensors and the rest, with an index that says so.
  Json write_shards() {
    directory_.write("config.json", config_.dump());
    const std::size_t half = file_.tensors.size() / 2;
    Json index{{"metadata", Json::object()}, {"weight_map", Json::object()}};
    for (std::size_t i = 0; i < file_.tensors.size(); ++i)
      index["weight_map"][file_.tensors[i].name] = i < half ? "a.safetensors" : "b.safetensors";
    put("a.safetensors", std::span(file_.tensors).first(half));
    put("b.safetensors", std::span(file_.tensors).subspan(half));
    fs::remove(path("model.safetensors"));
    write_index(index);
    return index;
  }
  void write_index(const Json& index) { directory_.write("model.safetensors.index.json", index.dump()); }
  void put(std::string_view name, std::span<const Tensor> tensors) const {
    const auto done = input::write_safetensors(path(name), {}, tensors);
    if (!done) FAIL(done.error().message);
  }
  std::string error() const {
    const auto opened = Checkpoint::open(directory_.path());
    if (opened) return "";
    CHECK(opened.error().kind == Error::Kind::input);
    return opened.error().message;
  }

 private:
  TemporaryDirectory directory_;
  input::TensorFile file_;
  std::vector<std::unique_ptr<std::vector<std::byte>>> own_;
  Json config_;
};

inline void check_says(const std::string& message, std::initializer_list<std::string_view> parts) {
  INFO("message: " << message);
  CHECK_FALSE(message.empty());
  for (const auto part : parts) {
    INFO("expected: " << part);
    CHECK(message.find(part) != std::string::npos);
  }
}

}  // namespace pastonly::checkpoint
