#include "report/routers_json.h"

#include <cmath>

#include "pastonly/router_figures.h"
#include "report/experiment_json.h"

namespace pastonly::report {
namespace {

using Routers = Report::Experiment::Routers;

Json fixation_json(const Routers::Fixation& layer) {
  Json agreement = Json::array();
  for (const auto& [step, value] : layer.agreement)
    agreement.push_back(Json::array({step, finite_number(value)}));
  return {{"layer", layer.layer}, {"settled", layer.settled}, {"agreement", std::move(agreement)}};
}

std::vector<std::pair<std::uint64_t, double>> pairs_of(const Fields& in, const char* key) {
  std::vector<std::pair<std::uint64_t, double>> out;
  const Value list = in.value(key);
  const auto* points = list.array();
  if (points == nullptr) in.refuse(key, "a list of [step, number]");
  for (std::size_t i = 0; points != nullptr && i < points->size(); ++i) {
    const auto* pair = (*points)[i].array();
    const auto step = pair != nullptr && pair->size() == 2 ? (*pair)[0].integer() : std::nullopt;
    if (!step || *step < 0) {
      in.refuse(key, "a list of [step, number]");
      break;
    }
    out.emplace_back(static_cast<std::uint64_t>(*step), (*pair)[1].number().value_or(std::nan("")));
  }
  return out;
}

}  // namespace

Json routers_json(const Routers& routers) {
  Json training = Json::array(), fixation = Json::array(), frozen = Json::array();
  for (const auto& point : routers.training) {
    Json& one = training.emplace_back(Json{{"step", point.step}});
    for (const auto& [key, member] : point_figures) one[key] = finite_number(point.*member);
  }
  for (const auto& layer : routers.fixation) fixation.push_back(fixation_json(layer));
  for (const auto& layer : routers.frozen) {
    Json& one = frozen.emplace_back(Json{{"layer", layer.layer}});
    for (const auto& [key, member] : frozen_figures) one[key] = finite_number(layer.*member);
  }
  return {
      {"training", std::move(training)}, {"fixation", std::move(fixation)}, {"frozen", std::move(frozen)}};
}

Routers routers_of(const Fields& in) {
  Routers routers;
  for (const Fields& point : in.objects("training")) {
    auto& one = routers.training.emplace_back();
    one.step = point.count("step");
    for (const auto& [key, member] : point_figures)
      one.*member = point.maybe_number(key).value_or(std::nan(""));
  }
  for (const Fields& layer : in.objects("fixation"))
    routers.fixation.push_back({static_cast<std::uint32_t>(layer.count("layer")), layer.count("settled"),
                                pairs_of(layer, "agreement")});
  for (const Fields& layer : in.objects("frozen")) {
    auto& one = routers.frozen.emplace_back();
    one.layer = static_cast<std::uint32_t>(layer.count("layer"));
    for (const auto& [key, member] : frozen_figures) one.*member = layer.maybe_number(key);
  }
  return routers;
}

}  // namespace pastonly::report
