#include "checkpoint/scale_grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "checkpoint/tensor_finder.h"

namespace pastonly::checkpoint {
namespace {

using Shape = std::span<const std::size_t>;

std::size_t parts(std::size_t size, std::size_t block) { return (size + block - 1) / block; }

/// A grid without data; nullopt for a shape that is none, or that blocks of several declared sizes have.
std::optional<ScaleGrid> layout_of(Shape shape, bool of_experts,
                                   const std::vector<Quantisation::Block>& blocks, std::size_t outputs,
                                   std::size_t inputs) {
  const auto is = [&](std::initializer_list<std::size_t> other) { return std::ranges::equal(shape, other); };
  ScaleGrid out;
  out.block_inputs = inputs;
  if (std::ranges::all_of(shape, [](std::size_t size) { return size == 1; })) {
    out.block_outputs = outputs;
    return out;
  }
  if (is({outputs}) || is({outputs, 1})) return out;
  std::optional<ScaleGrid> found;
  for (const auto& block : blocks) {
    if (!is({parts(outputs, block.outputs), parts(inputs, block.inputs)})) continue;
    if (found && (found->block_outputs != block.outputs || found->block_inputs != block.inputs))
      return std::nullopt;
    found = ScaleGrid{nullptr, Encoding::f32, shape[1], block.outputs, block.inputs};
  }
  if (found) return found;
  if (of_experts && is({1, outputs})) return out;  // of experts that lie inputs first (Llama 4, fbgemm_fp8)
  if (shape.size() != 2 || shape[0] != outputs || shape[1] == 0 || inputs % shape[1] != 0)
    return std::nullopt;
  return ScaleGrid{nullptr, Encoding::f32, shape[1], 1, inputs / shape[1]};
}

std::string blocks_text(const std::vector<Quantisation::Block>& blocks) {
  std::string out;
  for (const auto& block : blocks)
    out += fmt::format(", one a block of {} x {}", block.outputs, block.inputs);
  return out;
}

std::vector<ScaleGrid> in_turn(const ScaleGrid& like, const StoredTensor& tensor, Encoding encoding,
                               std::size_t grids) {
  std::vector<ScaleGrid> out(grids, like);
  const std::size_t bytes = tensor.bytes.size() / grids;
  for (std::size_t i = 0; i < grids; ++i) {
    out[i].data = tensor.bytes.data() + i * bytes;
    out[i].encoding = encoding;
  }
  return out;
}

}  // namespace

std::vector<ScaleGrid> read_scales(TensorFinder& find, const std::string& name,
                                   std::optional<std::size_t> experts, std::size_t outputs,
                                   std::size_t inputs) {
  const StoredTensor* tensor = find.need(name);
  if (tensor == nullptr) return {};
  const auto encoding = scale_encoding_of(tensor->dtype);
  if (!encoding)
    return find.reject(*tensor, fmt::format("expected scales in F32, F16 or BF16, found {}", tensor->dtype)),
           std::vector<ScaleGrid>{};
  Shape shape(tensor->shape);
  const auto& blocks = find.quantisation().blocks;
  const bool whole = !experts || (!shape.empty() && shape[0] == *experts);
  if (experts && whole) shape = shape.subspan(1);
  const auto layout = whole ? layout_of(shape, experts.has_value(), blocks, outputs, inputs) : std::nullopt;
  if (!layout || outputs == 0 || inputs == 0) {
    find.reject(*tensor,
                fmt::format("expected scales of a matrix of {} x {}{}: one in all, one an output{}, "
                            "or one an output for equal parts of its inputs; found {}",
                            outputs, inputs, experts ? fmt::format(" of each of {} experts", *experts) : "",
                            blocks_text(blocks), shape_text(tensor->shape)));
    return {};
  }
  return in_turn(*layout, *tensor, *encoding, experts.value_or(1));
}

std::vector<ScaleGrid> read_zero_points(TensorFinder& find, const std::string& name,
                                        const std::string& scales, const std::vector<ScaleGrid>& like) {
  const StoredTensor* tensor = find.need(name);
  const StoredTensor* beside = find.weights().find(scales);
  if (tensor == nullptr || beside == nullptr || like.empty()) return {};
  if (tensor->dtype == "I8" && tensor->shape == beside->shape)
    return in_turn(like.front(), *tensor, Encoding::i8, like.size());
  find.reject(*tensor, fmt::format("expected zero points of type I8 and shape {} as the scales beside them, "
                                   "found {} {}",
                                   shape_text(beside->shape), tensor->dtype, shape_text(tensor->shape)));
  return {};
}

}  // namespace pastonly::checkpoint
