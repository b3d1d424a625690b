#include "audits/shared/expert_responses.h"

#include <tbb/enumerable_thread_specific.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

#include "kernels/products.h"
#include "kernels/swiglu.h"
#include "routing/coupling.h"
#include "stats/parallel.h"

namespace pastonly::audits {
namespace {

using kernels::Block;
using kernels::Matrix;

constexpr std::size_t part_numbers = std::size_t{1} << 20;  // of a matrix at a time: 4 MiB

std::size_t part_of(std::size_t outputs, std::size_t inputs) {
  return std::clamp<std::size_t>(part_numbers / inputs / 32 * 32, 32, std::max<std::size_t>(32, outputs));
}

/// What a thread works with.
struct Scratch {
  std::vector<float> part;        // (outputs of a part, inputs)
  Matrix<float> gates, ups, act;  // (inputs of one expert, outputs of a part), but act (N, h)
  Matrix<float> outputs;
  std::vector<double> squares;  // (5, N)
};

/// What enters the experts: noisy proxies (N), tokens along the rows (N), and the shift of the norm (1).
struct Inputs {
  Matrix<float> rows;            // (2 N + 1, d)
  std::vector<double> per_unit;  // (N) |R_i| over the token's length
};

Inputs inputs_of(const SeenRouter& router, std::uint64_t seed) {
  const std::size_t n = router.layer.experts, width = router.layer.width;
  const auto noise = routing::coupling_noise<double>(router.rows.block(), seed);
  Inputs out;
  out.rows.resize(2 * n + 1, width);
  for (std::size_t i = 0; i < n; ++i) {
    const double* row = router.rows.row(i);
    double square = 0.0;
    for (std::size_t c = 0; c < width; ++c) square += row[c] * row[c];
    const double per_unit = std::sqrt(square / static_cast<double>(width));
    out.per_unit.push_back(per_unit);
    for (std::size_t c = 0; c < width; ++c) {
      const double gain = static_cast<double>(router.layer.gain[c]);
      out.rows.row(i)[c] = static_cast<float>(gain * row[c] * noise.row(i)[c]);
      out.rows.row(n + i)[c] = per_unit > 0.0 ? static_cast<float>(gain * row[c] / per_unit) : 0.0F;
    }
  }
  const auto& shift = router.layer.shift;
  std::fill(out.rows.row(2 * n), out.rows.row(2 * n) + width, 0.0F);
  std::copy(shift.begin(), shift.end(), out.rows.row(2 * n));
  return out;
}

class Layer {
 public:
  Layer(const Weights& weights, std::size_t position, const SeenRouter& router, std::uint64_t seed)
      : weights_(weights), position_(position), layer_(router.layer), inputs_(inputs_of(router, seed)) {
    for (auto* norms : {&out_.gate, &out_.noisy_gate, &out_.up, &out_.act, &out_.output})
      norms->resize(layer_.experts, layer_.experts);
  }

  void measure(std::size_t expert) {
    Scratch& s = scratch_.local();
    s.squares.assign(5 * layer_.experts, 0.0);
    enter(expert, s);
    leave(expert, s);
    const std::size_t n = layer_.experts;
    for (std::size_t i = 0; i < n; ++i) {
      const auto norm = [&](std::size_t kind) { return std::sqrt(s.squares[kind * n + i]); };
      out_.noisy_gate.row(i)[expert] = norm(0);
      out_.gate.row(i)[expert] = norm(1) * inputs_.per_unit[i];
      out_.up.row(i)[expert] = norm(2) * inputs_.per_unit[i];
      out_.act.row(i)[expert] = norm(3);
      out_.output.row(i)[expert] = norm(4);
    }
  }
  ExpertResponses take() { return std::move(out_); }

 private:
  void read(std::size_t expert, ExpertMatrix which, std::size_t first, std::size_t count, std::size_t inputs,
            Scratch& s) const {
    s.part.resize(count * inputs);
    weights_.read(position_, expert, which, first, count, s.part.data());
  }

  void add_squares(Block<const float> rows, std::size_t kind, Scratch& s) const {
    for (std::size_t i = 0; i < rows.rows; ++i) {
      double square = 0.0;
      for (std::size_t c = 0; c < rows.columns; ++c)
        square += static_cast<double>(rows(i, c)) * static_cast<double>(rows(i, c));
      s.squares[kind * layer_.experts + i] += square;
    }
  }

