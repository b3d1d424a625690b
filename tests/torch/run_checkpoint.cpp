// Runs Hugging Face checkpoints and GGUF files and writes what the comparisons beside this file read:
//   run_checkpoint (DIRECTORY|MODEL.gguf)...
// Each directory holds the checkpoint and input.safetensors with tokens (rows, positions) and, where some are
// padding, valid (rows, positions) of U8; it receives
// output.safetensors: logits (tokens, vocab), and of every layer with a router layers.L.{logits, gates,
// mask}, (tokens, experts).
#include <fmt/format.h>

#include <cstring>

#include "checkpoint/checkpoint.h"
#include "input/tensor/safetensors.h"

namespace pastonly::checkpoint {
namespace {

using input::Tensor;

template <class T>
std::span<const std::byte> bytes_of(const T* values, std::size_t count) {
  return std::as_bytes(std::span(values, count));
}

Expected<void> run_one(const std::filesystem::path& checkpoint) {
  const bool whole = std::filesystem::is_directory(checkpoint);
  const std::filesystem::path directory = whole ? checkpoint : checkpoint.parent_path();
  const auto opened = Checkpoint::open(checkpoint);
  if (!opened) return tl::unexpected(opened.error());
  const auto file = input::read_safetensors(directory / "input.safetensors");
  if (!file) return tl::unexpected(file.error());
  const Tensor* given = file->find("tokens");
  if (given == nullptr || given->shape.size() != 2 || given->type != DType::i64)
    return input_error("input.safetensors: expected tokens (rows, positions) of I64");
  std::vector<std::int64_t> tokens(given->bytes.size() / sizeof(std::int64_t));
  std::memcpy(tokens.data(), given->bytes.data(), given->bytes.size());
  const Layout layout{given->shape[0], given->shape[1]};
  std::vector<std::uint8_t> valid;
  if (const Tensor* mask = file->find("valid"); mask != nullptr) {
    valid.resize(mask->bytes.size());
    std::memcpy(valid.data(), mask->bytes.data(), valid.size());
  }
  InferenceWorkspace workspace;
  kernels::Matrix<float> logits;
  PassExtras extras;
  extras.logits = &logits;
  const auto data = opened->observe({layout, tokens, valid}, {.mode = Mode::eval}, workspace, &extras);
  if (!data) return tl::unexpected(data.error());
  std::vector<Tensor> out{{"logits",
                           DType::f32,
                           {logits.rows(), logits.columns()},
                           bytes_of(logits.row(0), logits.rows() * logits.columns())}};
  for (const TraceData::Layer& layer : data->layers) {
    const std::string name = fmt::format("layers.{}.", static_cast<std::uint32_t>(layer.index));
    const std::vector<std::size_t> shape{layer.mask.tokens(), layer.mask.experts()};
    out.push_back({name + "logits", DType::f32, shape, bytes_of(layer.logits.data(), layer.logits.size())});
    out.push_back({name + "gates", DType::f32, shape, bytes_of(layer.gates.data(), layer.gates.size())});
    out.push_back(
        {name + "mask", DType::u8, shape, bytes_of(layer.mask.view().data(), layer.mask.view().size())});
  }
  return input::write_safetensors(directory / "output.safetensors", {}, out);
}

}  // namespace
}  // namespace pastonly::checkpoint

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (const auto done = pastonly::checkpoint::run_one(argv[i]); !done)
      return fmt::print(stderr, "{}\n", done.error().message), 2;
  }
  return argc > 1 ? 0 : 4;
}
