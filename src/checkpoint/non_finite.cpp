#include "checkpoint/non_finite.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "checkpoint/tensor_finder.h"
#include "input/text/printable.h"
#include "stats/parallel.h"

namespace pastonly::checkpoint {
namespace {

/// Whether the matrices of a tensor lie inputs first, by the scales of their outputs.
bool is_turned(const TensorFinder& find, const StoredTensor& tensor) {
  const StoredTensor* scales = find.weights().find(tensor.name + "_scale");
  if (scales == nullptr || scales->shape.size() != 3 || tensor.shape[1] == tensor.shape[2]) return false;
  const std::size_t outputs = tensor.shape[2];
  return (scales->shape[1] == 1 && scales->shape[2] == outputs) ||
         (scales->shape[1] == outputs && scales->shape[2] == 1);
}

bool is_scale(const std::string& name) {
  return name.ends_with("_scale") || name.ends_with("_scale_inv") || name.ends_with(".scales");
}

/// The matrices of a tensor with what belongs to it. None, or none with data, where it holds no weights of
/// its own: integers, scales of others.
std::vector<StoredMatrix> matrices_of(TensorFinder& find, const StoredTensor& tensor) {
  if (const auto led = led_matrix(find, tensor)) {
    if (led->experts) return find.stack(led->name, *led->experts, led->outputs, led->inputs, false);
    return {find.matrix(led->name, led->outputs, led->inputs)};
  }
  const auto& shape = tensor.shape;
  if (shape.size() == 3)
    return find.stack(tensor.name, shape[0], is_turned(find, tensor) ? shape[2] : shape[1],
                      is_turned(find, tensor) ? shape[1] : shape[2], is_turned(find, tensor));
  if (shape.size() == 2) return {find.matrix(tensor.name, shape[0], shape[1])};
  return {};
}

/// What is wrong with a run of numbers whose first is element `at`; "" for nothing.
std::string bad_number(const std::vector<float>& values, std::size_t at) {
  const auto bad = std::ranges::find_if(values, [](float value) { return !std::isfinite(value); });
  return bad == values.end()
             ? ""
             : fmt::format("{} at element {}", *bad, at + static_cast<std::size_t>(bad - values.begin()));
}

/// The first one of a tile whose first output is `first`, by its place among (outputs, inputs).
std::string bad_number(const StoredMatrix& matrix, kernels::Block<const float> values, std::size_t before,
                       std::size_t first) {
  for (std::size_t row = 0; row < values.rows; ++row) {
    const float* end = values.row(row) + values.columns;
    const float* bad = std::find_if(values.row(row), end, [](float value) { return !std::isfinite(value); });
    if (bad == end) continue;
    const auto column = static_cast<std::size_t>(bad - values.row(row));
    const std::size_t output = first + (matrix.inputs_first ? column : row);
    return fmt::format("{} at element {}", *bad,
                       before + output * matrix.inputs + (matrix.inputs_first ? row : column));
  }
  return "";
}

constexpr float nothing = 1e-30F;  // scales of 0 stand for 2^-127

/// `zero`: of the tensor's matrices, how many hold nothing above that.
std::string bad_number(TensorFinder& find, const StoredTensor& tensor, std::size_t& matrices,
                       std::size_t& zero) {
  if (tensor.bytes.empty()) return "";
  if (tensor.shape.size() == 1) return bad_number(find.vector(tensor.name, tensor.shape[0]), 0);
  TileScratch scratch;
  std::size_t before = 0;  // elements of the matrices before this one
  for (const StoredMatrix& matrix : matrices_of(find, tensor)) {
    bool all_zero = matrix.data != nullptr;
    const std::size_t step = tile_outputs(matrix);
    for (std::size_t first = 0; first < matrix.outputs && matrix.data != nullptr; first += step) {
      const auto values = tile(matrix, first, std::min(step, matrix.outputs - first), scratch);
      if (auto found = bad_number(matrix, values, before, first); !found.empty()) return found;
      for (std::size_t row = 0; row < values.rows; ++row)
        all_zero = all_zero && std::all_of(values.row(row), values.row(row) + values.columns,
                                           [](float x) { return std::abs(x) < nothing; });
    }
    before += matrix.outputs * matrix.inputs;
    ++matrices;
    zero += all_zero ? 1 : 0;
  }
  return "";
}

/// A tensor and those taken beside it that scale its numbers: "x' times 'x_scale".
std::string names_of(const TensorFinder& find, const StoredTensor& tensor) {
  std::string out = tensor.name;
  for (const std::string& name : find.taken()) {
    const auto holds = [&](std::string_view part) { return name.find(part) != std::string::npos; };
    const std::string last = name.substr(name.rfind('.') + 1);
    const bool scales = is_scale(name) || name.ends_with("_scales") || last == "SCB" || last == "absmax" ||
                        last == "quant_map" || last == "nested_absmax";
    if (scales && name != tensor.name && !holds("input_") && !holds("activation_") && !holds("output_scale"))
      out += fmt::format("' times '{}", name);
  }
  return out;
}

struct Looked {
  std::string bad = {};   ///< "file: tensor 'x' holds nan at element 17", "" where all is finite
  std::string zero = {};  ///< "holds nothing but zeros in 'x' ...", "" where every matrix holds something
};

Looked look_at(const Weights& weights, const Quantisation& quantisation, const StoredTensor& tensor) {
  TensorFinder find(weights, quantisation);
  std::size_t matrices = 0, zero = 0;
  const std::string bad = bad_number(find, tensor, matrices, zero);
  const std::string names = names_of(find, tensor);
  Looked out;
  if (!bad.empty()) out.bad = fmt::format("{}: tensor '{}' holds {}", tensor.file, names, bad);
  if (zero > 0 && !tensor.name.ends_with("bias") && !is_scale(tensor.name))
    out.zero = fmt::format("holds nothing but zeros in '{}'{}", names,
                           matrices > 1 ? fmt::format(", in {} of {} matrices", zero, matrices) : "");
  return out;
}

}  // namespace

Expected<std::vector<std::string>> check_weights(const Weights& weights, const Quantisation& quantisation) {
  std::vector<const StoredTensor*> tensors;
  for (const auto& [name, tensor] : weights.tensors()) tensors.push_back(&tensor);
  std::vector<Looked> found(tensors.size());
  stats::parallel_for(tensors.size(),
                      [&](std::size_t i) { found[i] = look_at(weights, quantisation, *tensors[i]); });
  std::vector<std::string> zeros;
  for (Looked& one : found) {
    if (!one.bad.empty()) return input_error(input::printable(one.bad + "; the checkpoint cannot be run"));
    if (!one.zero.empty()) zeros.push_back(std::move(one.zero));
  }
  return zeros;
}

std::string find_non_finite(const Weights& weights, const Quantisation& quantisation,
                            std::string_view prefix) {
  for (auto at = weights.tensors().lower_bound(prefix); at != weights.tensors().end(); ++at) {
    const StoredTensor& tensor = at->second;
    if (!tensor.name.starts_with(prefix)) break;
    if (Looked looked = look_at(weights, quantisation, tensor); !looked.bad.empty())
      return std::move(looked.bad);
  }
  return "";
}

}  // namespace pastonly::checkpoint
