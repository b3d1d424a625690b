#pragma once

#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/layer_weights.h"
#include "checkpoint/quantisation.h"
#include "checkpoint/quantised.h"

namespace pastonly::checkpoint {

/// Looks tensors up by name and shape, keeps the first thing wrong and what has been asked for.
class TensorFinder {
 public:
  explicit TensorFinder(const Weights& weights, const Quantisation& quantisation = {})
      : weights_(weights), quantisation_(quantisation) {}

  bool has(const std::string& name) const { return weights_.find(name) != nullptr; }
  /// Whether a matrix is there, or the matrices of all experts: as plain numbers or in few bits.
  bool has_matrix(const std::string& name) const {
    return has(name) || quantised_format(weights_, name) != nullptr;
  }
  /// Of this shape; nullptr and an error where it is not there.
  const StoredTensor* take(const std::string& name, std::initializer_list<std::size_t> shape);
  /// Of any shape; `look` gives nullptr where it is not there, `need` an error as well.
  const StoredTensor* look(const std::string& name);
  const StoredTensor* need(const std::string& name);
  /// Marks a tensor as known without reading it.
  void skip(const std::string& name) { taken_.insert(name); }

  std::vector<float> vector(const std::string& name, std::size_t size);
  /// (outputs, inputs) weights with a bias beside them where `bias`: NAME.weight and NAME.bias.
  Linear linear(const std::string& name, std::size_t outputs, std::size_t inputs, bool bias);
  /// A matrix by its tensor's whole name, as it would be in a plain checkpoint: of numbers, or of few bits in
  /// several tensors.
  StoredMatrix matrix(const std::string& name, std::size_t outputs, std::size_t inputs);
  /// The matrices of all experts, which stand in one tensor (or one set of them), line by line as told.
  std::vector<StoredMatrix> stack(const std::string& name, std::size_t experts, std::size_t outputs,
                                  std::size_t inputs, bool inputs_first);

  void reject(std::string_view message);
  void reject(const StoredTensor& tensor, std::string_view why);
  bool failed() const noexcept { return !error_.empty(); }
  const std::string& error() const noexcept { return error_; }
  const std::set<std::string, std::less<>>& taken() const noexcept { return taken_; }
  const Weights& weights() const noexcept { return weights_; }
  const Quantisation& quantisation() const noexcept { return quantisation_; }
  /// The first tensor found that scales activations for a server; "" = none.
  const std::string& activation_scale() const noexcept { return activation_scale_; }

 private:
  void pass_over_activations(const std::string& name);

  const Weights& weights_;
  Quantisation quantisation_;
  std::string activation_scale_;
  std::set<std::string, std::less<>> taken_;
  std::string error_;
};

}  // namespace pastonly::checkpoint
