#include "lab/gradient_alignment.h"

#include <cmath>
#include <span>

#include "stats/symmetric_eigen.h"

namespace pastonly::lab {
namespace {

using kernels::Block;

constexpr double held_share = 0.9;

struct Expert {
  std::vector<double> row;      // (width) the router row's gradient, of length 1
  std::vector<double> leading;  // (directions, width) right singular directions of the gate's gradient
  std::size_t directions = 0;

  double along(std::size_t direction, const Expert& other) const {
    double sum = 0.0;
    for (std::size_t c = 0; c < row.size(); ++c) sum += row[c] * other.leading[direction * row.size() + c];
    return sum;
  }
  /// Of this row's square, inside the other's directions.
  double share_in(const Expert& other) const {
    double sum = 0.0;
    for (std::size_t d = 0; d < other.directions; ++d) sum += along(d, other) * along(d, other);
    return sum;
  }
};

/// Of length 1; empty where it has none.
std::vector<double> direction_of(const float* row, std::size_t size) {
  double square = 0.0;
  for (std::size_t c = 0; c < size; ++c) square += static_cast<double>(row[c]) * static_cast<double>(row[c]);
  if (!(square > 0.0)) return {};
  std::vector<double> out(size);
  for (std::size_t c = 0; c < size; ++c) out[c] = static_cast<double>(row[c]) / std::sqrt(square);
  return out;
}

/// G^T G.
std::vector<double> gram_of(Block<const float> g) {
  std::vector<double> gram(g.columns * g.columns, 0.0);
  for (std::size_t r = 0; r < g.rows; ++r) {
    for (std::size_t i = 0; i < g.columns; ++i) {
      const auto entry = static_cast<double>(g(r, i));
      for (std::size_t j = 0; j < g.columns; ++j)
        gram[i * g.columns + j] += entry * static_cast<double>(g(r, j));
    }
  }
  return gram;
}

std::optional<Expert> expert_of(const float* row, Block<const float> gate) {
  Expert out;
  out.row = direction_of(row, gate.columns);
  const auto gram = gram_of(gate);
  auto eigen = stats::symmetric_eigen({gram.data(), gate.columns, gate.columns});
  double all = 0.0, held = 0.0;
  for (const double value : eigen.values) all += value;
  if (out.row.empty() || !(all > 0.0)) return std::nullopt;
  while (held < held_share * all) held += eigen.values[out.directions++];
  out.leading = std::move(eigen.vectors);
  out.leading.resize(out.directions * gate.columns);
  return out;
}

}  // namespace

std::optional<GradientAlignment> gradient_alignment(Block<const float> router,
                                                    const std::vector<Block<const float>>& gates) {
  std::vector<Expert> experts;
  for (std::size_t e = 0; e < gates.size(); ++e) {
    if (auto expert = expert_of(router.row(e), gates[e])) experts.push_back(*std::move(expert));
  }
  if (experts.size() < 2) return std::nullopt;
  const auto count = static_cast<double>(experts.size());
  const double pairs = count * (count - 1.0);
  GradientAlignment out;
  for (const Expert& one : experts) {
    out.directions += static_cast<double>(one.directions) / count;
    for (const Expert& two : experts) {
      const bool own = &one == &two;
      (own ? out.own : out.other) += std::fabs(one.along(0, two)) / (own ? count : pairs);
      (own ? out.own_share : out.other_share) += one.share_in(two) / (own ? count : pairs);
    }
  }
  return out;
}

}  // namespace pastonly::lab
