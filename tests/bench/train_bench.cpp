// Training steps per second of the internal MoE:
//   train_bench small|large [--threads N] [--seconds S] [--least STEPS]
// Prints one JSON line: medians of wall-clock and processor time per step, the processor time of all threads.
// train_bench.py is the PyTorch peer; train_ratio.py runs both.
#include <fmt/format.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "eigen_peak.h"
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

int run(const std::string& name, int threads, double seconds, std::size_t least) {
  const tbb::global_control control(tbb::global_control::max_allowed_parallelism,
                                    static_cast<std::size_t>(threads));
  const Shape shape = name == "large" ? large_shape() : small_shape();
  auto model = Model::create(shape.config, {}, 1);
  if (!model) return fmt::print(stderr, "{}\n", model.error().message), 2;
  std::vector<std::int64_t> tokens(shape.layout.tokens());
  stats::CounterRng random(2);
  for (auto& token : tokens) token = static_cast<std::int64_t>(random.below(shape.config.vocab));
  const Batch batch{shape.layout, tokens, {}};
  std::vector<double> times, processor;
  static_cast<void>(model->step(batch));
  double bits = 0.0;
  for (const double start = bench::now(); bench::now() - start < seconds || times.size() < least;) {
    const double before = bench::now(), processor_before = bench::processor_seconds();
    const auto report = model->step(batch);
    if (!report) return fmt::print(stderr, "{}\n", report.error().message), 2;
    bits = report->bits();
    times.push_back(bench::now() - before);
    processor.push_back(bench::processor_seconds() - processor_before);
  }
  const double step = median(times), processor_step = median(processor);
  const double rate = operations(shape) / step, processor_rate = operations(shape) / processor_step;
  const bench::Peak best = bench::eigen_peak(threads);
  fmt::print(
      "{{\"config\": \"{}\", \"threads\": {}, \"steps\": {}, \"milliseconds\": {:.3f}, "
      "\"processor_milliseconds\": {:.3f}, \"steps_per_second\": {:.3f}, "
      "\"gflops\": {:.1f}, \"eigen_peak_gflops\": {:.1f}, \"fraction_of_peak\": {:.3f}, "
      "\"processor_fraction_of_peak\": {:.3f}, \"loss_bits\": {:.4f}}}\n",
      name, threads, times.size(), step * 1e3, processor_step * 1e3, 1.0 / step, rate / 1e9, best.wall / 1e9,
      rate / best.wall, processor_rate / best.processor, bits);
  return 0;
}

}  // namespace
}  // namespace pastonly::model

int main(int argc, char** argv) {
  std::string name = argc > 1 ? argv[1] : "small";
  int threads = 2;
  double seconds = 5.0;
  std::size_t least = 3;
  for (int i = 2; i + 1 < argc; i += 2) {
    if (std::string(argv[i]) == "--threads") threads = std::atoi(argv[i + 1]);
    if (std::string(argv[i]) == "--seconds") seconds = std::atof(argv[i + 1]);
    if (std::string(argv[i]) == "--least") least = static_cast<std::size_t>(std::atoi(argv[i + 1]));
  }
  return pastonly::model::run(name, threads, seconds, least);
}
