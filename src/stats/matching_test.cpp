#include "stats/matching_test.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "kernels/elementary.h"
#include "stats/random.h"

namespace pastonly::stats {
namespace {

using kernels::Block;

constexpr std::size_t draws = 9'999;

/// at(i) for i in [0, size); `size` where the largest is there twice.
template <class At>
std::size_t place_of_largest(std::size_t size, At&& at) {
  std::size_t best = 0;
  bool alone = true;
  for (std::size_t i = 1; i < size; ++i) {
    if (at(i) > at(best)) {
      best = i;
      alone = true;
    } else if (at(i) == at(best)) {
      alone = false;
    }
  }
  return alone && size > 0 ? best : size;
}

/// i whose row and column hold something.
std::vector<std::size_t> live_places(Block<const double> matrix) {
  std::vector<std::size_t> live;
  for (std::size_t i = 0; i < matrix.rows; ++i) {
    double row = 0.0, column = 0.0;
    for (std::size_t j = 0; j < matrix.columns; ++j) {
      row = std::max(row, matrix(i, j));
      column = std::max(column, matrix(j, i));
    }
    if (row > 0.0 && column > 0.0) live.push_back(i);
  }
  return live;
}

/// Logarithms without the means of their rows and columns, (live, live).
std::vector<double> centred_logs(Block<const double> matrix, const std::vector<std::size_t>& live) {
  const std::size_t n = live.size();
  const auto share = 1.0 / static_cast<double>(n);
  std::vector<double> logs(n * n), rows(n, 0.0), columns(n, 0.0);
  double all = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      const double value = std::max(matrix(live[i], live[j]), std::numeric_limits<double>::min());
      logs[i * n + j] = kernels::log(value);
      rows[i] += share * logs[i * n + j];
      columns[j] += share * logs[i * n + j];
    }
    all += share * rows[i];
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) logs[i * n + j] += all - rows[i] - columns[j];
  }
  return logs;
}

/// The share of random pairings, the one at hand among them, whose sum is as large.
double pairing_p(const std::vector<double>& values, std::size_t n, std::uint64_t seed) {
  double own = 0.0, magnitude = 0.0;
  for (std::size_t i = 0; i < n; ++i) own += values[i * n + i];
  for (const double value : values) magnitude += std::abs(value);
  const double same = own - 1e-12 * magnitude;  // sums in another order
  CounterRng random(seed);
  std::vector<std::size_t> pairing(n);
  std::iota(pairing.begin(), pairing.end(), std::size_t{0});
  std::size_t as_large = 1;
  for (std::size_t draw = 0; draw < draws; ++draw) {
    for (std::size_t i = n; i > 1; --i) std::swap(pairing[i - 1], pairing[random.below(i)]);
    double sum = 0.0;
    for (std::size_t i = 0; i < n; ++i) sum += values[i * n + pairing[i]];
    as_large += sum >= same ? 1 : 0;
  }
  return static_cast<double>(as_large) / static_cast<double>(draws + 1);
}

double smallest_p(std::size_t places) {
  double pairings = 1.0;
  for (std::size_t i = 2; i <= std::min<std::size_t>(places, 20); ++i) pairings *= static_cast<double>(i);
  return std::max(1.0 / pairings, 1.0 / static_cast<double>(draws + 1));
}

}  // namespace

std::vector<std::size_t> largest_columns(Block<const double> matrix) {
  std::vector<std::size_t> out(matrix.rows);
  for (std::size_t i = 0; i < matrix.rows; ++i)
    out[i] = place_of_largest(matrix.columns, [&](std::size_t j) { return matrix(i, j); });
  return out;
}

std::vector<std::size_t> largest_rows(Block<const double> matrix) {
  std::vector<std::size_t> out(matrix.columns);
  for (std::size_t j = 0; j < matrix.columns; ++j)
    out[j] = place_of_largest(matrix.rows, [&](std::size_t i) { return matrix(i, j); });
  return out;
}

std::size_t own_places(std::span<const std::size_t> winners) noexcept {
  std::size_t count = 0;
  for (std::size_t i = 0; i < winners.size(); ++i) count += winners[i] == i ? 1 : 0;
  return count;
}

double matching_p(std::span<const std::size_t> winners, std::size_t matches) {
  const std::size_t n = winners.size();
  if (matches == 0) return 1.0;
  std::vector<std::size_t> wins(n, 0);
  for (const std::size_t winner : winners) {
    if (winner < n) ++wins[winner];
  }
  // moments[k] = e_k (n - k)! / n!, kept so from the first factor on: e_k alone overflows.
  std::vector<double> moments(n + 1, 0.0);
  moments[0] = 1.0;
  for (const std::size_t count : wins) {
    for (std::size_t k = n; k > 0 && count > 0; --k)
      moments[k] += static_cast<double>(count) / static_cast<double>(n - k + 1) * moments[k - 1];
  }
  double tail = 0.0, choices = 1.0;  // choices: k - 1 over matches - 1
  for (std::size_t k = matches; k <= n; ++k) {
    tail += ((k - matches) % 2 == 0 ? choices : -choices) * moments[k];
    choices *= static_cast<double>(k) / static_cast<double>(k - matches + 1);
  }
  return std::clamp(tail, 0.0, 1.0);
}

DiagonalExcess diagonal_excess(Block<const double> matrix, std::uint64_t seed) {
  DiagonalExcess out;
  out.normalised.assign(matrix.rows * matrix.columns, 0.0);
  const auto live = live_places(matrix);
  const std::size_t n = live.size();
  out.places = n;
  if (n < 2) return out;
  const auto residuals = centred_logs(matrix, live);
  for (std::size_t i = 0; i < n; ++i) {
    out.mean += residuals[i * n + i] / static_cast<double>(n);
    for (std::size_t j = 0; j < n; ++j)
      out.normalised[live[i] * matrix.columns + live[j]] = residuals[i * n + j];
  }
  out.p_value = pairing_p(residuals, n, seed);
  out.smallest_p = smallest_p(n);
  return out;
}

}  // namespace pastonly::stats
