// Training steps per second of the internal MoE:
//   train_bench small|large [--threads N] [--seconds S]
// Prints one JSON line. train_bench.py is the PyTorch peer; train_ratio.py runs both.
#include <fmt/format.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "model/eigen.h"
#include "model/model.h"
#include "stats/random.h"

namespace pastonly::model {
namespace {

struct Shape {
  ModelConfig config;
  Layout layout;
};

Shape small_shape() {
  Shape shape;  // the lab's default: d = 64, 4 layers, 16 experts
  shape.layout = {16, 64, TokenOrder::batch_major};
  return shape;
}

Shape large_shape() {
  Shape shape;
  ModelConfig& c = shape.config;
  c.vocab = 4096;
  c.width = 512;
  c.layers = 8;
  c.heads = c.kv_heads = 8;
  c.head_width = 64;
  c.experts = 32;
  c.expert_width = 512;
  shape.layout = {32, 256, TokenOrder::batch_major};
  return shape;
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

/// Floating-point operations of a step's products: forward once, backward twice; attention's causal half.
double operations(const Shape& shape) {
  const ModelConfig& c = shape.config;
  const double d = static_cast<double>(c.width), n = static_cast<double>(shape.layout.tokens());
  const double attention = d * static_cast<double>(c.qkv_columns() + c.query_columns()) +
                           static_cast<double>(c.query_columns() * shape.layout.positions);
  const double experts = 2.0 * 3.0 * d * static_cast<double>(c.expert_width);
  const double layer = attention + experts + d * static_cast<double>(c.experts);
  return 6.0 * n * (static_cast<double>(c.layers) * layer + d * static_cast<double>(c.vocab));
}

/// The rate of a large Eigen product on every thread at once, floating-point operations per second.
double peak(int threads) {
  using Square = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic>;
  constexpr Eigen::Index size = 1536;
  std::vector<Square> a(static_cast<std::size_t>(threads), Square::Random(size, size)), c = a;
  double best = 0.0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const double start = now();
    tbb::parallel_for(0, threads, [&](int i) {
      const auto at = static_cast<std::size_t>(i);
      c[at].noalias() = a[at] * a[at];
    });
    best = std::max(best, 2.0 * threads * size * size * size / (now() - start));
  }
  return best;
}

int run(const std::string& name, int threads, double seconds) {
  const tbb::global_control control(tbb::global_control::max_allowed_parallelism,
                                    static_cast<std::size_t>(threads));
  const Shape shape = name == "large" ? large_shape() : small_shape();
  auto model = Model::create(shape.config, {}, 1);
  if (!model) return fmt::print(stderr, "{}\n", model.error().message), 2;
  std::vector<std::int64_t> tokens(shape.layout.tokens());
  stats::CounterRng random(2);
  for (auto& token : tokens) token = static_cast<std::int64_t>(random.below(shape.config.vocab));
  const Batch batch{shape.layout, tokens, {}};
  std::vector<double> times;
  for (int warm = 0; warm < 2; ++warm) static_cast<void>(model->step(batch));
  double bits = 0.0;
  for (const double start = now(); now() - start < seconds || times.size() < 3;) {
    const double before = now();
    const auto report = model->step(batch);
    if (!report) return fmt::print(stderr, "{}\n", report.error().message), 2;
    bits = report->bits();
    times.push_back(now() - before);
  }
  const double step = median(times), rate = operations(shape) / step, best = peak(threads);
  fmt::print(
      "{{\"config\": \"{}\", \"threads\": {}, \"steps\": {}, \"milliseconds\": {:.3f}, \"steps_per_second\": "
      "{:.3f}, "
      "\"gflops\": {:.1f}, \"eigen_peak_gflops\": {:.1f}, \"fraction_of_peak\": {:.3f}, \"loss_bits\": "
      "{:.4f}}}\n",
      name, threads, times.size(), step * 1e3, 1.0 / step, rate / 1e9, best / 1e9, rate / best, bits);
  return 0;
}

}  // namespace
}  // namespace pastonly::model

int main(int argc, char** argv) {
  std::string name = argc > 1 ? argv[1] : "small";
  int threads = 2;
  double seconds = 5.0;
  for (int i = 2; i + 1 < argc; i += 2) {
    if (std::string(argv[i]) == "--threads") threads = std::atoi(argv[i + 1]);
    if (std::string(argv[i]) == "--seconds") seconds = std::atof(argv[i + 1]);
  }
  return pastonly::model::run(name, threads, seconds);
}