  /// tokens (N, count) += shift (count) + bias[first ...].
  static void add(Block<float> tokens, const float* shift, const std::vector<float>& bias,
                  std::size_t first) {
    for (std::size_t i = 0; i < tokens.rows; ++i) {
      for (std::size_t c = 0; c < tokens.columns; ++c) {
        if (shift != nullptr) tokens(i, c) += shift[c];
        if (!bias.empty()) tokens(i, c) += bias[first + c];
      }
    }
  }

  void enter(std::size_t expert, Scratch& s) const {
    const std::size_t n = layer_.experts, h = layer_.expert_width, d = layer_.width, part = part_of(h, d);
    const auto gate_bias = weights_.bias(position_, expert, ExpertMatrix::gate);
    const auto up_bias = weights_.bias(position_, expert, ExpertMatrix::up);
    const std::size_t shifts = layer_.shift.empty() ? 0 : 1;
    s.act.resize(n, h);
    for (std::size_t first = 0; first < h; first += part) {
      const std::size_t count = std::min(part, h - first);
      const auto shift = [&](Matrix<float>& values, std::size_t row) {
        return shifts > 0 ? values.row(row) : nullptr;
      };
      s.gates.resize(2 * n + 1, count);
      s.ups.resize(n + 1, count);
      read(expert, ExpertMatrix::gate, first, count, d, s);
      kernels::product_nt<float>(inputs_.rows.block(0, 2 * n + shifts), {s.part.data(), count, d},
                                 s.gates.block(0, 2 * n + shifts));
      read(expert, ExpertMatrix::up, first, count, d, s);
      kernels::product_nt<float>(inputs_.rows.block(n, n + shifts), {s.part.data(), count, d},
                                 s.ups.block(0, n + shifts));
      add_squares(s.gates.block(0, n), 0, s);
      add_squares(s.gates.block(n, n), 1, s);
      add_squares(s.ups.block(0, n), 2, s);
      add(s.gates.block(n, n), shift(s.gates, 2 * n), gate_bias, first);
      add(s.ups.block(0, n), shift(s.ups, n), up_bias, first);
      activate(s.gates.block(n, n), s.ups.block(0, n), s.act.block().column_range(first, count));
    }
    add_squares(s.act.block(), 3, s);
  }

  void activate(Block<const float> gates, Block<const float> ups, Block<float> act) const {
    const ExpertActivation& how = layer_.activation;
    if (!how.clamped) return kernels::swiglu<float>(gates, ups, nullptr, act);
    kernels::clamped_swiglu(gates, ups, static_cast<float>(how.alpha), static_cast<float>(how.limit), act);
  }

  void leave(std::size_t expert, Scratch& s) const {
    const std::size_t n = layer_.experts, h = layer_.expert_width, d = layer_.width, part = part_of(d, h);
    const auto bias = weights_.bias(position_, expert, ExpertMatrix::down);
    for (std::size_t first = 0; first < d; first += part) {
      const std::size_t count = std::min(part, d - first);
      read(expert, ExpertMatrix::down, first, count, h, s);
      s.outputs.resize(n, count);
      kernels::product_nt<float>(s.act.block(), {s.part.data(), count, h}, s.outputs.block());
      add(s.outputs.block(), nullptr, bias, first);
      add_squares(s.outputs.block(), 4, s);
    }
  }

  const Weights& weights_;
  std::size_t position_;
  const RoutedLayer& layer_;
  Inputs inputs_;
  ExpertResponses out_;
  tbb::enumerable_thread_specific<Scratch> scratch_;
};

}  // namespace

Expected<ExpertResponses> expert_responses(const Weights& weights, std::size_t position,
                                           const SeenRouter& router, std::uint64_t seed,
                                           const std::function<bool()>& stop,
                                           const std::function<void()>& done) {
  Layer layer(weights, position, router, seed);
  std::atomic<bool> stopped{false};
  stats::parallel_for(router.layer.experts, [&](std::size_t expert) {
    if (stopped || stop()) {
      stopped = true;
      return;
    }
    layer.measure(expert);
    done();
  });
  if (stopped) return tl::unexpected(Error{Error::Kind::interrupted, "interrupted"});
  return layer.take();
}

}  // namespace pastonly::audits
