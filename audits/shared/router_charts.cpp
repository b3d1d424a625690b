#include "audits/shared/router_charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "routing/recorded/load.h"
#include "stats/neighbour_map.h"
#include "stats/symmetric_eigen.h"

namespace pastonly::audits {
namespace {

constexpr std::size_t wide = 128;                           // experts
constexpr std::size_t least_mapped = 8, most_mapped = 512;  // rows

/// Classes of load, over the mean.
constexpr std::pair<double, const char*> loads[] = {
    {2.0, "at least twice the mean load"}, {0.5, "half of it to twice"}, {0.0, "less than half"}};
constexpr const char* idle = "no token";

const char* class_of(double load) {
  if (!(load > 0.0)) return idle;
  for (const auto& [from, name] : loads) {
    if (load >= from) return name;
  }
  return idle;
}

/// Of every expert its class of load; "experts" where the trace does not say.
std::vector<std::string> classes_of(const SeenRouter& router, const Trace& trace) {
  std::vector<std::string> out(router.layer.experts, "experts");
  const auto layer = std::ranges::find(trace.layers, router.layer.index, &LayerRecord::index);
  if (layer == trace.layers.end() || layer->experts != out.size()) return out;
  const auto counts = routing::survey_load(trace, *layer).expert_counts();
  double mean = 0.0;
  for (const auto count : counts) mean += static_cast<double>(count) / static_cast<double>(counts.size());
  for (std::size_t i = 0; i < out.size() && mean > 0.0; ++i)
    out[i] = class_of(static_cast<double>(counts[i]) / mean);
  return out;
}

Chart points_chart(std::string id, std::string title, const std::vector<double>& points,
                   const std::vector<std::string>& classes) {
  Chart chart;
  chart.id = std::move(id);
  chart.kind = Chart::Kind::points;
  chart.title = std::move(title);
  for (const char* name : {loads[0].second, loads[1].second, loads[2].second, idle, "experts"}) {
    Chart::Series series;
    series.name = name;
    for (std::size_t i = 0; i < classes.size(); ++i) {
      if (classes[i] != name) continue;
      series.x.push_back(points[2 * i]);
      series.y.push_back(points[2 * i + 1]);
      series.labels.push_back(std::to_string(i));
    }
    if (!series.x.empty()) chart.series.push_back(std::move(series));
  }
  return chart;
}

}  // namespace

bool is_layer_drawn(std::size_t position, std::size_t layers, std::size_t experts) {
  const bool middle = position == layers / 2;
  return middle || (experts <= wide && (position == 0 || position + 1 == layers));
}

Chart square_chart(std::string id, LayerIndex layer, std::string_view title, std::span<const double> values,
                   std::size_t experts) {
  Chart chart;
  chart.id = fmt::format("{}-{}", id, raw(layer));
  chart.title = fmt::format("layer {}: {}", raw(layer), title);
  for (std::size_t i = 0; i < experts; ++i) chart.rows.push_back(std::to_string(i));
  chart.columns = chart.rows;
  chart.values.assign(values.begin(), values.end());
  chart.neutral = 0.0;
  return chart;
}

std::vector<Chart> plane_charts(const SeenRouter& router, const Trace& trace) {
  const std::size_t n = router.rows.rows();
  const auto classes = classes_of(router, trace);
  const auto layer = raw(router.layer.index);
  const auto plane = stats::principal_plane(router.rows.block());
  std::vector<Chart> out{points_chart(
      fmt::format("plane-{}", layer),
      fmt::format("layer {}: router rows by two principal components ({:.0f}% of their variance)", layer,
                  100.0 * plane.share),
      plane.points, classes)};
  out.back().x = "first component";
  out.back().y = "second component";
  if (n < least_mapped || n > most_mapped) return out;
  const auto map = stats::neighbour_map(router.rows.block(), plane.points);
  out.push_back(points_chart(
      fmt::format("neighbours-{}", layer),
      fmt::format(
          "layer {}: router rows by t-SNE of perplexity {:.1f}: near rows are near, far ones say nothing",
          layer, map.perplexity),
      map.points, classes));
  out.back().x = "no unit";
  out.back().y = "no unit";
  return out;
}

}  // namespace pastonly::audits
