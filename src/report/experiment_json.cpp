#include "report/experiment_json.h"

#include <cmath>

#include "report/routers_json.h"

namespace pastonly::report {
namespace {

Json bound_json(const std::optional<Report::Experiment::Carried>& bound) {
  if (!bound) return nullptr;
  return {{"floor_bits", finite_number(bound->floor_bits)},
          {"capacity_bits", finite_number(bound->capacity_bits)},
          {"limit_bits", finite_number(bound->limit_bits)}};
}

Json arm_json(const Report::Experiment::Arm& arm) {
  Json curve = Json::array();
  for (const auto& [step, bits] : arm.curve) curve.push_back(Json::array({step, finite_number(bits)}));
  return {{"name", arm.name},
          {"group", arm.group},
          {"rule", arm.rule},
          {"chunk", arm.chunk ? Json(*arm.chunk) : Json(nullptr)},
          {"shuffled", arm.shuffled},
          {"drop_rate", arm.drop_rate},
          {"seed", arm.seed},
          {"steps", arm.steps},
          {"loss_bits", finite_number(arm.loss_bits)},
          {"lower", finite_number(arm.lower)},
          {"upper", finite_number(arm.upper)},
          {"leak_bits", finite_number(arm.leak_bits)},
          {"log2_e_value", finite_number(arm.log2_e_value)},
          {"bound", bound_json(arm.bound)},
          {"evaluated",
           {{"in_order", finite_number(arm.evaluated.in_order)},
            {"shuffled", finite_number(arm.evaluated.shuffled)},
            {"streaming", finite_number(arm.evaluated.streaming)},
            {"top_k", finite_number(arm.evaluated.top_k)}}},
          {"tokens", arm.tokens},
          {"streaming_tokens", arm.streaming_tokens},
          {"weights", arm.weights},
          {"evaluation_seed", arm.evaluation_seed},
          {"curve", std::move(curve)},
          {"routers", routers_json(arm.routers)},
          {"checks", checks_json(arm.checks)},
          {"detection_limit", limit_json(arm.detection_limit)}};
}

Report::Experiment::Arm experiment_arm_of(const Fields& in) {
  Report::Experiment::Arm arm;
  arm.name = in.text("name");
  arm.group = in.text("group");
  arm.rule = in.text("rule");
  arm.chunk = in.maybe_count("chunk");
  arm.shuffled = in.flag("shuffled");
  arm.drop_rate = in.number("drop_rate");
  arm.seed = in.count("seed");
  arm.steps = in.count("steps");
  arm.loss_bits = in.number("loss_bits");
  arm.lower = in.number("lower");
  arm.upper = in.number("upper");
  arm.leak_bits = in.maybe_number("leak_bits");
  arm.log2_e_value = in.maybe_number("log2_e_value");
  if (!in.is_null("bound")) {
    const Fields bound = in.object("bound");
    arm.bound = {bound.maybe_number("floor_bits"), bound.maybe_number("capacity_bits"),
                 bound.maybe_number("limit_bits")};
  }
  const Fields evaluated = in.object("evaluated");
  arm.evaluated = {evaluated.number("in_order"), evaluated.maybe_number("shuffled"),
                   evaluated.maybe_number("streaming"), evaluated.maybe_number("top_k")};
  arm.tokens = in.count("tokens");
  arm.streaming_tokens = in.count("streaming_tokens");
  arm.weights = in.text("weights");
  arm.evaluation_seed = in.count("evaluation_seed");
  const Value curve = in.value("curve");
  const auto* points = curve.array();
  if (points == nullptr) in.refuse("curve", "a list of [step, bits]");
  for (std::size_t i = 0; points != nullptr && i < points->size(); ++i) {
    const auto* pair = (*points)[i].array();
    const auto step = pair != nullptr && pair->size() == 2 ? (*pair)[0].integer() : std::nullopt;
    if (!step || *step < 0) {
      in.refuse("curve", "a list of [step, bits]");
      break;
    }
    arm.curve.emplace_back(static_cast<std::uint64_t>(*step), (*pair)[1].number().value_or(std::nan("")));
  }
  if (in.has("routers")) arm.routers = routers_of(in.object("routers"));
  for (const Fields& check : in.objects("checks")) arm.checks.push_back(check_of(check));
  arm.detection_limit = limit_of(in);
  return arm;
}

}  // namespace

Json finite_number(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? Json(*value) : Json(nullptr);
}

Json experiment_json(const Report::Experiment& experiment) {
  Json arms = Json::array();
  for (const auto& arm : experiment.arms) arms.push_back(arm_json(arm));
  const auto& source = experiment.source;
  return {{"name", experiment.name},
          {"source",
           {{"kind", source.kind},
            {"vocab", source.vocab},
            {"name", source.name},
            {"floor_bits", finite_number(source.floor_bits)}}},
          {"arms", std::move(arms)}};
}

Report::Experiment experiment_of(const Fields& in) {
  Report::Experiment experiment;
  experiment.name = in.text("name");
  const Fields source = in.object("source");
  experiment.source = {source.text("kind"), source.count("vocab"), source.text("name"),
                       source.maybe_number("floor_bits")};
  for (const Fields& arm : in.objects("arms")) experiment.arms.push_back(experiment_arm_of(arm));
  return experiment;
}

}  // namespace pastonly::report
