// Single-trace work against reading and summing the same bytes.
//   pastonly_audit_bench [--rule RULE]... [--threads N] [--repeat N] [--sequences N] [--layers N]
//   [--directory DIR]

#include <fmt/format.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <functional>
#include <thread>

#include "evidence/observations.h"
#include "input/policy/policy.h"
#include "input/trace/trace_file.h"
#include "large_trace.h"
#include "run/audit.h"
#include "stats/parallel.h"
#include "subjects/recorded.h"

using namespace pastonly;

namespace {

struct Options {
  LargeTrace shape;
  std::vector<std::string> rules;
  std::size_t threads = 2;
  std::size_t repeat = 5;
  std::filesystem::path directory = "/tmp";
};

/// Repeated work: seconds by the clock, and of all threads' processor time, which other programs do not
/// lengthen by taking turns.
struct Timing {
  std::vector<double> wall, processor;

  void add(const std::function<void()>& work) {
    const std::clock_t busy = std::clock();
    const auto start = std::chrono::steady_clock::now();
    work();
    wall.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    processor.push_back(static_cast<double>(std::clock() - busy) / CLOCKS_PER_SEC);
  }
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// "0.211 s (x2.93, x2.87 of processor time)"
std::string against(const Timing& timing, const Timing& base) {
  return fmt::format("{:.3f} s (x{:.2f}, x{:.2f} of processor time)", median(timing.wall),
                     median(timing.wall) / median(base.wall),
                     median(timing.processor) / median(base.processor));
}

/// Anonymous resident memory of this process, bytes.
std::size_t anonymous_memory() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("RssAnon:")) return std::stoull(line.substr(8)) * 1024;
  }
  return 0;
}

/// The largest anonymous_memory() while it lives.
class MemoryWatch {
 public:
  MemoryWatch() : thread_([this] { watch(); }) {}
  ~MemoryWatch() {
    done_ = true;
    thread_.join();
  }
  std::size_t peak() const noexcept { return peak_; }

 private:
  void watch() {
    while (!done_) {
      peak_ = std::max(peak_.load(), anonymous_memory());
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
  std::atomic<bool> done_ = false;
  std::atomic<std::size_t> peak_ = 0;
  std::thread thread_;
};

std::uint64_t sum_words(const std::byte* data, std::size_t bytes) {
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at + 8 <= bytes; at += 8) {
    std::uint64_t word;
    std::memcpy(&word, data + at, sizeof word);
    sum += word;
  }
  return sum;
}

/// Maps the file and sums all words of scores and masks, layers in parallel.
std::uint64_t read_and_sum(const std::filesystem::path& path) {
  const auto trace = input::read_trace(path);
  if (!trace) return 0;
  std::vector<std::uint64_t> sums(trace->layers.size());
  stats::parallel_for(sums.size(), [&](std::size_t i) {
    const auto& layer = trace->layers[i];
    const std::size_t cells = trace->layout.tokens() * layer.experts;
    sums[i] = sum_words(layer.scores->data, cells * 4) + sum_words(layer.mask->data, cells);
  });
  std::uint64_t total = 0;
  for (const auto sum : sums) total += sum;
  return total;
}

/// What every single-trace check shares, from opening the file on.
std::string identify(const std::filesystem::path& path) {
  auto subject = subjects::open_recorded(path);
  if (!subject) return subject.error().message;
  evidence::Observations observations(**subject);
  const auto rules = observations.rules();
  if (!rules) return rules.error().message;
  const auto& first = rules->front();
  return fmt::format("{} ({} candidates, causal {})", first.id.value_or("unexplained"),
                     first.candidates.size(), first.causal ? (*first.causal ? "true" : "false") : "null");
}

/// All checks that one trace allows, as `pastonly audit` runs them; hashing the file is not in it.
Expected<Report> audit_all(const std::filesystem::path& path) {
  const auto policy = input::read_policy("ci");
  if (!policy) return tl::unexpected(policy.error());
  auto subject = subjects::open_recorded(path);
  if (!subject) return tl::unexpected(subject.error());
  return run::audit(**subject, *policy, {});
}

void measure(const Options& options, const std::string& rule) {
  const auto path = options.directory / "pastonly_audit_bench.safetensors";
  auto shape = options.shape;
  shape.rule = rule;
  if (const auto written = write_large_trace(path, shape); !written) {
    fmt::print("{}: {}\n", rule, written.error().message);
    return;
  }
  std::uint64_t sum = read_and_sum(path);  // warms the page cache
  std::string found = identify(path);
  Expected<Report> report = audit_all(path);
  Timing base, work, whole;
  const MemoryWatch memory;
  for (std::size_t i = 0; i < options.repeat; ++i) {
    base.add([&] { sum ^= read_and_sum(path); });
    work.add([&] { found = identify(path); });
    whole.add([&] { report = audit_all(path); });
  }
  const auto bytes = static_cast<double>(std::filesystem::file_size(path));
  fmt::print(
      "{}\n  {:.2f} GB  read+sum {:.3f} s  shared pass {}\n  all checks {}  anonymous {:.0f} MiB  -> {}\n",
      rule, bytes / 1e9, median(base.wall), against(work, base), against(whole, base),
      static_cast<double>(memory.peak()) / 0x1p20, found);
  if (!report) fmt::print("  {}\n", report.error().message);
  if (report) {
    for (const auto& check : report->checks) {
      if (check.status == "ran") fmt::print("    {:<22} {:.3f} s\n", check.id, check.seconds);
    }
  }
  std::fflush(stdout);
  std::filesystem::remove(path);
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view key = argv[i];
    const std::string value = argv[i + 1];
    if (key == "--rule") options.rules.push_back(value);
    if (key == "--threads") options.threads = std::stoul(value);
    if (key == "--repeat") options.repeat = std::stoul(value);
    if (key == "--sequences") options.shape.sequences = std::stoul(value);
    if (key == "--layers") options.shape.layers = std::stoul(value);
    if (key == "--directory") options.directory = value;
  }
  if (options.rules.empty()) {
    options.rules = {"top-k,k=8",
                     "expert-choice,k=8,chunk=2048",
                     "token-major-capacity,k=8,capacity=32768",
                     "gshard-top-2,k=8,capacity=33000",
                     "gshard-top-2,k=8,capacity_factor=2",
                     "gshard-top-2,capacity_factor=2",
                     "expert-threshold,thresholds=0.875"};
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  const tbb::global_control threads(tbb::global_control::max_allowed_parallelism, options.threads);
  for (const auto& rule : options.rules) measure(options, rule);
  return 0;
}
