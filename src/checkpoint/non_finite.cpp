#include "checkpoint/non_finite.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "checkpoint/tensor_finder.h"
#include "input/text/printable.h"
#include "stats/parallel.h"

namespace pastonly::checkpoint {
namespace {

/// The matrices of a tensor with the scales beside it. None, or none with data, where it holds no weights of
/// its own: integers, scales of others.
std::vector<StoredMatrix> matrices_of(TensorFinder& find, const StoredTensor& tensor) {
  constexpr std::string_view packed = "_blocks";
  const auto& shape = tensor.shape;
  if (shape.size() == 4 && tensor.name.ends_with(packed))
    return find.stack(tensor.name.substr(0, tensor.name.size() - packed.size()), shape[0], shape[1],
                      shape[2] * 32, false);
  if (shape.size() == 3) return find.stack(tensor.name, shape[0], shape[1], shape[2], false);
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

constexpr float nothing = 1e-30F;  // scales of 0 stand for 2^-127

/// `zero`: of the tensor's matrices, how many hold nothing above that.
std::string bad_number(TensorFinder& find, const StoredTensor& tensor, std::size_t& matrices,
                       std::size_t& zero) {
  if (tensor.bytes.empty()) return "";
  if (tensor.shape.size() == 1) return bad_number(find.vector(tensor.name, tensor.shape[0]), 0);
  std::size_t at = 0;
  for (const StoredMatrix& matrix : matrices_of(find, tensor)) {
    std::vector<float> row(matrix.inputs);
    bool all_zero = matrix.data != nullptr;
    for (std::size_t i = 0; i < matrix.outputs && matrix.data != nullptr; ++i, at += row.size()) {
      read_row(matrix, i, row.data());
      if (auto found = bad_number(row, at); !found.empty()) return found;
      all_zero = all_zero && std::ranges::all_of(row, [](float x) { return std::abs(x) < nothing; });
    }
    ++matrices;
    zero += all_zero ? 1 : 0;
  }
  return "";
}

struct Looked {
  std::string bad = {};   ///< "file: tensor 'x' holds nan at element 17", "" where all is finite
  std::string zero = {};  ///< "holds nothing but zeros in 'x' ...", "" where every matrix holds something
};

Looked look_at(const Weights& weights, const StoredTensor& tensor) {
  TensorFinder find(weights);
  std::size_t matrices = 0, zero = 0;
  const std::string bad = bad_number(find, tensor, matrices, zero);
  const std::string names = fmt::format("{}", fmt::join(find.taken(), "' times '"));
  Looked out;
  if (!bad.empty()) out.bad = fmt::format("{}: tensor '{}' holds {}", tensor.file, names, bad);
  if (zero > 0 && !tensor.name.ends_with("bias"))
    out.zero = fmt::format("holds nothing but zeros in '{}'{}", names,
                           matrices > 1 ? fmt::format(", in {} of {} matrices", zero, matrices) : "");
  return out;
}

}  // namespace

Expected<std::vector<std::string>> check_weights(const Weights& weights) {
  std::vector<const StoredTensor*> tensors;
  for (const auto& [name, tensor] : weights.tensors()) tensors.push_back(&tensor);
  std::vector<Looked> found(tensors.size());
  stats::parallel_for(tensors.size(), [&](std::size_t i) { found[i] = look_at(weights, *tensors[i]); });
  std::vector<std::string> zeros;
  for (Looked& one : found) {
    if (!one.bad.empty()) return input_error(input::printable(one.bad + "; the checkpoint cannot be run"));
    if (!one.zero.empty()) zeros.push_back(std::move(one.zero));
  }
  return zeros;
}

std::string find_non_finite(const Weights& weights, std::string_view prefix) {
  for (auto at = weights.tensors().lower_bound(prefix); at != weights.tensors().end(); ++at) {
    const StoredTensor& tensor = at->second;
    if (!tensor.name.starts_with(prefix)) break;
    if (Looked looked = look_at(weights, tensor); !looked.bad.empty()) return std::move(looked.bad);
  }
  return "";
}

}  // namespace pastonly::checkpoint
