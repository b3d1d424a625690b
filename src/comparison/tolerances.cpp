#include "comparison/tolerances.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace pastonly::comparison {
namespace {

constexpr double fine_share = 1e-5;    // F32, F64: what kernel shapes move is below 1e-6 in one layer
constexpr double coarse_share = 1e-2;  // BF16, F16
constexpr double fine_gross = 1e-3, coarse_gross = 0.1;
constexpr std::size_t most_tokens = 4096;

bool coarse(DType type) { return type == DType::bf16 || type == DType::f16; }

double median(std::vector<double>& values) {
  if (values.empty()) return 0.0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Valid tokens, evenly spread.
std::vector<std::size_t> sample(const Trace& base) {
  std::vector<std::size_t> valid, out;
  for (std::size_t token = 0; token < base.layout.tokens(); ++token) {
    if (base.is_valid(token)) valid.push_back(token);
  }
  const std::size_t count = std::min(valid.size(), most_tokens);
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) out.push_back(valid[i * valid.size() / count]);
  return out;
}

/// What the sampled tokens of a layer say.
struct LayerSample {
  double scores = 0.0, gates = 0.0;  ///< magnitudes
  bool on_bf16_grid = true;          ///< no score needs more than bfloat16's bits
  double step = 0.0;                 ///< of the grid on which scores lie, 0 where they lie on none
};

std::size_t experts_per_token(const LayerRecord& layer, const std::vector<std::size_t>& tokens) {
  std::vector<std::uint8_t> mask(layer.experts);
  std::size_t routes = 0;
  for (const std::size_t token : tokens) {
    read_mask(layer, token, 1, mask);
    routes += static_cast<std::size_t>(std::count(mask.begin(), mask.end(), 1));
  }
  const std::size_t mean = tokens.empty() ? 1 : (routes + tokens.size() / 2) / tokens.size();
  return std::clamp<std::size_t>(mean, 1, std::max<std::size_t>(1, layer.experts));
}

constexpr std::size_t grid_values = 65'536, fewest_grid_values = 512;

/// The least distance between two scores, where most values come again: then they are quantised, and noise
/// of any size may move one by a step.
double step_of(std::vector<float> values) {
  if (values.size() < fewest_grid_values) return 0.0;
  const std::size_t all = values.size();
  std::ranges::sort(values);
  values.erase(std::unique(values.begin(), values.end()), values.end());
  if (2 * values.size() > all) return 0.0;
  double step = std::numeric_limits<double>::infinity();
  for (std::size_t i = 1; i < values.size(); ++i)
    step = std::min(step, double{values[i]} - double{values[i - 1]});
  return std::isfinite(step) ? step : 0.0;
}

LayerSample look_at(const LayerRecord& layer, const std::vector<std::size_t>& tokens) {
  LayerSample out;
  const std::size_t k = experts_per_token(layer, tokens);
  std::vector<double> scores, gates;
  std::vector<float> scratch, row, values;
  for (const std::size_t token : tokens) {
    if (const TokenTensor* ranking = layer.ranking()) {
      row.clear();
      for (const float x : read_floats(*ranking, token, 1, scratch).row(0)) {
        if (!std::isfinite(x)) continue;
        row.push_back(x);
        out.on_bf16_grid = out.on_bf16_grid && (std::bit_cast<std::uint32_t>(x) & 0xffffU) == 0;
      }
      if (values.size() < grid_values) values.insert(values.end(), row.begin(), row.end());
      if (row.size() < k) continue;
      std::nth_element(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(k - 1), row.end(),
                       std::greater<>());
      const double kth = row[k - 1];
      const double best = *std::max_element(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(k));
      scores.push_back(std::max(std::abs(best), std::abs(kth)));
    }
    if (!layer.gates) continue;
    row.resize(layer.experts);
    read_gates(layer, token, 1, row);
    double largest = 0.0;
    for (const float x : row) {
      if (std::isfinite(x)) largest = std::max(largest, std::abs(double{x}));
    }
    if (largest > 0.0) gates.push_back(largest);
  }
  out.scores = median(scores);
  out.gates = median(gates);
  out.step = step_of(std::move(values));
  return out;
}

Tolerances make(const Trace& base, double fine) {
  Tolerances out;
  const auto tokens = sample(base);
  const bool stated_coarse = base.compute && coarse(*base.compute);
  double coarsest = stated_coarse ? coarse_share : fine;
  for (const LayerRecord& layer : base.layers) {
    const LayerSample found = look_at(layer, tokens);
    const TokenTensor* ranking = layer.ranking();
    const bool gridded = !base.compute && ranking != nullptr && found.on_bf16_grid;
    const auto share = [&](const TokenTensor& tensor) {
      return coarse(tensor.type) || stated_coarse || gridded ? coarse_share : fine;
    };
    Tolerance& tolerance = out.layers.emplace_back();
    if (ranking != nullptr) {
      tolerance.scores = share(*ranking) * found.scores;
      if (found.step <= coarse_share * found.scores)
        tolerance.scores = std::max(tolerance.scores, 1.01 * found.step);
      coarsest = std::max(coarsest, share(*ranking));
    }
    if (layer.gates) tolerance.gates = share(*layer.gates) * found.gates;
  }
  std::vector<double> log_probs;
  for (const std::size_t token : tokens) {
    if (token < base.log_probs.size() && std::isfinite(base.log_probs[token]))
      log_probs.push_back(std::abs(base.log_probs[token]));
  }
  out.gross = coarsest == coarse_share ? coarse_gross / coarse_share : fine_gross / fine_share;
  out.log_probs = coarsest * std::max(1.0, median(log_probs));
  return out;
}

}  // namespace

bool says_16_bits(const Trace& base) {
  if (base.compute) return coarse(*base.compute);
  return std::ranges::any_of(base.layers, [](const LayerRecord& layer) {
    return layer.ranking() != nullptr && coarse(layer.ranking()->type);
  });
}

Tolerances tolerances_of(const Trace& base) { return make(base, fine_share); }
Tolerances cautious_tolerances_of(const Trace& base) {
  return make(base, base.compute && !coarse(*base.compute) ? fine_share : coarse_share);
}

}  // namespace pastonly::comparison
