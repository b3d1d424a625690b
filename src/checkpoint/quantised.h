#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/stored_matrix.h"
#include "checkpoint/weights.h"

namespace pastonly::checkpoint {

class TensorFinder;

/// The matrix that a tensor leads, as the tensors themselves state it.
struct LedMatrix {
  std::string name;                    ///< of the weight, as below
  std::optional<std::size_t> experts;  ///< those of all experts in one tensor
  std::size_t outputs = 0, inputs = 0;
};

/// A way to keep a matrix in few bits in several tensors, found by those that are there. `name` is that of
/// the weight as a plain checkpoint would have it ("...q_proj.weight"; of fused experts
/// "...experts.gate_up_proj"). Readers take what belongs to it from the finder and reject what does not fit
/// (outputs, inputs); their result then has no data.
struct QuantisedFormat {
  /// Whether the tensors of such a matrix stand there.
  bool (*stands)(const Weights& weights, const std::string& name);
  StoredMatrix (*read)(TensorFinder& find, const std::string& name, std::size_t outputs, std::size_t inputs);
  /// All experts in one tensor, outputs first; nullptr where nobody writes that.
  std::vector<StoredMatrix> (*stack)(TensorFinder& find, const std::string& name, std::size_t experts,
                                     std::size_t outputs, std::size_t inputs);
  /// nullopt for a tensor that leads no such matrix.
  std::optional<LedMatrix> (*led)(const TensorFinder& find, const StoredTensor& tensor);
};

// One a file (quantised_*.cpp).
extern const QuantisedFormat gptq_format, awq_format, bitsandbytes_format, packed_integer_format, fp4_format,
    mxfp4_format, gguf_format;

/// That of a matrix; nullptr where it is kept as numbers under its own name, or not at all.
const QuantisedFormat* quantised_format(const Weights& weights, const std::string& name);
std::optional<LedMatrix> led_matrix(const TensorFinder& find, const StoredTensor& tensor);

/// Whether a tensor holds codes of 8 bits, F8_E4M3 or I8, with scales beside it: one in all, one an output,
/// or one a block (quantised_scaled.cpp).
bool is_scaled(const StoredTensor& tensor) noexcept;
std::vector<StoredMatrix> scaled(TensorFinder& find, const StoredTensor& codes,
                                 std::optional<std::size_t> experts, std::size_t outputs, std::size_t inputs,
                                 bool inputs_first);

/// "a.b" of "a.b.weight"; the name itself where it ends otherwise.
std::string module_of(const std::string& name);

}  // namespace pastonly::checkpoint
