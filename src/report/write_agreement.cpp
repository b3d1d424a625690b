#include "report/write_agreement.h"

#include <fmt/format.h>

#include <optional>

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
  std::string columns =
      "routes kept: (token, expert) routes of the first model that the second also makes, with a 95% "
      "interval over sequences; by chance: the share that the experts' loads alone predict; same experts: "
      "tokens with exactly the same experts; score drift: mean total variation distance between a token's "
      "scores, 0 to 1.";
  return wrapped(text, 0, style.width) + "\n\n" + aligned(rows, style.color) + "  " +
         wrapped(columns, 2, style.width) + "\n";
}

std::string write_agreement_json(const comparison::Agreement& agreement) {
  Json layers = Json::array();
  for (const comparison::LayerAgreement& layer : agreement.layers) {
    layers.push_back({{"layer", raw(layer.index)},
                      {"experts", layer.experts},
                      {"routes_kept", figure_json(layer.kept)},
                      {"by_chance", layer.by_chance},
                      {"same_experts", figure_json(layer.same_tokens)},
                      {"score_drift", figure_json(layer.score_drift)}});
  }
  return Json{{"tokens", agreement.tokens},
              {"tokens_known", agreement.tokens_known},
              {"layers", std::move(layers)}}
             .dump(2) +
         "\n";
}

}  // namespace pastonly::report
