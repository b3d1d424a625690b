#include "report/json.h"

#include <cmath>

#include "input/text/value_json.h"
#include "report/baseline_json.h"
#include "report/chart_json.h"
#include "report/experiment_json.h"
#include "report/json_bytes.h"

namespace pastonly::report {
namespace {

template <class T>
Json maybe(const std::optional<T>& value) {
  if (!value) return nullptr;
  if constexpr (std::is_floating_point_v<T>) {
    if (!std::isfinite(*value)) return nullptr;
  }
  return *value;
}
Json number(double value) { return maybe(std::optional(value)); }

}  // namespace

Json measurement_json(const Measurement& m) {
  Json json{{"name", m.name},          {"value", number(m.value)}, {"lower", maybe(m.lower)},
            {"upper", maybe(m.upper)}, {"unit", m.unit},           {"samples", m.samples},
            {"layer", nullptr}};
  if (m.layer) json["layer"] = raw(*m.layer);
  return json;
}

namespace {

std::string_view basis_name(Claim::Basis basis) {
  switch (basis) {
    case Claim::Basis::proof:
      return "proof";
    case Claim::Basis::statistical:
      return "statistical";
    case Claim::Basis::observation:
      break;
  }
  return "observation";
}

/// An object even where nothing was stated.
Json parameters_json(const Value& parameters) {
  return parameters.is_null() ? Json::object() : input::json_of<Json>(parameters);
}

Json rule_json(const LayerFacts::Rule& rule) {
  Json candidates = Json::array();
  for (const RuleCandidate& candidate : rule.candidates) {
    candidates.push_back({{"id", candidate.id},
                          {"causal", maybe(candidate.causal)},
                          {"parameters", parameters_json(candidate.parameters)},
                          {"explained", number(candidate.explained)},
                          {"equivalents", candidate.equivalents}});
  }
  return {{"id", maybe(rule.id)},
          {"causal", maybe(rule.causal)},
          {"parameters", parameters_json(rule.parameters)},
          {"explained", number(rule.explained)},
          {"candidates", std::move(candidates)}};
}

Json layer_json(const Report::Layer& layer) {
  Json json{{"index", layer.index},
            {"experts", layer.experts},
            {"top_k", maybe(layer.top_k)},
            {"sparsity", maybe(layer.sparsity)},
            {"bound", nullptr},
            {"rule", nullptr},
            {"leak", nullptr},
            {"origin", nullptr}};
  const LayerFacts& facts = layer.facts;
  if (facts.bound) {
    json["bound"] = {{"floor_bits", maybe(facts.bound->floor_bits)},
                     {"capacity_bits", maybe(facts.bound->capacity_bits)},
                     {"limit_bits", maybe(facts.bound->limit_bits)},
                     {"chunk", maybe(facts.bound->chunk)},
                     {"vacuous", facts.bound->vacuous},
                     {"applies_to", facts.bound->applies_to}};
  }
  if (facts.rule) json["rule"] = rule_json(*facts.rule);
  if (facts.leak) {
    json["leak"] = {{"bits", number(facts.leak->bits)},
                    {"lower", maybe(facts.leak->lower)},
                    {"upper", maybe(facts.leak->upper)},
                    {"unit", facts.leak->unit},
                    {"method", facts.leak->method}};
  }
  if (facts.origin)
    json["origin"] = {{"kind", facts.origin->kind}, {"contaminated", facts.origin->contaminated}};
  return json;
}

Json layers_json(const std::vector<Report::Layer>& layers) {
  Json json = Json::array();
  for (const auto& layer : layers) json.push_back(layer_json(layer));
  return json;
}

Json totals_json(const Report::Totals& totals) {
  return {{"floor_bits", maybe(totals.floor_bits)},
          {"capacity_bits", maybe(totals.capacity_bits)},
          {"limit_bits", maybe(totals.limit_bits)},
          {"leak_bits", maybe(totals.leak_bits)},
          {"successors_identifiable", maybe(totals.successors_identifiable)}};
}

Json subject_json(const Report::SubjectEntry& subject) {
  Json files = Json::array();
  for (const FileRecord& file : subject.files) {
    files.push_back({{"path", file.path}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  }
  Json json{{"kind", subject.kind},          {"name", subject.name},
            {"mode", subject.mode},          {"stage", subject.stage},
            {"files", std::move(files)},     {"tokens", subject.tokens},
            {"vocab", maybe(subject.vocab)}, {"options", parameters_json(subject.options)}};
  if (subject.run_tokens) json["run_tokens"] = *subject.run_tokens;
  return json;
}

}  // namespace

Json finding_json(const Report::Finding& finding) {
  Json json{{"check", finding.check},
            {"claim", finding.claim},
            {"severity", name(finding.severity)},
            {"confidence", maybe(finding.confidence)},
            {"message", finding.message},
            {"layers", finding.layers},
            {"witness", input::json_of<Json>(finding.witness)},
            {"fingerprint", finding.fingerprint},
            {"help", finding.help},
            {"suppressed", maybe(finding.suppressed)},
            {"basis", basis_name(finding.basis)},
            {"p_value", maybe(finding.p_value)},
            {"amount", finding.amount ? measurement_json(*finding.amount) : Json(nullptr)}};
  if (finding.standing)
    json["baseline"] = {{"state", finding.standing->state}, {"why", finding.standing->why}};
  if (finding.place) json["place"] = {{"file", finding.place->file}, {"line", finding.place->line}};
  return json;
}

namespace {

Json dismissed_json(const Report::Dismissed& dismissed) {
  const Claim& claim = dismissed.claim;
  Json layers = Json::array();
  for (const LayerIndex layer : claim.layers) layers.push_back(raw(layer));
  return {{"check", dismissed.check},
          {"claim", claim.id},
          {"reason", dismissed.reason},
          {"message", claim.message},
          {"layers", std::move(layers)},
          {"witness", input::json_of<Json>(claim.witness)},
          {"help", claim.help},
          {"basis", basis_name(claim.basis)},
          {"p_value", maybe(claim.p_value)},
          {"amount", claim.amount ? measurement_json(*claim.amount) : Json(nullptr)}};
}

template <class T>
Json array_of(const std::vector<T>& elements, Json (*one)(const T&)) {
  Json json = Json::array();
  for (const T& element : elements) json.push_back(one(element));
  return json;
}

Json not_assessed_json(const Report::NotAssessed& row) {
  return {{"check", row.check}, {"reason", row.reason}};
}

Json source_json(const Source& source) {
  Json json{{"kind", source.kind}, {"vocab", source.vocab}};
  if (source.kind == "markov") {
    json["order"] = source.order;
    json["successors"] = source.successors;
    json["seed"] = source.seed;
  }
  return json;
}

}  // namespace

Json checks_json(const std::vector<Report::CheckEntry>& checks) {
  Json json = Json::array();
  for (const auto& check : checks) {
    Json measurements = Json::array();
    for (const Measurement& m : check.measurements) measurements.push_back(measurement_json(m));
    json.push_back({{"id", check.id},
                    {"status", check.status},
                    {"reason", check.reason},
                    {"seconds", check.seconds},
                    {"measurements", std::move(measurements)}});
    if (!check.charts.empty()) json.back()["charts"] = charts_json(check.charts);
  }
  return json;
}

Json policy_json(const Policy& policy) {
  Json severity = Json::object();
  for (const auto& [key, level] : policy.severity) severity[key] = name(level);
  Json ignores = Json::array();
  for (const auto& ignore : policy.ignore) {
    Json one = Json::object();
    if (!ignore.check.empty()) one["check"] = ignore.check;
    if (!ignore.fingerprint.empty()) one["fingerprint"] = ignore.fingerprint;
    if (!ignore.layers.empty()) one["layers"] = ignore.layers;
    one["reason"] = ignore.reason;
    one["expires"] = ignore.expires;
    ignores.push_back(std::move(one));
  }
  Json source = nullptr;
  if (policy.source) source = source_json(*policy.source);
  return {{"schema", "pastonly.policy/1"},
          {"fail_on", policy.fail_on == Severity::none ? "never" : name(policy.fail_on)},
          {"require", policy.require},
          {"require_mode", policy.require_mode},
          {"limits",
           {{"leak_bits", policy.limits.leak_bits},
            {"sweep_bits", policy.limits.sweep_bits},
            {"trial_rate", policy.limits.trial_rate},
            {"planted_share", policy.limits.planted_share},
            {"drop_rate", policy.limits.drop_rate},
            {"mismatch_tokens", policy.limits.mismatch_tokens},
            {"mismatch_routes", policy.limits.mismatch_routes},
            {"near_ties", policy.limits.near_ties}}},
          {"coverage",
           {{"positions", policy.coverage.positions},
            {"next_token", policy.coverage.next_token},
            {"pairs", policy.coverage.pairs},
            {"special", policy.coverage.special},
            {"after_first_token", policy.coverage.after_first_token}}},
          {"alpha", policy.alpha},
          {"min_tokens", policy.min_tokens},
          {"source", std::move(source)},
          {"rule", policy.rule.empty() ? Json(nullptr) : Json(policy.rule)},
          {"severity", std::move(severity)},
          {"ignore", std::move(ignores)}};
}

namespace {

Json report_json(const Report& report) {
  Json json{{"schema", "pastonly.report/1"},
            {"tool",
             {{"name", report.tool.name}, {"version", report.tool.version}, {"commit", report.tool.commit}}},
            {"run",
             {{"started", report.run.started},
              {"seconds", report.run.seconds},
              {"seed", report.run.seed},
              {"threads", report.run.threads},
              {"target", report.run.target},
              {"arguments", report.run.arguments}}},
            {"subject", subject_json(report.subject)},
            {"verdict", name(report.verdict)},
            {"verdict_reasons", report.verdict_reasons},
            {"detection_limit", limit_json(report.detection_limit)},
            {"layers", layers_json(report.layers)},
            {"totals", totals_json(report.totals)},
            {"checks", checks_json(report.checks)},
            {"findings", array_of(report.findings, &finding_json)},
            {"not_assessed", array_of(report.not_assessed, &not_assessed_json)},
            {"dismissed", array_of(report.dismissed, &dismissed_json)},
            {"policy", {{"name", report.policy.name}, {"rules", policy_json(report.policy)}}}};
  if (report.experiment) json["experiment"] = experiment_json(*report.experiment);
  if (report.baseline) json["baseline"] = baseline_json(*report.baseline);
  if (report.redaction)
    json["redaction"] = {{"digest", report.redaction->digest}, {"withheld", report.redaction->withheld}};
  if (!report.beside.empty()) json["beside"] = array_of(report.beside, &report_json);
  return json;
}

}  // namespace

std::string write_json(const Report& report) { return text_of(report_json(report), 2) + "\n"; }

std::string write_bound_json(const std::vector<Report::Layer>& layers, const Report::Totals& totals) {
  return Json{{"layers", layers_json(layers)}, {"totals", totals_json(totals)}}.dump(2) + "\n";
}

}  // namespace pastonly::report
