#include <cmath>
#include <vector>

#include "catch.h"
#include "kernels/adamw.h"
#include "kernels/attention_weights.h"
#include "kernels/buffer.h"
#include "kernels/norm.h"
#include "kernels/rotary.h"
#include "kernels/swiglu.h"
#include "stats/random.h"
#include "unit/kernels/each_target.h"

// Gradients are compared with finite differences in tests/unit/model; here each kernel meets its formula in
// double, and its own bits under the other targets.

namespace pastonly::kernels {
namespace {

template <class Real>
Matrix<Real> drawn(std::size_t rows, std::size_t columns, std::uint64_t seed) {
  stats::CounterRng random(seed);
  Matrix<Real> out;
  out.resize(rows, columns);
  for (Real& value : out.buffer()) value = static_cast<Real>(random.normal());
  return out;
}
template <class T>
std::vector<T> values(const Matrix<T>& matrix) {
  return {matrix.buffer().begin(), matrix.buffer().end()};
}
double silu(double x) { return x / (1.0 + std::exp(-x)); }

constexpr std::size_t widths[] = {1, 8, 16, 24, 33, 64};

}  // namespace

TEST_CASE("norms", "[kernels]") {
  for (const std::size_t width : widths) {
    const auto x = drawn<float>(3, width, 1), other = drawn<float>(3, width, 2),
               gain = drawn<float>(1, width, 3);
    const auto run = [&] {
      Matrix<float> sum = drawn<float>(3, width, 1), y, dx;
      y.resize(3, width);
      dx.resize(3, width);
      std::vector<float> inverse(3), d_gain(width, 0.5F);
      add_and_norm<float>(other.block(), sum.block(), gain.row(0), 1e-5F, y.block(), inverse.data());
      rms_norm_backward<float>(other.block(), sum.block(), gain.row(0), inverse.data(), x.block(), dx.block(),
                               d_gain.data());
      Matrix<float> again;
      again.resize(3, width);
      rms_norm<float>(sum.block(), gain.row(0), 1e-5F, again.block(), inverse.data());
      CHECK(values(again) == values(y));
      for (std::size_t i = 0; i < 3; ++i) {
        double squares = 0.0;
        for (std::size_t j = 0; j < width; ++j)
          squares += std::pow(double{x.row(i)[j]} + double{other.row(i)[j]}, 2.0);
        const double factor = 1.0 / std::sqrt(squares / static_cast<double>(width) + 1e-5);
        for (std::size_t j = 0; j < width; ++j)
          REQUIRE(double{y.row(i)[j]} ==
                  Approx(double{gain.row(0)[j]} * (double{x.row(i)[j]} + double{other.row(i)[j]}) * factor)
                      .margin(1e-6));
      }
      auto all = values(y);
      all.insert(all.end(), dx.buffer().begin(), dx.buffer().end());
      all.insert(all.end(), d_gain.begin(), d_gain.end());
      std::vector<float> placed(width);
      place(x.row(0), 0.25F, 1.5F, gain.row(0), other.row(0), width, placed.data());
      for (std::size_t j = 0; j < width; ++j)
        REQUIRE(placed[j] == (x.row(0)[j] - 0.25F) * 1.5F * gain.row(0)[j] + other.row(0)[j]);
      return all;
    };
    check_same_bits(run);
  }
}

TEST_CASE("SwiGLU", "[kernels]") {
  for (const std::size_t width : widths) {
    const auto gates = drawn<float>(3, width, 1), ups = drawn<float>(3, width, 2),
               d = drawn<float>(3, width, 3);
    const float weights[] = {1.0F, 0.5F, -2.0F};
    check_same_bits([&] {
      Matrix<float> act, clamped;
      act.resize(3, width);
      clamped.resize(3, width);
      swiglu<float>(gates.block(), ups.block(), weights, act.block());
      clamped_swiglu(gates.block(), ups.block(), 1.702F, 0.75F, clamped.block());
      for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t j = 0; j < width; ++j) {
          const double gate = double{gates.row(i)[j]}, up = double{ups.row(i)[j]};
          REQUIRE(double{act.row(i)[j]} == Approx(double{weights[i]} * silu(gate) * up).margin(1e-6));
          const double low = std::min(gate, 0.75), within = std::clamp(up, -0.75, 0.75);
          REQUIRE(double{clamped.row(i)[j]} ==
                  Approx((within + 1.0) * low / (1.0 + std::exp(-1.702 * low))).margin(1e-6));
        }
      }
      Matrix<float> d_gates = drawn<float>(3, width, 1), d_ups = drawn<float>(3, width, 2);
      float d_weights[3];
      swiglu_backward<float>(d.block(), weights, d_gates.block(), d_ups.block(), d_weights);
      auto all = values(act);
      for (const auto* more : {&clamped, &d_gates, &d_ups}) {
        const auto next = values(*more);
        all.insert(all.end(), next.begin(), next.end());
      }
      all.insert(all.end(), d_weights, d_weights + 3);
      return all;
    });
  }
}

