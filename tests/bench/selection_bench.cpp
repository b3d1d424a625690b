// Expert-choice selection against torch.topk on the same scores, the same number of threads, in one run:
//   selection_bench [PYTHON [TOPK_SCRIPT]]
// PYTHON is an interpreter that has torch; without one only our own times are printed.

#include <fmt/core.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "pastonly/routing_rule.h"
#include "stats/parallel.h"
#include "stats/random.h"

namespace {

using namespace pastonly;

constexpr std::size_t tokens = 8192, experts = 64, k = 8, count = k * tokens / experts;
// On one thread against torch.topk, and what a second thread brings.
constexpr double default_target = 5.0, best_target = 2.5, two_threads_target = 1.6;

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

/// The fastest of some readings of the scores, which the caches hold where they are large enough: nothing
/// that looks at all scores takes less.
double reading_milliseconds(const std::vector<float>& scores, std::size_t threads) {
  double least = std::numeric_limits<double>::infinity();
  std::vector<double> sums(threads);
  for (int run = 0; run < 101; ++run) {
    const auto start = std::chrono::steady_clock::now();
    stats::parallel_for(threads, [&](std::size_t i) {
      const std::size_t first = scores.size() * i / threads, end = scores.size() * (i + 1) / threads;
      std::uint64_t words[16] = {};
      for (std::size_t at = first; at + 32 <= end; at += 32) {
        std::uint64_t line[16];
        std::memcpy(line, scores.data() + at, sizeof line);
        for (std::size_t w = 0; w < 16; ++w) words[w] += line[w];
      }
      sums[i] = static_cast<double>(std::accumulate(words, words + 16, std::uint64_t{0}));
    });
    const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
    least = std::min(least, taken.count());
  }
  return std::accumulate(sums.begin(), sums.end(), 0.0) > 0.0 ? least : 0.0;
}

/// How much longer torch.topk takes; 0 on failure.
struct Ratios {
  double best = 0.0, standard = 0.0;  ///< its fastest setting, its default one
};

/// Runs the script and prints its lines with the ratio to `ours`.
Ratios compare(const std::string& python, const std::string& script, const std::filesystem::path& file,
               std::size_t threads, double ours, double own_check) {
  const auto command = fmt::format("'{}' -W ignore '{}' '{}' {} {} {} {}", python, script, file.string(),
                                   tokens, experts, count, threads);
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return {};
  double best = std::numeric_limits<double>::infinity(), standard = 0.0;
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
      if (label.ends_with("(default)")) standard = value;
      fmt::print("  {:8.3f} ms {:5.1f}x {}\n", value, value / ours, label);
    }
  }
  if (pclose(pipe) != 0) return {};
  if (!agrees) fmt::print("  the selections differ\n");
  return agrees ? Ratios{best / ours, standard / ours} : Ratios{};
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
  double alone = 0.0;
  for (const std::size_t threads : {1, 2}) {
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
    Routing out;
    const double ours = median_milliseconds(**rule, scores, out);
    fmt::print("expert-choice selection, T={} N={} C={}, {} thread(s)\n", tokens, experts, count, threads);
    fmt::print("  {:8.3f} ms  1.0x pastonly\n", ours);
    fmt::print("  {:8.3f} ms       limit: reading the scores once\n", reading_milliseconds(scores, threads));
    std::fflush(stdout);
    if (threads == 1) alone = ours;
    if (threads == 2) {
      fmt::print("  {:.2f} times as fast as one thread (target {})\n", alone / ours, two_threads_target);
      fast_enough = fast_enough && alone / ours >= two_threads_target;
    }
    if (argc < 2) continue;
    const std::string script = argc > 2 ? argv[2] : "tests/bench/topk.py";
    const auto ratios = compare(argv[1], script, file, threads, ours, checksum(scores, out.mask));
    fmt::print(
        "  {:.1f} times as fast as torch.topk's default (target {}), {:.1f} times its best (target {})\n",
        ratios.standard, default_target, ratios.best, best_target);
    if (threads == 1)
      fast_enough = fast_enough && ratios.standard >= default_target && ratios.best >= best_target;
  }
  std::filesystem::remove(file);
  return fast_enough ? 0 : 1;
}
