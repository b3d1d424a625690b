#include "checkpoint/rotary_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/elementary.h"

namespace pastonly::checkpoint {
namespace {

using Kind = RotaryDescription::Kind;

constexpr double largest_theta = 1e12, largest_factor = 1e6;

double mscale(double factor, double weight) {
  return factor <= 1.0 ? 1.0 : 0.1 * weight * kernels::log(factor) + 1.0;
}

std::string_view key_of(const input::ObjectReader& config) {
  return config.has("rope_scaling") ? "rope_scaling" : "rope_parameters";
}

std::string kind_of(input::ObjectReader& rope) {
  return rope.has("rope_type") ? rope.text("rope_type", std::nullopt)
                               : rope.text("type", std::string("default"));
}

std::size_t max_positions(input::ObjectReader& config) {
  return config.count("max_position_embeddings", 2048, 1, std::size_t{1} << 32);
}

void read_yarn(input::ObjectReader& config, input::ObjectReader& rope, RotaryDescription& out) {
  if (!rope.has("factor"))
    out.factor = static_cast<double>(max_positions(config)) / static_cast<double>(out.original_positions);
  out.beta_fast = rope.number("beta_fast", 32.0, 1e-6, 1e6);
  out.beta_slow = rope.number("beta_slow", 1.0, 1e-6, 1e6);
  out.truncate = rope.flag("truncate", true);
  const double own = rope.number("mscale", 0.0, 0.0, 1e3), all = rope.number("mscale_all_dim", 0.0, 0.0, 1e3);
  const double usual =
      own > 0.0 && all > 0.0 ? mscale(out.factor, own) / mscale(out.factor, all) : mscale(out.factor, 1.0);
  out.amplitude = rope.number("attention_factor", usual, 0.0, 1e3);
}

void read_longrope(input::ObjectReader& config, input::ObjectReader& rope, RotaryDescription& out) {
  out.short_factors = rope.numbers("short_factor");
  if (out.short_factors.size() != out.width / 2)
    rope.reject("short_factor", fmt::format("expected {} numbers, half the width of a head, found {}",
                                            out.width / 2, out.short_factors.size()));
  const double factor = rope.has("factor") ? rope.number("factor", std::nullopt, 1e-6, largest_factor)
                                           : static_cast<double>(max_positions(config)) /
                                                 static_cast<double>(out.original_positions);
  const double usual =
      factor <= 1.0
          ? 1.0
          : std::sqrt(1.0 + kernels::log(factor) / kernels::log(static_cast<double>(out.original_positions)));
  const double amplitude = rope.number("attention_factor", usual, 0.0, 1e3);
  out.short_amplitude = rope.number("short_mscale", amplitude, 0.0, 1e3);
  out.long_amplitude = rope.number("long_mscale", amplitude, 0.0, 1e3);
}

void read_kind(input::ObjectReader& config, input::ObjectReader& rope, const std::string& kind,
               RotaryDescription& out) {
  if (kind == "default") return;
  if (kind != "longrope" && kind != "su" && rope.has("factor"))
    out.factor = rope.number("factor", std::nullopt, 1e-6, largest_factor);
  const std::size_t original =
      config.count("original_max_position_embeddings", max_positions(config), 1, std::size_t{1} << 32);
  out.original_positions = rope.count("original_max_position_embeddings", original, 1, std::size_t{1} << 32);
  if (kind == "linear") {
    out.kind = Kind::linear;
  } else if (kind == "dynamic") {
    out.kind = Kind::dynamic;
    out.original_positions = max_positions(config);
  } else if (kind == "yarn") {
    out.kind = Kind::yarn;
    read_yarn(config, rope, out);
  } else if (kind == "longrope" || kind == "su") {
    out.kind = Kind::longrope;
    read_longrope(config, rope, out);
  } else if (kind == "llama3") {
    out.kind = Kind::llama3;
    out.low_frequency_factor = rope.number("low_freq_factor", std::nullopt, 1e-6, 1e6);
    out.high_frequency_factor = rope.number("high_freq_factor", std::nullopt, 1e-6, 1e6);
  } else {
    rope.reject("rope_type", fmt::format("'{}' is not known; expected default, linear, dynamic, yarn, "
                                         "longrope or llama3",
                                         kind.substr(0, 40)));
  }
}

/// A fixed stretch under the name of dynamic positions (HunYuan): theta alpha^(w / (w - 2)).
void stretch_by_alpha(input::ObjectReader& rope, RotaryDescription& out) {
  const double alpha = rope.number("alpha", std::nullopt, 1e-3, largest_factor);
  const auto width = static_cast<double>(out.width);
  if (out.width <= 2) return rope.reject("alpha", "expected heads wider than 2");
  out.kind = Kind::plain;
  out.theta *= kernels::pow(alpha, width / (width - 2.0));
}

void check_width(input::ObjectReader& config, const RotaryDescription& rotary) {
  if (rotary.width == 0 || rotary.width % 2 != 0)
    config.reject("head_dim", fmt::format("rotary positions need an even width, found {}", rotary.width));
}

}  // namespace

RotaryDescription read_rotary(input::ObjectReader& config, std::size_t width,
                              const RotaryDescription& fallback, std::optional<double> part, bool by_alpha) {
  const auto key = key_of(config);
  RotaryDescription out = config.has(key) ? RotaryDescription{} : fallback;
  input::ObjectReader rope = config.object(key);
  rope.pass_over({"mrope_section", "mrope_interleaved"});  // text stands at the same place on every axis
  const double theta = config.number("rope_theta", fallback.theta, 1.0, largest_theta);
  out.theta = rope.number("rope_theta", theta, 1.0, largest_theta);
  const double usual = part ? config.number("partial_rotary_factor", *part, 0.0, 1.0) : 1.0;
  const double turning = rope.number("partial_rotary_factor", usual, 0.0, 1.0);
  if (!part && turning != 1.0)
    rope.reject("partial_rotary_factor", "this family does not support partial rotary embeddings");
  out.width = static_cast<std::size_t>(turning * static_cast<double>(width));
  read_kind(config, rope, kind_of(rope), out);
  if (by_alpha && out.kind == Kind::dynamic && rope.has("alpha")) stretch_by_alpha(rope, out);
  config.adopt(rope);
  check_width(config, out);
  return out;
}

RotaryDescription read_rotary_of(input::ObjectReader& config, std::string_view key, std::size_t width,
                                 const RotaryDescription& fallback) {
  RotaryDescription out = fallback;
  out.width = width;
  out.turning_pairs = std::min(fallback.turning_pairs, width / 2);
  if (config.has("rope_parameters")) {
    input::ObjectReader all = config.object("rope_parameters"), rope = all.object(key);
    if (!all.has(key)) all.reject(key, "expected the positions of these layers");
    out = {};
    out.width = width;
    out.theta = rope.number("rope_theta", fallback.theta, 1.0, largest_theta);
    if (const std::string kind = kind_of(rope); kind == "proportional") {
      out.kind = Kind::proportional;
      out.factor = rope.number("factor", 1.0, 1e-6, largest_factor);
      const double part = rope.number("partial_rotary_factor", 1.0, 0.0, 1.0);
      out.turning_pairs = static_cast<std::size_t>(std::floor(part * static_cast<double>(width) / 2.0));
    } else {
      rope.pass_over({"partial_rotary_factor"});
      read_kind(config, rope, kind, out);
    }
    all.adopt(rope);
    for (const std::string_view kind : {"full_attention", "sliding_attention"}) all.pass_over({kind});
    config.adopt(all);
  }
  check_width(config, out);
  return out;
}

double yarn_scale(input::ObjectReader& config) {
  const auto key = key_of(config);
  if (!config.has(key)) return 1.0;
  input::ObjectReader rope = config.object(key);
  if (kind_of(rope) == "default") return 1.0;
  const double all = rope.number("mscale_all_dim", 0.0, 0.0, 1e3);
  const double factor = rope.number("factor", 1.0, 1e-6, largest_factor);
  const double scale = all > 0.0 ? mscale(factor, all) : 1.0;
  return scale * scale;
}

}  // namespace pastonly::checkpoint
