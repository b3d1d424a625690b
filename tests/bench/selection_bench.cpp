// Expert-choice selection against torch.topk on the same scores, the same number of threads, in one run:
//   selection_bench [PYTHON [TOPK_SCRIPT]]
// PYTHON is an interpreter that has torch; without one only our own times are printed.

#include <fmt/core.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "pastonly/routing_rule.h"
#include "stats/random.h"

namespace {

using namespace pastonly;

constexpr std::size_t tokens = 8192, experts = 64, k = 8, count = k * tokens / experts;

/// Softmax scores of normal logits, (tokens, experts).
std::vector<float> draw_scores() {
  stats::CounterRng rng(1);
  std::vector<float> scores(tokens * experts);
  for (std::size_t t = 0; t < tokens; ++t) {
    double sum = 0.0;
    std::vector<double> weights(experts);
    for (double& weight : weights) sum += weight = std::exp(rng.normal());
    for (std::size_t e = 0; e < experts; ++e) scores[t * experts + e] = static_cast<float>(weights[e] / sum);
  }
  return scores;
}

double median_milliseconds(const RoutingRule& rule, const std::vector<float>& scores, Routing& out) {
  RoutingContext context;
  context.layout = {1, tokens};
  std::vector<double> times;
  for (int run = 0; run < 101; ++run) {
    const auto start = std::chrono::steady_clock::now();
    rule.select({scores.data(), tokens, experts}, context, out);
    times.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(times.begin(), times.begin() + 50, times.end());
  return times[50];
}

/// The sum over experts of the smallest selected score: differs where the selection differs.
double checksum(const std::vector<float>& scores, const Mask& mask) {
  double sum = 0.0;
  for (std::size_t e = 0; e < experts; ++e) {
    float smallest = std::numeric_limits<float>::infinity();
    for (std::size_t t = 0; t < tokens; ++t) {
      if (mask(t, e) != 0) smallest = std::min(smallest, scores[t * experts + e]);
    }
    sum += static_cast<double>(smallest);
  }
  return sum;
}

/// Runs the script and prints its lines with the ratio to `ours`. The best ratio, or 0 on failure.
double compare(const std::string& python, const std::string& script, const std::filesystem::path& file,
               std::size_t threads, double ours, double own_check) {
  const auto command = fmt::format("'{}' -W ignore '{}' '{}' {} {} {} {}", python, script, file.string(),
                                   tokens, experts, count, threads);
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return 0.0;
  double best = std::numeric_limits<double>::infinity();
  bool agrees = false;
  char line[256];
  while (std::fgets(line, sizeof line, pipe) != nullptr) {
    char* name = nullptr;
    const double value = std::strtod(line, &name);
    std::string label(name);
    while (!label.empty() && std::isspace(static_cast<unsigned char>(label.back())) != 0) label.pop_back();
    if (label == " check") {
      agrees = std::abs(value - own_check) <= 1e-9 * std::abs(own_check);
    } else {
      best = std::min(best, value);
      fmt::print("  {:8.3f} ms {:5.1f}x {}\n", value, value / ours, label);
    }
  }
  if (pclose(pipe) != 0) return 0.0;
  if (!agrees) fmt::print("  the selections differ\n");
  return agrees ? best / ours : 0.0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto scores = draw_scores();
  const auto file = std::filesystem::temp_directory_path() / "pastonly_selection_bench.f32";
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(scores.data()),
             static_cast<std::streamsize>(scores.size() * sizeof(float)));
  const auto rule = make_rule("expert-choice", {{"k", k}});
  if (!rule) return 2;
  bool fast_enough = true;
  for (const std::size_t threads : {1, 2}) {
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
    Routing out;
    const double ours = median_milliseconds(**rule, scores, out);
    fmt::print("expert-choice selection, T={} N={} C={}, {} thread(s)\n", tokens, experts, count, threads);
    fmt::print("  {:8.3f} ms  1.0x pastonly\n", ours);
    std::fflush(stdout);
    if (argc < 2) continue;
    const std::string script = argc > 2 ? argv[2] : "tests/bench/topk.py";
    const double ratio = compare(argv[1], script, file, threads, ours, checksum(scores, out.mask));
    fmt::print("  {:.1f} times as fast as the best of torch.topk\n", ratio);
    fast_enough = fast_enough && ratio >= 5.0;
  }
  std::filesystem::remove(file);
  return fast_enough ? 0 : 1;
}
