#include "stats/probe.h"

#include <cmath>

#include "catch.h"
#include "stats/random.h"

using namespace pastonly::stats;

namespace {

struct Data {
  SparseRows rows;
  std::vector<std::uint32_t> targets;
};

// Each row has two of 16 features; the target is feature % classes with the given probability, else any.
Data planted(std::uint64_t seed, std::size_t count, std::uint32_t classes, double share) {
  CounterRng rng(seed);
  Data data;
  data.rows.features = 16;
  for (std::size_t i = 0; i < count; ++i) {
    const auto first = static_cast<std::uint32_t>(rng.below(8)),
               second = 8 + static_cast<std::uint32_t>(rng.below(8));
    data.rows.entries.emplace_back(first, 1.0F);
    data.rows.entries.emplace_back(second, 1.0F);
    data.rows.end_row();
    const bool given = rng.uniform() < share;
    data.targets.push_back(given ? first % classes : static_cast<std::uint32_t>(rng.below(classes)));
  }
  return data;
}

pastonly::MatrixView<const double> for_all(const std::vector<double>& prior) {
  return {prior.data(), 1, prior.size()};
}

double mean_gain(const SoftmaxProbe& probe, const Data& data, const std::vector<double>& prior) {
  double sum = 0.0;
  for (std::size_t i = 0; i < data.rows.rows(); ++i) {
    sum += probe.gain(data.rows.row(i), data.targets[i], prior);
  }
  return sum / static_cast<double>(data.rows.rows());
}

}  // namespace

TEST_CASE("the probe finds a planted channel and its size", "[stats][probe]") {
  const std::vector<double> prior(8, 0.125);
  // With share s the entropy of the target given the features is that of (s + (1-s)/8, 7 x (1-s)/8).
  const double share = 0.6, hit = share + 0.4 / 8.0, miss = 0.4 / 8.0;
  const double information = 3.0 + hit * std::log2(hit) + 7.0 * miss * std::log2(miss);
  const Data train = planted(1, 4000, 8, share), test = planted(2, 4000, 8, share);
  const auto probe = SoftmaxProbe::fit(train.rows, train.targets, for_all(prior), 2.0, 100);
  const double gain = mean_gain(probe, test, prior);
  CHECK(gain > 0.95 * information);
  CHECK(gain < 1.1 * information);
}

TEST_CASE("the probe's probabilities sum to one", "[stats][probe]") {
  const Data train = planted(3, 200, 4, 0.5);
  const std::vector<double> prior{0.4, 0.3, 0.2, 0.1};
  const auto probe = SoftmaxProbe::fit(train.rows, train.targets, for_all(prior), 1.0);
  for (std::size_t i = 0; i < 20; ++i) {
    double sum = 0.0;
    for (std::uint32_t c = 0; c < 4; ++c)
      sum += prior[c] * std::exp2(probe.gain(train.rows.row(i), c, prior));
    CHECK(sum == Approx(1.0).epsilon(1e-5));
  }
}

TEST_CASE("the probe stays at the prior without data, features or news", "[stats][probe]") {
  const std::vector<double> prior(4, 0.25);
  const auto untrained = SoftmaxProbe::fit(SparseRows{}, {}, for_all(prior), 1.0);
  CHECK(untrained.gain({}, 2, prior) == Approx(0.0).margin(1e-6));
  Data constant;
  constant.rows.features = 3;
  for (std::uint32_t i = 0; i < 40; ++i) {
    constant.rows.end_row();  // no feature is ever set
    constant.targets.push_back(i % 4);
  }
  const auto blind = SoftmaxProbe::fit(constant.rows, constant.targets, for_all(prior), 1.0);
  CHECK(blind.gain({}, 1, prior) == Approx(0.0).margin(1e-6));
  const Data train = planted(4, 1000, 4, 0.0), test = planted(5, 1000, 4, 0.0);
  const auto probe = SoftmaxProbe::fit(train.rows, train.targets, for_all(prior), 0.1);
  CHECK(mean_gain(probe, test, prior) < 0.005);
}

TEST_CASE("a prior of each row's own leaves the probe only what is new", "[stats][probe]") {
  // The first feature tells the target; a prior that knows it already leaves nothing to gain.
  const Data train = planted(6, 2000, 8, 1.0), test = planted(7, 500, 8, 1.0);
  const auto priors_of = [](const Data& data, double sure) {
    std::vector<double> priors(data.targets.size() * 8, (1.0 - sure) / 7.0);
    for (std::size_t i = 0; i < data.targets.size(); ++i) priors[i * 8 + data.targets[i]] = sure;
    return priors;
  };
  const auto gained = [&](double sure) {
    const auto priors = priors_of(train, sure), tested = priors_of(test, sure);
    const auto probe =
        SoftmaxProbe::fit(train.rows, train.targets, {priors.data(), train.targets.size(), 8}, 0.1);
    double sum = 0.0;
    for (std::size_t i = 0; i < test.targets.size(); ++i) {
      sum += probe.gain(test.rows.row(i), test.targets[i], std::span(tested).subspan(i * 8, 8));
    }
    return sum / static_cast<double>(test.targets.size());
  };
  CHECK(gained(0.125) > 1.0);
  CHECK(gained(1.0) == Approx(0.0).margin(1e-6));
}
