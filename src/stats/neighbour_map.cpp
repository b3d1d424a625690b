#include "stats/neighbour_map.h"

#include <algorithm>
#include <cmath>

#include "kernels/elementary.h"

namespace pastonly::stats {
namespace {

using kernels::Block;

constexpr double exaggeration = 12.0;
constexpr std::size_t exaggerated = 250;  // iterations
constexpr double least_share = 1e-12;

/// Squared distances, (N, N).
std::vector<double> distances(Block<const double> points) {
  const std::size_t n = points.rows;
  std::vector<double> out(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      double square = 0.0;
      for (std::size_t c = 0; c < points.columns; ++c) {
        const double difference = points(i, c) - points(j, c);
        square += difference * difference;
      }
      out[i * n + j] = out[j * n + i] = square;
    }
  }
  return out;
}

/// Shares of i's neighbours at a precision; returns their entropy in nats.
double neighbours_at(const double* squares, std::size_t n, std::size_t i, double precision, double* out) {
  double nearest = -1.0, sum = 0.0, energy = 0.0;
  for (std::size_t j = 0; j < n; ++j) {
    if (j != i && (nearest < 0.0 || squares[j] < nearest)) nearest = squares[j];
  }
  for (std::size_t j = 0; j < n; ++j) {
    out[j] = j == i ? 0.0 : kernels::exp(-precision * (squares[j] - nearest));
    sum += out[j];
    energy += out[j] * precision * (squares[j] - nearest);
  }
  for (std::size_t j = 0; j < n; ++j) out[j] /= sum;
  return kernels::log(sum) + energy / sum;
}

/// By bisection, at the entropy of the perplexity.
void neighbours_of(const double* squares, std::size_t n, std::size_t i, double perplexity, double* out) {
  const double wanted = kernels::log(perplexity);
  double mean = 0.0;
  for (std::size_t j = 0; j < n; ++j) mean += squares[j] / static_cast<double>(n - 1);
  double precision = mean > 0.0 ? 1.0 / mean : 1.0, low = 0.0, high = 0.0;  // high 0: not yet known
  for (int step = 0; step < 100; ++step) {
    const double entropy = neighbours_at(squares, n, i, precision, out);
    if (std::abs(entropy - wanted) < 1e-6) return;
    (entropy > wanted ? low : high) = precision;
    precision = high > 0.0 ? 0.5 * (low + high) : 2.0 * precision;
  }
}

/// p_ij, symmetric, summing to 1.
std::vector<double> joint_shares(Block<const double> points, double perplexity) {
  const std::size_t n = points.rows;
  const auto squares = distances(points);
  std::vector<double> one_way(n * n), out(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i)
    neighbours_of(squares.data() + i * n, n, i, perplexity, one_way.data() + i * n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      const double both = one_way[i * n + j] + one_way[j * n + i];
      if (i != j) out[i * n + j] = std::max(both / (2.0 * static_cast<double>(n)), least_share);
    }
  }
  return out;
}

class Descent {
 public:
  Descent(std::vector<double> shares, std::span<const double> start)
      : n_(start.size() / 2), p_(std::move(shares)), y_(start.begin(), start.end()), near_(n_ * n_) {
    double square = 0.0;
    for (std::size_t i = 0; i < n_; ++i) square += y_[2 * i] * y_[2 * i];
    const double spread = std::sqrt(square / static_cast<double>(n_));
    for (double& y : y_) y *= spread > 0.0 ? 1e-4 / spread : 0.0;
    for (std::size_t i = 0; i < y_.size(); ++i) y_[i] += 1e-8 * static_cast<double>(i % 7);  // none coincide
    step_.assign(y_.size(), 0.0);
    gain_.assign(y_.size(), 1.0);
    gradient_.assign(y_.size(), 0.0);
  }

  void run(std::size_t iterations) {
    const double rate = static_cast<double>(n_) / exaggeration;  // Belkina et al. 2019
    for (std::size_t t = 0; t < iterations; ++t) {
      const bool early = t < exaggerated;
      measure_gradient(early ? exaggeration : 1.0);
      move(rate, early ? 0.5 : 0.8);
    }
  }

  double divergence() {
    const double sum = measure_closeness();
    double out = 0.0;
    for (std::size_t i = 0; i < n_; ++i) {
      for (std::size_t j = 0; j < n_; ++j) {
        if (i == j) continue;
        const double q = std::max(near_[i * n_ + j] / sum, least_share);
        out += p_[i * n_ + j] * kernels::log(p_[i * n_ + j] / q);
      }
    }
    return out;
  }
  std::vector<double> take() { return std::move(y_); }

 private:
  /// 1 / (1 + |y_i - y_j|^2) of all pairs, and their sum.
  double measure_closeness() {
    double sum = 0.0;
    for (std::size_t i = 0; i < n_; ++i) {
      double row = 0.0;
      for (std::size_t j = 0; j < n_; ++j) {
        const double a = y_[2 * i] - y_[2 * j], b = y_[2 * i + 1] - y_[2 * j + 1];
        near_[i * n_ + j] = i == j ? 0.0 : 1.0 / (1.0 + a * a + b * b);
        row += near_[i * n_ + j];
      }
      sum += row;
    }
    return sum;
  }

  void measure_gradient(double factor) {
    const double share = 1.0 / measure_closeness();
    for (std::size_t i = 0; i < n_; ++i) {
      double a = 0.0, b = 0.0;
      for (std::size_t j = 0; j < n_; ++j) {
        const double near = near_[i * n_ + j];
        const double pull = (factor * p_[i * n_ + j] - near * share) * near;
        a += pull * (y_[2 * i] - y_[2 * j]);
        b += pull * (y_[2 * i + 1] - y_[2 * j + 1]);
      }
      gradient_[2 * i] = 4.0 * a;
      gradient_[2 * i + 1] = 4.0 * b;
    }
  }

  /// With momentum, and a gain for every coordinate that grows while it keeps its direction.
  void move(double rate, double momentum) {
    double mean[2] = {0.0, 0.0};
    for (std::size_t i = 0; i < y_.size(); ++i) {
      const bool turns = step_[i] * gradient_[i] > 0.0;
      gain_[i] = std::max(turns ? gain_[i] * 0.8 : gain_[i] + 0.2, 0.01);
      step_[i] = momentum * step_[i] - rate * gain_[i] * gradient_[i];
      y_[i] += step_[i];
      mean[i % 2] += y_[i] / static_cast<double>(n_);
    }
    for (std::size_t i = 0; i < y_.size(); ++i) y_[i] -= mean[i % 2];
  }

  std::size_t n_;
  std::vector<double> p_;  // (N, N)
  std::vector<double> y_;  // (N, 2), as the three below
  std::vector<double> near_;
  std::vector<double> step_, gain_, gradient_;
};

}  // namespace

NeighbourMap neighbour_map(Block<const double> points, std::span<const double> start,
                           const NeighbourMapOptions& options) {
  NeighbourMap out;
  out.perplexity = std::min(options.perplexity, static_cast<double>(points.rows - 1) / 3.0);
  Descent descent(joint_shares(points, out.perplexity), start);
  out.start = descent.divergence();
  descent.run(options.iterations);
  out.divergence = descent.divergence();
  out.points = descent.take();
  return out;
}

}  // namespace pastonly::stats
