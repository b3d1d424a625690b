#pragma once

#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/layer_weights.h"

namespace pastonly::checkpoint {

/// Looks tensors up by name and shape, keeps the first thing wrong and what has been asked for.
class TensorFinder {
 public:
  explicit TensorFinder(const Weights& weights) : weights_(weights) {}

  bool has(const std::string& name) const { return weights_.find(name) != nullptr; }
  /// Of this shape; nullptr and an error where it is not there.
  const StoredTensor* take(const std::string& name, std::initializer_list<std::size_t> shape);
  /// Marks a tensor as known without reading it.
  void skip(const std::string& name) { taken_.insert(name); }

  std::vector<float> vector(const std::string& name, std::size_t size);
  /// (outputs, inputs) weights with a bias beside them where `bias`: NAME.weight and NAME.bias.
  Linear linear(const std::string& name, std::size_t outputs, std::size_t inputs, bool bias);
  /// A matrix by its tensor's whole name, with block scales where it is E4M3.
  StoredMatrix matrix(const std::string& name, std::size_t outputs, std::size_t inputs);
  /// The parts of a tensor that holds the matrices of all experts, line by line as told.
  std::vector<StoredMatrix> stack(const std::string& name, std::size_t experts, std::size_t outputs,
                                  std::size_t inputs, bool inputs_first);

  void reject(std::string_view message);
  bool failed() const noexcept { return !error_.empty(); }
  const std::string& error() const noexcept { return error_; }
  const std::set<std::string, std::less<>>& taken() const noexcept { return taken_; }
  const Weights& weights() const noexcept { return weights_; }

 private:
  void scale(const std::string& name, StoredMatrix& matrix);
  std::vector<StoredMatrix> packed_stack(const std::string& name, std::size_t experts, std::size_t outputs,
                                         std::size_t inputs);

  const Weights& weights_;
  std::set<std::string, std::less<>> taken_;
  std::string error_;
};

}  // namespace pastonly::checkpoint