TEST_CASE("attention weights", "[kernels]") {
  const std::size_t keys = 21, stride = padded(keys);
  REQUIRE(stride == 32);
  check_same_bits([&] {
    Matrix<float> scores = drawn<float>(5, stride, 1), d = drawn<float>(5, stride, 2);
    const Matrix<float> before = drawn<float>(5, stride, 1);
    std::vector<float> log_sums(5);
    attention_weights<float>(scores.block(), 16, 0.5F, log_sums.data(), 1);
    for (std::size_t i = 0; i < 5; ++i) {
      double sum = 0.0;
      for (std::size_t j = 0; j < 17 + i; ++j) sum += std::exp(0.5 * double{before.row(i)[j]});
      REQUIRE(double{log_sums[i]} == Approx(std::log(sum)));
      for (std::size_t j = 0; j < stride; ++j)
        REQUIRE(double{scores.row(i)[j]} ==
                Approx(j < 17 + i ? std::exp(0.5 * double{before.row(i)[j]}) / sum : 0.0).margin(1e-7));
    }
    Matrix<float> again = drawn<float>(5, stride, 1);
    for (std::size_t i = 0; i < 5; ++i)
      attention_weights_backward<float>(again.row(i), d.row(i), 17 + i, stride, 0.5F, log_sums[i], 0.1F);
    auto all = values(scores);
    for (const auto* more : {&again, &d}) {
      const auto next = values(*more);
      all.insert(all.end(), next.begin(), next.end());
    }
    all.insert(all.end(), log_sums.begin(), log_sums.end());
    return all;
  });
}

TEST_CASE("rotary positions", "[kernels]") {
  for (const std::size_t half : {1, 4, 8, 13, 32}) {
    const auto angles = drawn<double>(1, half, 2);
    std::vector<float> cosines(half), sines(half);
    for (std::size_t i = 0; i < half; ++i) {
      cosines[i] = static_cast<float>(std::cos(angles.row(0)[i]));
      sines[i] = static_cast<float>(std::sin(angles.row(0)[i]));
    }
    const auto start = drawn<float>(3, 2 * half, 1);
    check_same_bits([&] {
      Matrix<float> row = drawn<float>(3, 2 * half, 1);
      turn_halves<float>(row.row(0), 3, 2 * half, half, cosines.data(), sines.data());
      Matrix<float> pairs = drawn<float>(3, 2 * half, 1);
      turn_pairs(pairs.row(0), half, cosines.data(), sines.data());
      for (std::size_t i = 0; i < half; ++i) {
        const double c = double{cosines[i]}, s = double{sines[i]};
        for (std::size_t head = 0; head < 3; ++head) {
          const double x = double{start.row(head)[i]}, y = double{start.row(head)[i + half]};
          REQUIRE(double{row.row(head)[i]} == Approx(x * c - y * s).margin(1e-6));
          REQUIRE(double{row.row(head)[i + half]} == Approx(y * c + x * s).margin(1e-6));
        }
        const double x = double{start.row(0)[2 * i]}, y = double{start.row(0)[2 * i + 1]};
        REQUIRE(double{pairs.row(0)[2 * i]} == Approx(x * c - y * s).margin(1e-6));
        REQUIRE(double{pairs.row(0)[2 * i + 1]} == Approx(y * c + x * s).margin(1e-6));
      }
      const auto turned = values(row);
      turn_halves<float>(row.row(0), 3, 2 * half, half, cosines.data(), sines.data(), true);
      for (std::size_t i = 0; i < 6 * half; ++i)
        REQUIRE(double{row.row(0)[i]} == Approx(double{start.row(0)[i]}).margin(1e-5));
      return turned;
    });
  }
}

TEST_CASE("a step of AdamW", "[kernels]") {
  AdamWStep<float> step{0.9F, 0.99F, 0.5F, 0.999F, 0.01F, 1e-6F};
  for (const std::size_t size : widths) {
    const auto g = drawn<float>(1, size, 1), start = drawn<float>(3, size, 2);
    check_same_bits([&] {
      Matrix<float> state = drawn<float>(3, size, 2);
      float *m = state.row(0), *v = state.row(1), *p = state.row(2);
      for (std::size_t i = 0; i < size; ++i) v[i] = std::abs(v[i]);
      adamw(step, g.row(0), size, m, v, p);
      double squares = 0.0;
      for (std::size_t i = 0; i < size; ++i) {
        const double own = 0.5 * double{g.row(0)[i]};
        const double first = 0.9 * double{start.row(0)[i]} + 0.1 * own;
        const double second = 0.99 * std::abs(double{start.row(1)[i]}) + 0.01 * own * own;
        REQUIRE(double{m[i]} == Approx(first).margin(1e-6));
        REQUIRE(double{v[i]} == Approx(second).margin(1e-6));
        REQUIRE(
            double{p[i]} ==
            Approx(0.999 * double{start.row(2)[i]} - 0.01 * first / (std::sqrt(second) + 1e-6)).margin(1e-6));
        squares += double{g.row(0)[i]} * double{g.row(0)[i]};
      }
      REQUIRE(square_sum(g.row(0), size) == Approx(squares));
      return values(state);
    });
  }
}

}  // namespace pastonly::kernels
