#include "report/write_fixation.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "input/text/printable.h"
#include "pastonly/names.h"
#include "report/json_bytes.h"
#include "report/ordered_json.h"
#include "report/paragraph.h"
#include "report/text_table.h"
#include "report/words.h"

namespace pastonly::report {
namespace {

Json figure_json(const std::optional<Measurement>& figure) {
  if (!figure) return nullptr;
  return {{"value", figure->value},
          {"lower", figure->lower ? Json(*figure->lower) : Json(nullptr)},
          {"upper", figure->upper ? Json(*figure->upper) : Json(nullptr)},
          {"samples", figure->samples}};
}

Json layers_json(const comparison::Agreement& agreement) {
  Json layers = Json::array();
  for (const comparison::LayerAgreement& layer : agreement.layers) {
    layers.push_back({{"layer", raw(layer.index)},
                      {"experts", layer.experts},
                      {measurement::routes_kept, figure_json(layer.kept)},
                      {"by_chance", layer.by_chance},
                      {measurement::same_experts, figure_json(layer.same_tokens)},
                      {measurement::score_drift, figure_json(layer.score_drift)}});
  }
  return layers;
}

Json agreement_json(const comparison::Agreement& agreement) {
  return {{"tokens", agreement.tokens},
          {"tokens_known", agreement.tokens_known},
          {"layers", layers_json(agreement)}};
}

}  // namespace

std::string write_fixation_text(const comparison::Fixation& fixation, const TextStyle& style) {
  std::vector<Row> rows{{"", "routes kept", "above chance", "", "least", "in layer"}};
  for (const comparison::Fixation::Step& step : fixation.steps) {
    double kept = 0.0, above = 0.0;
    const auto& layers = step.with_last.layers;
    for (const comparison::LayerAgreement& layer : layers) {
      kept += layer.kept.value / static_cast<double>(layers.size());
      above += comparison::above_chance(layer) / static_cast<double>(layers.size());
    }
    const auto least = std::ranges::min_element(layers, {}, comparison::above_chance);
    rows.push_back({input::printable(step.name), fmt::format("{:.1f}%", 100.0 * kept),
                    fmt::format("{:.3f}", above), bar(std::max(above, 0.0), 1.0, 20),
                    fmt::format("{:.3f}", comparison::above_chance(*least)),
                    fmt::format("{}", raw(least->index))});
  }
  std::vector<Row> settled{{"layer", "routes stay those of the end from"}};
  for (const auto& layer : fixation.layers) {
    const bool early = layer.step < fixation.steps.size();
    settled.push_back({fmt::format("{}", raw(layer.layer)),
                       input::printable(early ? fixation.steps[layer.step].name : fixation.last)});
  }
  const auto& agreement = fixation.steps.front().with_last;
  std::string text = fmt::format("Routes of {} tokens that {} makes as well, mean over layers.",
                                 grouped(agreement.tokens), input::printable(fixation.last));
  if (!agreement.tokens_known)
    text += " Token ids are not recorded in all, so pastonly assumes that they are equal.";
  const std::string columns = fmt::format(
      "routes kept: (token, expert) routes that the last one also makes; above chance: 0 for what the "
      "experts' "
      "loads alone predict, 1 for equal routes; least: of the layers. Routes count as those of the end where "
      "they stay at {} above chance.",
      comparison::Fixation::settled_share);
  return wrapped(text, 0, style.width) + "\n\n" + aligned(rows, style.color) + "\n" +
         aligned(settled, style.color) + "  " + wrapped(columns, 2, style.width) + "\n";
}

std::string write_fixation_json(const comparison::Fixation& fixation) {
  Json steps = Json::array(), settled = Json::array();
  for (const auto& step : fixation.steps) {
    Json one = agreement_json(step.with_last);
    for (std::size_t l = 0; l < step.with_last.layers.size(); ++l)
      one["layers"][l]["above_chance"] = comparison::above_chance(step.with_last.layers[l]);
    one["name"] = step.name;
    steps.push_back(std::move(one));
  }
  for (const auto& layer : fixation.layers) {
    settled.push_back(
        {{"layer", raw(layer.layer)},
         {"from", layer.step < fixation.steps.size() ? fixation.steps[layer.step].name : fixation.last}});
  }
  return text_of({{"last", fixation.last}, {"steps", std::move(steps)}, {"settled", std::move(settled)}}, 2) +
         "\n";
}

}  // namespace pastonly::report
