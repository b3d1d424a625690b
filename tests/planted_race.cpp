// Loops whose races the thread sanitizer must report, and one without any, on which it must be silent. Were
// it blind to what libtbb runs, or did it take libtbb itself for a race, .ci/threads would notice here.
//
//     pastonly_planted_race counter|neighbour|none

#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <numeric>
#include <string_view>
#include <thread>
#include <vector>

#include "stats/parallel.h"

namespace {

constexpr std::size_t iterations = 64;

/// Holds iterations back until two threads are in the loop; itself orders nothing (relaxed).
class Meeting {
 public:
  void wait() {
    const auto own = std::hash<std::thread::id>()(std::this_thread::get_id()) | 1;
    std::size_t nobody = 0;
    first_.compare_exchange_strong(nobody, own, std::memory_order_relaxed);
    if (first_.load(std::memory_order_relaxed) != own) two_.store(true, std::memory_order_relaxed);
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!two_.load(std::memory_order_relaxed) && std::chrono::steady_clock::now() < until)
      std::this_thread::yield();
  }
  bool took_place() const { return two_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::size_t> first_{0};
  std::atomic<bool> two_{false};
};

}  // namespace

int main(int argc, char** argv) {
  const std::string_view planted = argc == 2 ? argv[1] : "";
  const tbb::global_control allowed(tbb::global_control::max_allowed_parallelism, 4);
  tbb::task_arena arena(4);
  Meeting meeting;
  int counter = 0;
  std::vector<int> values(iterations, 1), sums(iterations);
  arena.execute([&] {
    pastonly::stats::parallel_for(iterations, [&](std::size_t i) {
      meeting.wait();
      if (planted == "counter") ++counter;
      if (planted == "neighbour") values[i] += values[(i + 1) % iterations];
      // Loops within loops, over what was written before them.
      std::vector<int> inner(iterations, values[i]);
      pastonly::stats::parallel_for(iterations, [&](std::size_t j) { inner[j] += static_cast<int>(j); });
      sums[i] = std::accumulate(inner.begin(), inner.end(), 0);
    });
  });
  std::printf("%d\n", std::accumulate(sums.begin(), sums.end(), counter));
  if (!meeting.took_place()) {
    std::fputs("only one thread came: this machine shows no race\n", stderr);
    return 3;
  }
  return 0;
}
