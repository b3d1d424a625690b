#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "audits/checks.h"
#include "audits/shared/dependence_report.h"
#include "audits/shared/router_charts.h"
#include "audits/shared/seen_router.h"
#include "evidence/observations.h"
#include "pastonly/names.h"
#include "stats/parallel.h"
#include "stats/row_geometry.h"
#include "stats/symmetric_eigen.h"

namespace pastonly::audits {
namespace {

using Pair = std::pair<std::size_t, std::size_t>;

struct RowFindings {
  LayerIndex index{};
  std::vector<Measurement> measurements;
  std::vector<std::size_t> dead;  // rows of zeros
  std::vector<Pair> same;         // rows of one direction
  std::vector<Chart> charts;
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
}

double mean(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

/// How much of the rows' squared length is the same in all: a softmax router does not see it.
double common_share(const kernels::Matrix<double>& rows, const std::vector<double>& norms) {
  double common = 0.0, all = 0.0;
  for (std::size_t c = 0; c < rows.columns(); ++c) {
    double sum = 0.0;
    for (std::size_t i = 0; i < rows.rows(); ++i) sum += rows.row(i)[c];
    common += sum * sum;
  }
  for (const double norm : norms) all += norm * norm;
  return all > 0.0 ? common / (all * static_cast<double>(rows.rows())) : 0.0;
}

/// Rows that say no more than one of them: what lies between their directions is no more than the rounding of
/// both as they are stored, which is what copies, one scaled, would show at most.
std::vector<Pair> same_rows(const SeenRouter& router, const stats::RowGeometry& geometry) {
  constexpr double near = 0.99;  // others need no closer look: no type of weights rounds so coarsely
  const double rounding = std::max(2.0 * router.layer.rounding, 1e-12);
  std::vector<Pair> out;
  for (std::size_t i = 0; i < geometry.rows(); ++i) {
    for (std::size_t j = i + 1; j < geometry.rows(); ++j) {
      if (geometry.cosine(i, j) > std::min(near, 1.0 - rounding * rounding) &&
          stats::chord(router.rows.row(i), router.rows.row(j), router.layer.width) <= rounding)
        out.emplace_back(i, j);
    }
  }
  return out;
}

RowFindings look_at(const Weights& weights, std::size_t position, const Trace& trace) {
  const SeenRouter router = seen_router(weights, position);
  const auto geometry = stats::row_geometry(router.rows.block());
  const std::size_t n = geometry.rows();
  RowFindings out{router.layer.index, {}, {}, {}, {}};
  const auto say = [&](const char* name, double value, const char* unit, std::size_t samples) {
    out.measurements.push_back({name, value, {}, {}, unit, samples, out.index});
  };
  for (std::size_t i = 0; i < n; ++i) {
    if (!(geometry.norms[i] > 0.0)) out.dead.push_back(i);
  }
  say(measurement::router_norm, median(geometry.norms), "length", n);
  say(measurement::router_norm_smallest, *std::ranges::min_element(geometry.norms), "length", n);
  say(measurement::router_norm_largest, *std::ranges::max_element(geometry.norms), "length", n);
  std::vector<double> cosines, sizes;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (!(geometry.norms[i] > 0.0 && geometry.norms[j] > 0.0)) continue;
      cosines.push_back(geometry.cosine(i, j));
      sizes.push_back(std::abs(cosines.back()));
    }
  }
  if (cosines.empty()) return out;
  say(measurement::router_cosine, mean(cosines), "cosine", cosines.size());
  say(measurement::router_cosine_magnitude, mean(sizes), "cosine", cosines.size());
  say(measurement::router_cosine_largest, *std::ranges::max_element(cosines), "cosine", cosines.size());
  const auto separations = stats::relative_half_distances<double>(router.rows.block());
  say(measurement::router_separation, median(separations), "fraction of the row's length", n);
  say(measurement::router_separation_smallest, *std::ranges::min_element(separations),
      "fraction of the row's length", n);
  say(measurement::router_common_share, common_share(router.rows, geometry.norms), "fraction", n);
  say(measurement::router_plane_share, stats::principal_plane(router.rows.block()).share, "fraction", n);
  out.same = same_rows(router, geometry);
  if (!is_layer_drawn(position, weights.layers(), n)) return out;
  out.charts = plane_charts(router, trace);
  out.charts.push_back(
      square_chart("cosines", out.index, "cosines between router rows", geometry.cosines, n));
  out.charts.back().x = out.charts.back().y = "router row";
  out.charts.back().unit = "cosine";
  return out;
}

constexpr std::size_t most_named = 3;

std::string pairs_text(const RowFindings& layer) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < std::min(most_named, layer.same.size()); ++i)
    words.push_back(fmt::format("{} and {}", layer.same[i].first, layer.same[i].second));
  if (layer.same.size() > most_named)
    words.push_back(fmt::format("{} more pairs", layer.same.size() - most_named));
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string rows_text(const RowFindings& layer) {
  const std::size_t count = std::min(2 * most_named, layer.dead.size());
  std::string text = fmt::format("{}", fmt::join(layer.dead.begin(), layer.dead.begin() + count, ", "));
  if (layer.dead.size() > count) text += fmt::format(" and {} more", layer.dead.size() - count);
  return text;
}

