#include "report/write_agreement.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "input/text/printable.h"
#include "report/json_bytes.h"
#include "report/ordered_json.h"
#include "report/paragraph.h"
#include "report/text_table.h"
#include "report/words.h"

namespace pastonly::report {
namespace {

std::string percent_words(const Measurement& figure) {
  std::string out = fmt::format("{:.1f}%", 100.0 * figure.value);
  if (figure.lower) out += fmt::format(" [{:.1f}, {:.1f}]", 100.0 * *figure.lower, 100.0 * *figure.upper);
  return out;
}

Json figure_json(const std::optional<Measurement>& figure) {
  if (!figure) return nullptr;
  return {{"value", figure->value},
          {"lower", figure->lower ? Json(*figure->lower) : Json(nullptr)},
          {"upper", figure->upper ? Json(*figure->upper) : Json(nullptr)},
          {"samples", figure->samples}};
}

}  // namespace

std::string write_agreement_text(const comparison::Agreement& agreement, const TextStyle& style) {
  std::vector<Row> rows{{"layer", "experts", "routes kept", "by chance", "same experts", "score drift"}};
  for (const comparison::LayerAgreement& layer : agreement.layers) {
    rows.push_back({fmt::format("{}", raw(layer.index)), fmt::format("{}", layer.experts),
                    percent_words(layer.kept), fmt::format("{:.1f}%", 100.0 * layer.by_chance),
                    percent_words(layer.same_tokens),
                    layer.score_drift ? fmt::format("{:.3f}", layer.score_drift->value) : "-"});
  }
  std::string text = fmt::format("{} tokens routed by both.", grouped(agreement.tokens));
  if (!agreement.tokens_known)
    text += " Token ids are not recorded in both, so pastonly assumes that they are equal.";
  if (agreement.last_position_left_out)
    text += " One holds a position more, the last, which engines do not run; it is left out.";
  std::string columns =
      "routes kept: (token, expert) routes of the first model that the second also makes, with a 95% "
      "interval over sequences; by chance: the share that the experts' loads alone predict; same experts: "
      "tokens with exactly the same experts; score drift: mean total variation distance between a token's "
      "scores, 0 to 1.";
  return wrapped(text, 0, style.width) + "\n\n" + aligned(rows, style.color) + "  " +
         wrapped(columns, 2, style.width) + "\n";
}

namespace {

Json layers_json(const comparison::Agreement& agreement) {
  Json layers = Json::array();
  for (const comparison::LayerAgreement& layer : agreement.layers) {
    layers.push_back({{"layer", raw(layer.index)},
                      {"experts", layer.experts},
                      {"routes_kept", figure_json(layer.kept)},
                      {"by_chance", layer.by_chance},
                      {"same_experts", figure_json(layer.same_tokens)},
                      {"score_drift", figure_json(layer.score_drift)}});
  }
  return layers;
}

Json agreement_json(const comparison::Agreement& agreement) {
  return {{"tokens", agreement.tokens},
          {"tokens_known", agreement.tokens_known},
          {"last_position_left_out", agreement.last_position_left_out},
          {"layers", layers_json(agreement)}};
}

}  // namespace

std::string write_agreement_json(const comparison::Agreement& agreement) {
  return agreement_json(agreement).dump(2) + "\n";
}

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
