#include "stats/loss_sweep.h"

#include <algorithm>
#include <numeric>

#include "stats/location_test.h"

namespace pastonly::stats {
namespace {

std::optional<std::size_t> baseline(std::span<const SweepArm> arms) {
  for (std::size_t i = 0; i < arms.size(); ++i) {
    if (arms[i].causal && !arms[i].losses.empty()) return i;
  }
  return std::nullopt;
}

std::optional<std::size_t> largest_chunk(std::span<const SweepArm> arms) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    if (arms[i].causal || !arms[i].chunk || arms[i].losses.empty()) continue;
    if (!best || *arms[i].chunk > *arms[*best].chunk) best = i;
  }
  return best;
}

void add_drop(std::span<const SweepArm> arms, std::size_t arm, std::size_t against, double alpha,
              std::vector<SweepDrop>& out) {
  if (const auto drop = mean_difference(arms[against].losses, arms[arm].losses, alpha))
    out.push_back({arm, against, *drop});
}

}  // namespace

std::vector<SweepDrop> sweep_drops(std::span<const SweepArm> arms, double alpha) {
  const auto causal = baseline(arms), largest = largest_chunk(arms);
  std::vector<SweepDrop> out;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    const auto against = arms[i].against ? arms[i].against : causal;
    if (against && *against != i) add_drop(arms, i, *against, alpha, out);
    if (largest && !arms[i].causal && arms[i].chunk && *arms[i].chunk < *arms[*largest].chunk)
      add_drop(arms, i, *largest, alpha, out);
  }
  return out;
}

std::optional<double> chunk_trend(std::span<const SweepArm> arms) {
  std::vector<std::size_t> chunked;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    if (!arms[i].causal && arms[i].chunk && !arms[i].losses.empty()) chunked.push_back(i);
  }
  if (chunked.size() < 3) return std::nullopt;
  std::stable_sort(chunked.begin(), chunked.end(),
                   [&](std::size_t a, std::size_t b) { return *arms[a].chunk < *arms[b].chunk; });
  std::vector<double> means;
  means.reserve(chunked.size());
  for (const std::size_t i : chunked) {
    means.push_back(std::accumulate(arms[i].losses.begin(), arms[i].losses.end(), 0.0) /
                    static_cast<double>(arms[i].losses.size()));
  }
  return kendall_trend(means);
}

}  // namespace pastonly::stats