/// One claim for the layers of which `has` says so; `words` names what is there in the first of them.
template <class Has, class Words>
void claim_of(const std::vector<RowFindings>& found, const char* id, Has&& has, Words&& words,
              const char* help, Ran& ran) {
  Claim claim;
  claim.id = id;
  claim.basis = Claim::Basis::observation;
  claim.help = help;
  for (const RowFindings& layer : found) {
    if (!has(layer)) continue;
    if (claim.layers.empty()) claim.message = words(layer);
    claim.layers.push_back(layer.index);
  }
  if (claim.layers.empty()) return;
  if (claim.layers.size() > 1)
    claim.message +=
        fmt::format("; likewise in {}", layer_list({claim.layers.begin() + 1, claim.layers.end()}));
  ran.claims.push_back(std::move(claim));
}

Outcome run_router_geometry(const CheckContext& context) {
  const Weights* weights = context.observations.subject().weights();
  if (weights == nullptr) return Skipped{"the weights of routers and experts are not known"};
  const auto trace = context.observations.base();
  if (!trace) return trace.error();
  std::vector<RowFindings> found(weights->layers());
  stats::parallel_for(found.size(), [&](std::size_t l) {
    if (!context.observations.watch().stop()) found[l] = look_at(*weights, l, *trace);
  });
  if (context.observations.watch().stop()) return Error{Error::Kind::interrupted, "interrupted"};
  Ran ran;
  for (auto& layer : found) {
    ran.measurements.insert(ran.measurements.end(), layer.measurements.begin(), layer.measurements.end());
    std::ranges::move(layer.charts, std::back_inserter(ran.charts));
  }
  claim_of(
      found, claim::same_rows, [](const RowFindings& layer) { return !layer.same.empty(); },
      [](const RowFindings& layer) {
        return fmt::format(
            "router rows {} of layer {} are the same up to a factor and the rounding of their "
            "stored numbers: whatever the token, one logit is the other times a constant, biases apart",
            pairs_text(layer), raw(layer.index));
      },
      "The router cannot tell tokens of one such expert from those of the other. Look at how the "
      "router was initialised, converted or upcycled.",
      ran);
  claim_of(
      found, claim::dead_row, [](const RowFindings& layer) { return !layer.dead.empty(); },
      [](const RowFindings& layer) {
        return fmt::format(
            "router row{} {} of layer {} {} zero behind the norm: the same logit for every token",
            layer.dead.size() == 1 ? "" : "s", rows_text(layer), raw(layer.index),
            layer.dead.size() == 1 ? "is" : "are");
      },
      "A row of zeros asks for no token rather than another. Look at how the router was initialised, pruned "
      "or "
      "converted.",
      ran);
  return ran;
}

}  // namespace

const Check router_geometry_check{
    "router-geometry",
    "How router rows lie to each other",
    "Measures the lengths of router rows, the cosines between them, and how far each can be moved before "
    "another row is nearer, from the weights of a checkpoint or an arm. It says where rows are copies of "
    "each "
    "other or zero.",
    {.weights = true},
    run_router_geometry};

}  // namespace pastonly::audits
