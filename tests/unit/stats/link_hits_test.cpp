#include "stats/link_hits.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "catch.h"
#include "stats/halves.h"
#include "stats/random.h"

using namespace pastonly;
using namespace pastonly::stats;

namespace {

struct LinkedTokens {
  std::vector<std::size_t> from_starts{0}, to_starts{0}, groups{0};
  std::vector<std::uint32_t> from, to;
  std::vector<float> features;
  std::size_t experts = 8;

  std::size_t units() const { return to_starts.size() - 1; }
  Links links(bool scored) const {
    return {{from_starts, from, experts},
            {to_starts, to, experts},
            scored ? MatrixView<const float>(features.data(), units(), experts) : MatrixView<const float>(),
            groups};
  }
};

std::vector<std::uint32_t> two_best(const std::vector<float>& scores) {
  std::vector<std::uint32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(order, std::greater<>(), [&](std::uint32_t e) { return scores[e]; });
  order.resize(2);
  std::ranges::sort(order);
  return order;
}

/// Tokens with scores at two layers. The second layer's are its own ones, plus `copied` times the first's.
LinkedTokens linked_tokens(std::uint64_t seed, double copied, std::size_t groups = 6,
                           std::size_t length = 50) {
  LinkedTokens out;
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t i = 0; i < length; ++i) {
      CounterRng random(seed, g * length + i);
      std::vector<float> first(out.experts), second(out.experts);
      for (std::size_t e = 0; e < out.experts; ++e) {
        first[e] = static_cast<float>(random.uniform());
        second[e] =
            static_cast<float>(random.uniform() + copied * first[e] + 0.3 * static_cast<double>(e == 5));
      }
      for (const auto e : two_best(first)) out.from.push_back(e);
      for (const auto e : two_best(second)) out.to.push_back(e);
      out.from_starts.push_back(out.from.size());
      out.to_starts.push_back(out.to.size());
      out.features.insert(out.features.end(), first.begin(), first.end());
    }
    out.groups.push_back(out.units());
  }
  return out;
}

/// The values in the order in which they are named.
std::vector<std::uint32_t> named(const std::vector<double>& scores, const std::vector<double>& popular) {
  std::vector<std::uint32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(order, [&](std::uint32_t a, std::uint32_t b) {
    return scores[a] != scores[b] ? scores[a] > scores[b] : popular[a] > popular[b];
  });
  return order;
}

using Rows = std::vector<std::vector<double>>;

/// Gauss and Jordan: the solution X of A X = B.
Rows by_elimination(Rows a, Rows b) {
  const std::size_t n = a.size();
  for (std::size_t i = 0; i < n; ++i) {
    const double pivot = a[i][i];
    for (double& x : a[i]) x /= pivot;
    for (double& x : b[i]) x /= pivot;
    for (std::size_t r = 0; r < n; ++r) {
      if (r == i) continue;
      const double factor = a[r][i];
      for (std::size_t c = 0; c < n; ++c) a[r][c] -= factor * a[i][c];
      for (std::size_t c = 0; c < b[i].size(); ++c) b[r][c] -= factor * b[i][c];
    }
  }
  return b;
}

/// Ridge regression of the units of one half: weights (features, experts), and the means of both.
struct Fit {
  std::vector<double> x = std::vector<double>(8, 0.0), y = std::vector<double>(8, 0.0);
  Rows weights;
};
Fit fitted(const LinkedTokens& s, const std::vector<std::size_t>& units) {
  Fit fit;
  Rows xs, ys;
  for (const std::size_t unit : units) {
    xs.emplace_back(s.features.begin() + static_cast<std::ptrdiff_t>(unit * 8),
                    s.features.begin() + static_cast<std::ptrdiff_t>(unit * 8 + 8));
    ys.emplace_back(8, 0.0);
    for (std::size_t j = s.to_starts[unit]; j < s.to_starts[unit + 1]; ++j) ys.back()[s.to[j]] = 1.0;
    for (std::size_t e = 0; e < 8; ++e) {
      fit.x[e] += xs.back()[e] / static_cast<double>(units.size());
      fit.y[e] += ys.back()[e] / static_cast<double>(units.size());
    }
  }
  Rows gram(8, std::vector<double>(8, 0.0)), right = gram;
  double trace = 0.0;
  for (std::size_t a = 0; a < 8; ++a) {
    for (std::size_t b = 0; b < 8; ++b) {
      for (std::size_t i = 0; i < xs.size(); ++i) {
        gram[a][b] += (xs[i][a] - fit.x[a]) * (xs[i][b] - fit.x[b]);
        right[a][b] += (xs[i][a] - fit.x[a]) * (ys[i][b] - fit.y[b]);
      }
    }
    trace += gram[a][a];
  }
  for (std::size_t a = 0; a < 8; ++a) gram[a][a] += 1e-3 * trace / 8.0;
  fit.weights = by_elimination(gram, right);
  return fit;
}

double all_hits(const std::vector<LinkHits>& hits, LinkHits::Named LinkHits::*named, std::size_t budget) {
  double sum = 0.0;
  for (const LinkHits& group : hits) sum += (group.*named)[budget];
  return sum;
}

}  // namespace

