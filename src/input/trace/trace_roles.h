#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "input/tensor/safetensors.h"
#include "input/trace/trace_file.h"

namespace pastonly::input {

/// What an array of a layer means.
enum class Kind { logits, scores, mask, experts, gates, bias };
inline constexpr std::size_t kinds = 6;
std::string_view name(Kind kind) noexcept;

/// An array of one layer before the batch's shape is known: `lead` is (B, S) or the flattened (T).
struct LayerArray {
  std::string name;  ///< for messages
  DType type = DType::f32;
  std::vector<std::size_t> lead;
  std::size_t columns = 0;
  std::size_t token_stride = 0;  ///< bytes from token to token
  const std::byte* data = nullptr;
};

/// Which array of a file plays which part.
struct TraceRoles {
  const Tensor* tokens = nullptr;
  const Tensor* valid = nullptr;
  const Tensor* log_probs = nullptr;
  std::optional<LayerArray> predictions;
  std::map<std::string, const Tensor*> tags;  ///< by the name after "tags."
  std::map<std::uint32_t, std::array<std::optional<LayerArray>, kinds>> layers;
  std::vector<std::string> unknown;  ///< names under which nothing is known
  std::string reading;               ///< how a foreign file was understood; "" where it says so itself
};

/// A name of pastonly.trace/1: "tokens", "layers.3.mask", ... false where it is none.
bool native_name(std::string_view name) noexcept;
/// Does the map name this array? {layer} stands for a number.
bool mapped_name(const TraceOptions& options, std::string_view name);

/// Assigns parts: by --map where given, else by the names of pastonly.trace/1, else as one of the
/// foreign formats. Where none fits, the error lists the arrays and says which flag to give.
Expected<TraceRoles> assign_roles(const TensorFile& file, const TraceOptions& options);

}  // namespace pastonly::input
