#include "model/objectives.h"

#include <cmath>
#include <utility>
#include <vector>

#include "catch.h"
#include "stats/row_geometry.h"
#include "unit/model/sample.h"

namespace pastonly::model {
namespace {

Matrix<double> random_matrix(std::size_t rows, std::size_t columns, std::uint64_t seed) {
  Matrix<double> matrix;
  matrix.resize(rows, columns);
  stats::CounterRng random(seed);
  for (double& value : matrix.buffer()) value = random.normal();
  return matrix;
}

Matrix<double> copy(const Matrix<double>& from) {
  Matrix<double> to;
  to.resize(from.rows(), from.columns());
  std::copy(from.buffer().begin(), from.buffer().end(), to.buffer().begin());
  return to;
}

constexpr std::size_t experts = 5, width = 6, gate_rows = 4, in_rows = 8;

}  // namespace

TEST_CASE("coupling: gradients with the noise held", "[model][gradients][objectives]") {
  auto router = random_matrix(experts, width, 1), in = random_matrix(experts * in_rows, width, 2);
  const auto noise = coupling_noise<double>(router.block(), 3, 0);
  for (const double alpha : {1.0, 0.6, 0.0}) {
    const auto loss = [&] {
      return Coupling<double>(router.block(), in.block(), gate_rows, alpha, copy(noise)).loss();
    };
    Matrix<double> d_router, d_in;
    d_router.resize(experts, width);
    d_in.resize(experts * in_rows, width);
    for (auto* matrix : {&d_router, &d_in}) std::fill(matrix->buffer().begin(), matrix->buffer().end(), 0.0);
    Coupling<double>(router.block(), in.block(), gate_rows, alpha, copy(noise))
        .backward(0.7, d_router.block(), d_in.block());
    for (auto [values, gradients] : {std::pair{&router, &d_router}, {&in, &d_in}}) {
      for (std::size_t i = 0; i < values->buffer().size(); ++i) {
        constexpr double step = 1e-6;
        double& value = values->buffer()[i];
        const double kept = value;
        value = kept + step;
        const double above = loss();
        value = kept - step;
        const double below = loss();
        value = kept;
        CHECK(gradients->buffer()[i] ==
              Approx(0.7 * (above - below) / (2 * step)).epsilon(1e-6).margin(1e-8));
      }
    }
  }
}

TEST_CASE("coupling: matches its definition", "[model][objectives]") {
  const auto router = random_matrix(experts, width, 4), in = random_matrix(experts * in_rows, width, 5);
  const auto noise = coupling_noise<double>(router.block(), 6, 1);
  const double alpha = 0.8;
  double norms[experts][experts];
  for (std::size_t i = 0; i < experts; ++i) {
    for (std::size_t j = 0; j < experts; ++j) {
      double square = 0.0;
      for (std::size_t row = 0; row < gate_rows; ++row) {
        double sum = 0.0;
        for (std::size_t c = 0; c < width; ++c)
          sum += router.row(i)[c] * noise.row(i)[c] * in.row(j * in_rows + row)[c];
        square += sum * sum;
      }
      norms[i][j] = std::sqrt(square);
    }
  }
  double expected = 0.0;
  for (std::size_t i = 0; i < experts; ++i) {
    for (std::size_t j = 0; j < experts; ++j) {
      if (i == j) continue;
      expected += std::max(norms[i][j] - alpha * norms[i][i], 0.0);  // a proxy excites its own expert most
      expected += std::max(norms[j][i] - alpha * norms[i][i], 0.0);  // an expert is excited most by its own
    }
  }
  expected /= experts * experts;
  CHECK(Coupling<double>(router.block(), in.block(), gate_rows, alpha, copy(noise)).loss() ==
        Approx(expected));
}

TEST_CASE("coupling: noise stays within half the distance to the nearest row", "[model][objectives]") {
  const auto router = random_matrix(experts, width, 7);
  const auto bounds = stats::relative_half_distances<double>(router.block());
  for (std::size_t i = 0; i < experts; ++i) {
    double nearest = 1e300, length = 0.0;
    for (std::size_t c = 0; c < width; ++c) length += router.row(i)[c] * router.row(i)[c];
    for (std::size_t j = 0; j < experts; ++j) {
      double square = 0.0;
      for (std::size_t c = 0; c < width; ++c) square += std::pow(router.row(i)[c] - router.row(j)[c], 2);
      if (j != i) nearest = std::min(nearest, std::sqrt(square));
    }
    CHECK(bounds[i] == Approx(nearest / (2.0 * std::sqrt(length))));
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const auto noise = coupling_noise<double>(router.block(), seed, 0);
      double moved = 0.0;
      for (std::size_t c = 0; c < width; ++c) {
        CHECK(std::abs(noise.row(i)[c] - 1.0) <= bounds[i]);
        moved += std::pow(router.row(i)[c] * (noise.row(i)[c] - 1.0), 2);
      }
      CHECK(std::sqrt(moved) <= nearest / 2.0);  // so the proxy's nearest row is its own
    }
  }
}

TEST_CASE("orthogonality: 0 for orthogonal rows, 1 for parallel ones", "[model][objectives]") {
  std::vector<double> rows{2, 0, 0, 0, 3, 0, 0, 0, -1};
  CHECK(orthogonality_loss<double>({rows.data(), 3, 3}) == Approx(0.0).margin(1e-15));
  std::vector<double> parallel{1, 2, 3, -2, -4, -6};
  CHECK(orthogonality_loss<double>({parallel.data(), 2, 3}) == Approx(1.0));
}

TEST_CASE("balance and z losses have their closed forms at a router of zeros", "[model][objectives]") {
  ModelConfig config = small_config();
  auto network = Network<double>::make(config, 1);
  REQUIRE(network);
  for (const auto& layer : network->table().layers) {
    const auto router = network->parameters().block(*layer.router);
    std::fill(router.data, router.data + router.rows * router.columns, 0.0);
  }
  Sample sample({2, 10, TokenOrder::batch_major}, config.vocab);
  Workspace<double> workspace;
  network->forward(sample.batch(), {}, {.balance = 1.0, .z = 1.0}, workspace);
  // Every probability is 1/N whatever the counts: N sum f_i / N = 1; logsumexp is log N.
  CHECK(workspace.losses.balance == Approx(1.0));
  CHECK(workspace.losses.z == Approx(std::pow(std::log(5.0), 2)));
  CHECK(workspace.losses.predicted == 18);
}

TEST_CASE("balance loss: N where one expert of N takes all with certainty", "[model][objectives]") {
  ModelConfig config = small_config();
  config.router.rule = {"top-k", {{"k", 1}}};
  LayerState<double> layer;
  layer.router.resize(config, 3);
  layer.routing.selected.reset(3, 5);
  for (std::size_t t = 0; t < 3; ++t) {
    for (std::size_t e = 0; e < 5; ++e) layer.router.scores.row(t)[e] = e == 2 ? 1.0 : 0.0;
    layer.routing.selected(t, 2) = 1;
  }
  Sample sample({1, 3, TokenOrder::batch_major}, config.vocab);
  std::vector<double> slope;
  CHECK(balance_loss<double>(config, sample.batch(), layer, slope) == Approx(5.0));
  CHECK(slope == std::vector<double>{0, 0, 5, 0, 0});
}

}  // namespace pastonly::model
