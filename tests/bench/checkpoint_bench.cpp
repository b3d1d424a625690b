// Prefill of one row on a Hugging Face checkpoint: seconds of each repeat and the memory that is no file's.
//   checkpoint_bench DIRECTORY POSITIONS THREADS REPEATS [bfloat16]
// Prints JSON: {"seconds": [...], "anonymous_mib": ..., "log_prob": ...}. checkpoint_ratio.py runs it beside
// transformers.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <tbb/global_control.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <fstream>
#include <string>

#include "checkpoint/checkpoint.h"
#include "stats/random.h"

namespace {

std::size_t number(const char* text) {
  std::size_t value = 0;
  std::from_chars(text, text + std::char_traits<char>::length(text), value);
  return value;
}

/// RssAnon of this process, MiB.
std::size_t anonymous_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return number(line.c_str() + line.find_first_of("0123456789")) / 1024;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace pastonly;
  if (argc < 5 || argc > 6)
    return fmt::print(stderr, "usage: checkpoint_bench DIRECTORY POSITIONS THREADS REPEATS [bfloat16]\n"), 4;
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, number(argv[3]));
  const auto opened = checkpoint::Checkpoint::open(
      argv[1], std::nullopt, argc == 6 ? checkpoint::Precision::bfloat16 : checkpoint::Precision::float32);
  if (!opened) return fmt::print(stderr, "{}\n", opened.error().message), 2;
  std::vector<std::int64_t> tokens(number(argv[2]));
  for (std::size_t t = 0; t < tokens.size(); ++t)  // as checkpoint_ratio.py
    tokens[t] = static_cast<std::int64_t>((t * 7919 + 13) % opened->description().vocab);
  checkpoint::InferenceWorkspace workspace;
  std::vector<double> seconds;
  double log_prob = 0.0;
  for (std::size_t i = 0; i < number(argv[4]); ++i) {
    const auto start = std::chrono::steady_clock::now();
    const auto data = opened->observe({{1, tokens.size()}, tokens, {}}, {.mode = Mode::eval}, workspace);
    if (!data) return fmt::print(stderr, "{}\n", data.error().message), 2;
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    log_prob = 0.0;
    for (std::size_t t = 1; t < tokens.size(); ++t) log_prob += data->log_probs[t];
  }
  fmt::print("{{\"seconds\": [{:.4f}], \"anonymous_mib\": {}, \"log_prob\": {:.6f}}}\n",
             fmt::join(seconds, ", "), anonymous_mib(), log_prob / static_cast<double>(tokens.size() - 1));
}
