#include <cmath>

#include "report/experiment_json.h"

namespace pastonly::report {
namespace {

/// JSON knows no infinity and no NaN.
Json finite_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json coverage_json(const Coverage& coverage) {
  Json map = Json::array();
  for (const auto& band : coverage.map) {
    Json shares = Json::array();
    for (const double share : band) shares.push_back(share < 0.0 ? Json(nullptr) : Json(share));
    map.push_back(std::move(shares));
  }
  return {{"length", coverage.length},
          {"cuts", {coverage.least_cut, coverage.most_cut}},
          {"tokens_before", {coverage.least_before, coverage.most_before}},
          {"farthest", coverage.farthest},
          {"positions", coverage.positions},
          {"next_token", coverage.next_token},
          {"pairs", coverage.pairs},
          {"ids", {{"before", coverage.ids_before}, {"redrawn", coverage.ids_redrawn}}},
          {"special",
           {{"ids", coverage.special},
            {"before", coverage.special_before},
            {"redrawn", coverage.special_redrawn}}},
          {"map", std::move(map)}};
}

/// The two ends of a range.
void read_range(const Fields& in, const char* key, std::uint64_t& least, std::uint64_t& most) {
  const auto ends = in.counts(key);
  if (ends.size() != 2) return in.refuse(key, "two numbers, the least and the largest");
  least = ends[0];
  most = ends[1];
}

Coverage coverage_of(const Fields& in) {
  Coverage out;
  out.length = in.count("length");
  read_range(in, "cuts", out.least_cut, out.most_cut);
  read_range(in, "tokens_before", out.least_before, out.most_before);
  out.farthest = in.count("farthest");
  out.positions = in.number("positions");
  out.next_token = in.number("next_token");
  out.pairs = in.number("pairs");
  if (in.has("ids")) {  // else a report of an earlier version
    const Fields ids = in.object("ids"), special = in.object("special");
    out.ids_before = ids.count("before");
    out.ids_redrawn = ids.count("redrawn");
    out.special = special.count("ids");
    out.special_before = special.count("before");
    out.special_redrawn = special.count("redrawn");
  }
  const Value map = in.value("map");
  const auto* bands = map.array();
  if (bands == nullptr) {
    in.refuse("map", "an array of arrays of shares");
    return out;
  }
  for (const Value& band : *bands) {
    std::vector<double>& shares = out.map.emplace_back();
    const auto* cells = band.array();
    if (cells == nullptr) {
      in.refuse("map", "an array of arrays of shares");
      return out;
    }
    for (const Value& cell : *cells) shares.push_back(cell.number().value_or(-1.0));
  }
  return out;
}

}  // namespace

Json limit_json(const std::optional<DetectionLimit>& limit) {
  if (!limit) return nullptr;
  Json cuts = Json::array(), left_out = Json::array();
  for (const auto& at : limit->suggested_cuts) cuts.push_back({{"row", at.row}, {"cut", at.cut}});
  for (const auto& row : limit->left_out) left_out.push_back({{"runs", row.runs}, {"reason", row.reason}});
  return {{"trial_rate", finite_or_null(limit->trial_rate)},
          {"trials", limit->trials},
          {"confidence", finite_or_null(limit->confidence)},
          {"unseen_chunks", limit->unseen_chunks},
          {"unseen_after_first", limit->unseen_after_first},
          {"suggested_cuts", std::move(cuts)},
          {"sequences", limit->sequences},
          {"sequence_rate", finite_or_null(limit->sequence_rate)},
          {"decisions", limit->decisions},
          {"decision_rate", finite_or_null(limit->decision_rate)},
          {"planted_share", limit->planted_share ? Json(*limit->planted_share) : Json(nullptr)},
          {"left_out", std::move(left_out)},
          {"unrecorded_layers", limit->unrecorded_layers},
          {"coverage", limit->coverage.length > 0 ? coverage_json(limit->coverage) : Json(nullptr)}};
}

std::optional<DetectionLimit> limit_of(const Fields& in) {
  if (in.is_null("detection_limit")) return std::nullopt;
  const Fields stated = in.object("detection_limit");
  DetectionLimit out;
  out.trial_rate = stated.number("trial_rate");
  out.trials = stated.count("trials");
  out.confidence = stated.number("confidence");
  out.unseen_chunks = stated.counts("unseen_chunks");
  if (!stated.has("coverage")) return out;  // a report of an earlier version
  out.unseen_after_first = stated.counts("unseen_after_first");
  for (const Fields& at : stated.objects("suggested_cuts"))
    out.suggested_cuts.push_back({at.count("row"), at.count("cut")});
  out.sequences = stated.count("sequences");
  out.sequence_rate = stated.number("sequence_rate");
  out.decisions = stated.count("decisions");
  out.decision_rate = stated.number("decision_rate");
  if (stated.has("planted_share") && !stated.is_null("planted_share"))
    out.planted_share = stated.number("planted_share");
  for (const Fields& row : stated.objects("left_out"))
    out.left_out.push_back({row.counts("runs"), row.text("reason")});
  out.unrecorded_layers = stated.counts("unrecorded_layers");
  if (!stated.is_null("coverage")) out.coverage = coverage_of(stated.object("coverage"));
  return out;
}

}  // namespace pastonly::report