TEST_CASE("link hits agree with counting and with the normal equations", "[stats][links]") {
  for (const std::size_t groups : {std::size_t{1}, std::size_t{2}, std::size_t{5}}) {
    const LinkedTokens s = linked_tokens(groups, 0.7, groups);
    const auto hits = link_hits(s.links(true));
    REQUIRE(hits.size() == groups);
    std::vector<LinkHits> expected(groups);
    const Halves halves(s.groups);
    for (const int learned : {0, 1}) {
      std::vector<std::size_t> from;
      for (std::size_t u = 0; u < s.units(); ++u) {
        if (halves.half[u] == learned) from.push_back(u);
      }
      std::vector<double> popular(8, 0.0), seen(8, 0.0);
      std::vector<std::vector<double>> together(8, std::vector<double>(8, 0.0));
      for (const std::size_t u : from) {
        for (std::size_t j = s.to_starts[u]; j < s.to_starts[u + 1]; ++j) popular[s.to[j]] += 1.0;
        for (std::size_t i = s.from_starts[u]; i < s.from_starts[u + 1]; ++i) {
          seen[s.from[i]] += 1.0;
          for (std::size_t j = s.to_starts[u]; j < s.to_starts[u + 1]; ++j)
            together[s.from[i]][s.to[j]] += 1.0;
        }
      }
      const Fit fit = fitted(s, from);
      for (std::size_t u = 0; u < s.units(); ++u) {
        if (halves.half[u] == learned) continue;
        std::vector<double> table(8, 0.0), linear(8, 0.0);
        for (std::size_t e = 0; e < 8; ++e) {
          for (std::size_t i = s.from_starts[u]; i < s.from_starts[u + 1]; ++i)
            table[e] += together[s.from[i]][e] / seen[s.from[i]];
          linear[e] = fit.y[e];
          for (std::size_t f = 0; f < 8; ++f)
            linear[e] += (s.features[u * 8 + f] - fit.x[f]) * fit.weights[f][e];
        }
        LinkHits& group = expected[halves.group[u]];
        for (std::size_t j = s.to_starts[u]; j < s.to_starts[u + 1]; ++j) {
          group.values += 1.0;
          const auto add = [&](const std::vector<double>& scores, LinkHits::Named& into) {
            const auto order = named(scores, popular);
            const auto at = static_cast<std::size_t>(std::ranges::find(order, s.to[j]) - order.begin());
            for (std::size_t b = 0; b < LinkHits::budgets; ++b) into[b] += at < 2 * (b + 1) ? 1.0 : 0.0;
          };
          add(table, group.table);
          add(linear, group.linear);
          add(std::vector<double>(8, 0.0), group.popular);
        }
      }
    }
    for (std::size_t g = 0; g < groups; ++g) {
      CHECK(hits[g].values == expected[g].values);
      CHECK(hits[g].table == expected[g].table);
      CHECK(hits[g].linear == expected[g].linear);
      CHECK(hits[g].popular == expected[g].popular);
    }
  }
}

TEST_CASE("layers that choose by themselves foretell nothing, copies everything", "[stats][links]") {
  std::size_t better = 0;
  double gain = 0.0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const auto hits = link_hits(linked_tokens(100 + seed, 0.0, 8, 100).links(true));
    const double table = all_hits(hits, &LinkHits::table, 0), popular = all_hits(hits, &LinkHits::popular, 0);
    better += table > popular ? 1 : 0;
    gain += (table - popular) / all_hits(hits, &LinkHits::popular, 0);
  }
  CHECK(gain / 40.0 == Approx(0.0).margin(0.02));
  CHECK(better < 32);  // no more often than not, or hardly: binomial, 1 in 10,000
  LinkedTokens copy = linked_tokens(7, 0.0, 4, 100);
  copy.to = copy.from;
  for (std::uint32_t& value : copy.to) value = (value + 3) % 8;
  const auto hits = link_hits(copy.links(true));
  double values = 0.0;
  for (const LinkHits& group : hits) values += group.values;
  CHECK(all_hits(hits, &LinkHits::table, 0) / values > 0.99);
  CHECK(all_hits(hits, &LinkHits::linear, 0) / values > 0.8);
  CHECK(all_hits(hits, &LinkHits::popular, 3) == values);  // 4K is all there are
}

TEST_CASE("link hits at the edges", "[stats][links]") {
  CHECK(link_hits({}).empty());
  LinkedTokens none;  // a group without units
  none.groups = {0, 0};
  CHECK(link_hits(none.links(false)).at(0).values == 0.0);
  LinkedTokens one = linked_tokens(1, 0.5, 1, 1);
  CHECK(link_hits(one.links(true)).at(0).values <= 2.0);
  LinkedTokens flat = linked_tokens(3, 0.5);
  std::ranges::fill(flat.features, 1.0F);  // scores that tell nothing: no map
  const auto hits = link_hits(flat.links(true));
  CHECK(all_hits(hits, &LinkHits::linear, 0) == 0.0);
}
