#include "stats/label_information.h"

#include <cmath>
#include <map>
#include <vector>

#include "catch.h"
#include "stats/held_out_hits.h"
#include "stats/random.h"

using namespace pastonly;

namespace {

/// Units in groups of unlike sizes with 0 to 3 values each, drawn by their label with the given chance.
struct Sample {
  std::vector<std::size_t> starts{0}, groups{0};
  std::vector<std::uint32_t> values, labels;
  std::size_t value_count = 6, label_count = 5;

  Sample(std::uint64_t seed, double by_label, std::size_t group_count, bool by_group = false) {
    stats::CounterRng rng(seed);
    for (std::size_t g = 0; g < group_count; ++g) {
      const auto of_group = static_cast<std::uint32_t>(rng.below(label_count));
      for (std::size_t i = 0, size = 5 + rng.below(20); i < size; ++i) {
        labels.push_back(by_group ? of_group : static_cast<std::uint32_t>(rng.below(label_count)));
        std::vector<bool> taken(value_count, false);
        for (std::size_t k = 0, count = rng.below(4); k < count; ++k) {
          const std::size_t value =
              rng.uniform() < by_label ? (labels.back() + k) % value_count : rng.below(value_count);
          if (!taken[value]) values.push_back(static_cast<std::uint32_t>(value));
          taken[value] = true;
        }
        starts.push_back(values.size());
      }
      groups.push_back(labels.size());
    }
  }
  stats::LabelledUnits units() const { return {starts, values, value_count, labels, label_count, groups}; }
};

/// By the definition: sum of p(x, y) log2 p(x, y) / (p(x) p(y)).
double information_by_definition(const Sample& sample) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, double> both;
  std::map<std::uint32_t, double> label, value;
  const auto pairs = static_cast<double>(sample.values.size());
  for (std::size_t unit = 0; unit < sample.labels.size(); ++unit) {
    for (std::size_t i = sample.starts[unit]; i < sample.starts[unit + 1]; ++i) {
      both[{sample.labels[unit], sample.values[i]}] += 1.0 / pairs;
      label[sample.labels[unit]] += 1.0 / pairs;
      value[sample.values[i]] += 1.0 / pairs;
    }
  }
  double sum = 0.0;
  for (const auto& [at, p] : both) sum += p * std::log2(p / (label[at.first] * value[at.second]));
  return sum;
}

/// Counts every label's values in the other half, and sorts all values for every unit anew.
std::vector<stats::Hits> hits_by_definition(const Sample& sample) {
  const std::size_t group_count = sample.groups.size() - 1;
  std::vector<std::size_t> group_of, half;
  for (std::size_t g = 0; g < group_count; ++g) {
    for (std::size_t u = sample.groups[g]; u < sample.groups[g + 1]; ++u) {
      group_of.push_back(g);
      half.push_back(group_count > 1 ? g % 2 : (2 * u >= sample.labels.size() ? 1 : 0));
    }
  }
  std::vector<stats::Hits> out(group_count);
  for (std::size_t unit = 0; unit < sample.labels.size(); ++unit) {
    std::vector<double> popular(sample.value_count, 0.0), table(sample.value_count, 0.0);
    for (std::size_t other = 0; other < sample.labels.size(); ++other) {
      if (half[other] == half[unit]) continue;
      for (std::size_t i = sample.starts[other]; i < sample.starts[other + 1]; ++i) {
        popular[sample.values[i]] += 1.0;
        table[sample.values[i]] += sample.labels[other] == sample.labels[unit] ? 1.0 : 0.0;
      }
    }
    for (std::size_t v = 0; v < sample.value_count; ++v) {
      popular[v] -= 1e-6 * static_cast<double>(v);
      table[v] += 1e-5 * popular[v];
    }
    const std::size_t count = sample.starts[unit + 1] - sample.starts[unit];
    const auto among_best = [&](const std::vector<double>& by, std::size_t value) {
      std::size_t above = 0;
      for (const double x : by) above += x > by[value] ? 1 : 0;
      return above < count;
    };
    for (std::size_t i = sample.starts[unit]; i < sample.starts[unit + 1]; ++i) {
      stats::Hits& hits = out[group_of[unit]];
      hits.values += 1.0;
      hits.popular += among_best(popular, sample.values[i]) ? 1.0 : 0.0;
      hits.table += among_best(table, sample.values[i]) ? 1.0 : 0.0;
    }
  }
  return out;
}

}  // namespace

TEST_CASE("information of labels is that of its definition", "[stats][labels]") {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const Sample sample(seed, 0.1 * static_cast<double>(seed % 11), 1 + seed % 7);
    CHECK(stats::label_information(sample.units(), seed).information ==
          Approx(information_by_definition(sample)).margin(1e-12));
  }
}

TEST_CASE("labels explain nothing, all, or what lies between", "[stats][labels]") {
  // Of no label: chance alone, on average 0 and inside the range of chance in 19 of 20.
  double sum = 0.0;
  int outside = 0;
  constexpr int samples = 200;
  for (std::uint64_t seed = 0; seed < samples; ++seed) {
    const auto found = stats::label_information(Sample(seed, 0.0, 8).units(), seed);
    sum += found.explained();
    outside += found.explained_low() > 0.0 || found.explained_high() < 0.0 ? 1 : 0;
  }
  UNSCOPED_INFO("mean " << sum / samples << ", outside " << outside << " of " << samples);
  CHECK(sum / samples == Approx(0.0).margin(0.01));
  CHECK(outside <= 20);  // 10 expected
  // A label that decides: one value for each.
  Sample decided(1, 1.0, 8);
  decided.starts = {0};
  decided.values = decided.labels;
  for (std::size_t unit = 0; unit < decided.labels.size(); ++unit) decided.starts.push_back(unit + 1);
  CHECK(stats::label_information(decided.units(), 1).explained() == Approx(1.0));
  const double half = stats::label_information(Sample(2, 0.5, 40).units(), 2).explained();
  CHECK(half > 0.05);
  CHECK(half < 0.9);
}

TEST_CASE("labels of whole groups are judged by groups", "[stats][labels]") {
  // Values follow the group and not the label: within a group they are alike, which is no merit of labels.
  int beyond = 0;
  constexpr int samples = 100;
  for (std::uint64_t seed = 0; seed < samples; ++seed) {
    Sample sample(seed, 0.0, 12, true);
    stats::CounterRng rng(seed, 9);
    for (std::size_t g = 0; g < 12; ++g) {
      const auto favourite = static_cast<std::uint32_t>(rng.below(sample.value_count));
      for (std::size_t i = sample.starts[sample.groups[g]]; i < sample.starts[sample.groups[g + 1]]; ++i)
        if (rng.uniform() < 0.7) sample.values[i] = favourite;
    }
    beyond += stats::label_information(sample.units(), seed).explained_low() > 0.0 ? 1 : 0;
  }
  UNSCOPED_INFO("beyond chance " << beyond << " of " << samples);
  CHECK(beyond <= 10);  // 2.5 expected
}

TEST_CASE("held-out hits are those of counting", "[stats][labels]") {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const Sample sample(seed, 0.7, 1 + seed % 6);
    const auto found = stats::held_out_hits(sample.units());
    const auto expected = hits_by_definition(sample);
    REQUIRE(found.size() == expected.size());
    for (std::size_t g = 0; g < found.size(); ++g) {
      CHECK(found[g].values == expected[g].values);
      CHECK(found[g].popular == expected[g].popular);
      CHECK(found[g].table == expected[g].table);
    }
  }
}
