#include "checkpoint/gguf_rotary.h"

#include <fmt/format.h>

#include <cmath>

#include "kernels/elementary.h"

namespace pastonly::checkpoint {
namespace {

using input::Json;

constexpr double largest_stretch = 1e6;
constexpr std::size_t most_context = std::size_t{1} << 32;

/// llama.cpp takes its own values whatever these keys say, and the converter writes the model's: where the
/// two differ, nobody knows which is meant.
void expect_value(GgufKeys& keys, std::string_view key, double value) {
  const double said = keys.number(key, value, -1e6, 1e6);
  if (std::abs(said - value) > 1e-5 * std::abs(value))
    keys.reject(key, fmt::format("is {:g}, and llama.cpp computes with {:g} whatever it says: not supported",
                                 said, value));
}

/// Source: the constructor of llama_context in llama.cpp, and ggml_rope_yarn_corr_dims, which always
/// truncates.
void read_gguf_yarn(GgufKeys& keys, double factor, bool latent, Json& rope) {
  rope["rope_type"] = "yarn";
  rope["factor"] = factor;
  rope["original_max_position_embeddings"] =
      keys.count("rope.scaling.original_context_length",
                 keys.count("context_length", std::nullopt, 1, most_context), 1, most_context);
  const double usual = factor <= 1.0 ? 1.0 : 0.1 * kernels::log(factor) + 1.0;
  expect_value(keys, "rope.scaling.yarn_ext_factor", 1.0);
  expect_value(keys, "rope.scaling.yarn_attn_factor", usual);
  expect_value(keys, "rope.scaling.yarn_beta_fast", 32.0);
  expect_value(keys, "rope.scaling.yarn_beta_slow", 1.0);
  const double more = keys.number("rope.scaling.attn_factor", 1.0, 0.0, 1e3);
  if (!latent) {
    rope["attention_factor"] = usual * more;
    return;
  }
  if (more != 1.0) keys.reject("rope.scaling.attn_factor", "expected 1 beside latent attention");
  // The converter writes a tenth of mscale_all_dim, and llama.cpp takes mscale for the same.
  const double all = keys.number("rope.scaling.yarn_log_multiplier", std::nullopt, 1e-6, 100.0) / 0.1;
  rope["mscale"] = rope["mscale_all_dim"] = all;
}

}  // namespace

Json rope_of(GgufKeys& keys, bool latent) {
  Json rope{{"rope_type", "default"}, {"rope_theta", keys.number("rope.freq_base", 10000.0, 1.0, 1e12)}};
  const std::string kind = keys.text("rope.scaling.type", "linear");
  const double old = keys.number("rope.scale_linear", 0.0, 0.0, largest_stretch);
  double factor = keys.number("rope.scaling.factor", old, 0.0, largest_stretch);
  if (factor == 0.0) factor = 1.0;
  keys.refuse("rope.dimension_sections", "positions of several kinds are not supported");
  keys.refuse("rope.freq_base_swa", "another base in windows is not supported");
  if (kind == "yarn") {
    read_gguf_yarn(keys, factor, latent, rope);
  } else if (kind == "linear" || kind == "none") {
    expect_value(keys, "rope.scaling.attn_factor", 1.0);
    if (kind == "linear" && factor != 1.0) {
      rope["rope_type"] = "linear";
      rope["factor"] = factor;
    }
  } else {
    keys.reject("rope.scaling.type",
                fmt::format("'{}' is not supported; expected none, linear or yarn", kind.substr(0, 40)));
  }
  const auto factors = keys.numbers_of("rope_freqs.weight");
  if (factors.empty()) return rope;
  // Llama 3's positions: every wavelength has a factor of its own, which longrope says in the same way.
  if (rope["rope_type"] != "default")
    keys.reject("rope.scaling.type", "expected none beside the tensor rope_freqs.weight");
  rope["rope_type"] = "longrope";
  rope["short_factor"] = rope["long_factor"] = factors;
  rope["factor"] = rope["attention_factor"] = 1.0;
  return rope;
}

}  // namespace pastonly::checkpoint
