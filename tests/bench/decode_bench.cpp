// How fast one thread decodes matrices to float32, tile by tile as products do.
//   decode_bench DIRECTORY OUTPUTS INPUTS
// The directory's model.safetensors holds NAME.weight of that shape, in any way that checkpoints keep them
// (decode_formats.py). Prints the best of seven turns for each: GB of float32 a second.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <set>
#include <string>

#include "checkpoint/tensor_finder.h"

namespace {

std::size_t number(const char* text) {
  std::size_t value = 0;
  std::from_chars(text, text + std::char_traits<char>::length(text), value);
  return value;
}

double seconds_of(const pastonly::checkpoint::StoredMatrix& matrix) {
  using namespace pastonly::checkpoint;
  TileScratch scratch;
  const std::size_t step = tile_outputs(matrix);
  double best = 1e9;
  for (int turn = 0; turn < 7; ++turn) {
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t first = 0; first < matrix.outputs; first += step)
      tile(matrix, first, std::min(step, matrix.outputs - first), scratch);
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace pastonly::checkpoint;
  if (argc != 4) return fmt::print(stderr, "usage: decode_bench DIRECTORY OUTPUTS INPUTS\n"), 4;
  const auto weights = Weights::open(argv[1]);
  if (!weights) return fmt::print(stderr, "{}\n", weights.error().message), 2;
  std::set<std::string> names;
  for (const auto& [name, tensor] : weights->tensors()) names.insert(name.substr(0, name.find('.')));
  const Quantisation quantisation{.bits = 4};
  for (const std::string& name : names) {
    TensorFinder find(*weights, quantisation);
    const StoredMatrix matrix = find.matrix(name + ".weight", number(argv[2]), number(argv[3]));
    if (find.failed()) return fmt::print(stderr, "{}\n", find.error()), 2;
    const double bytes = 4.0 * static_cast<double>(matrix.outputs) * static_cast<double>(matrix.inputs);
    fmt::print("{:24} {:6.2f} GB/s\n", name, bytes / seconds_of(matrix) / 1e9);
  }
}
