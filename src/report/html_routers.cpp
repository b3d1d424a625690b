#include "report/html_routers.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "report/html_parts.h"
#include "report/routers_text.h"

namespace pastonly::report {
namespace {

using Arm = Report::Experiment::Arm;
using Routers = Report::Experiment::Routers;

constexpr std::size_t most_router_lines = 12;

/// A line for each arm, of (step, figure) in the order of steps.
template <class Points>
std::string router_chart(const Report::Experiment& experiment, std::string title, std::string y,
                         std::string about, Points points) {
  Chart chart;
  chart.kind = Chart::Kind::lines;
  chart.title = std::move(title);
  chart.x = "step";
  chart.y = std::move(y);
  std::size_t left_out = 0;
  for (const Arm& arm : experiment.arms) {
    Chart::Series series;
    series.name = arm.name;
    for (const auto& [step, value] : points(arm.routers)) {
      if (!std::isfinite(value)) continue;
      series.x.push_back(static_cast<double>(step));
      series.y.push_back(value);
    }
    if (series.x.empty()) continue;
    if (chart.series.size() < most_router_lines)
      chart.series.push_back(std::move(series));
    else
      ++left_out;
  }
  if (chart.series.empty()) return "";
  if (left_out > 0)
    about += fmt::format(" Of the first {} arms; the JSON report has {} more.", most_router_lines, left_out);
  return html_chart(chart, about);
}

/// One figure of every training point.
std::string training_chart(const Report::Experiment& experiment, std::string title, std::string y,
                           std::string about, double Routers::Point::*figure) {
  return router_chart(experiment, std::move(title), std::move(y), std::move(about),
                      [figure](const Routers& routers) {
                        std::map<std::uint64_t, double> out;
                        for (const auto& point : routers.training) out[point.step] = point.*figure;
                        return out;
                      });
}

/// Means over the layers.
std::map<std::uint64_t, double> settling(const Routers& routers) {
  std::map<std::uint64_t, std::pair<double, double>> sums;
  for (const auto& layer : routers.fixation) {
    // The end agrees with itself.
    const std::size_t told = layer.agreement.empty() ? 0 : layer.agreement.size() - 1;
    for (const auto& [step, agreement] : std::span(layer.agreement).first(told)) {
      sums[step].first += agreement;
      sums[step].second += 1.0;
    }
  }
  std::map<std::uint64_t, double> out;
  for (const auto& [step, sum] : sums) out[step] = sum.first / sum.second;
  return out;
}

std::string frozen_table(const Report::Experiment& experiment) {
  const auto number = [](const std::optional<double>& value) {
    return value && std::isfinite(*value) ? fmt::format("{:.3f}", *value) : "-";
  };
  std::vector<Row> rows{{"arm", "layer", "routes settled from step", "gradients, own expert",
                         "another expert", "score and activation, routed tokens", "all tokens"}};
  for (const Arm& arm : experiment.arms) {
    for (const auto& layer : arm.routers.frozen) {
      std::string settled = "-";
      for (const auto& fixed : arm.routers.fixation) {
        if (fixed.layer == layer.layer) settled = settled_in_words(fixed);
      }
      rows.push_back({arm.name, fmt::format("{}", layer.layer), settled, number(layer.alignment),
                      number(layer.alignment_other), number(layer.activation_routed),
                      number(layer.activation_all)});
    }
  }
  return html_table(
      "Trained routers: cosine of a router row's gradient with the leading direction of its own expert's and "
      "of another's; correlation of score and activation norm",
      rows);
}

}  // namespace

std::string html_routers(const Report::Experiment& experiment) {
  return router_chart(experiment, "When routes settle", "agreement with the end",
                      "A fixed batch's routes at each step against those of the trained model: 1 the same, 0 "
                      "what loads alone predict. Mean over layers.",
                      settling) +
         training_chart(experiment, "Distance between router rows while training", "epsilon",
                        "Half the distance to the nearest other row, relative to the row's length: near 0, "
                        "two experts are asked for alike. Mean over experts and layers.",
                        &Routers::Point::epsilon) +
         training_chart(experiment, "Router and experts while training", "coupling loss",
                        "Expert-router coupling loss at alpha 1: 0 where every expert answers its own router "
                        "row most.",
                        &Routers::Point::coupling) +
         html_details("Trained routers, by arm and layer", frozen_table(experiment));
}

}  // namespace pastonly::report
