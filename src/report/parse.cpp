#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "input/policy/policy.h"
#include "input/text/parse_json.h"
#include "report/baseline_json.h"
#include "report/chart_json.h"
#include "report/experiment_json.h"
#include "report/fields.h"
#include "report/json.h"
#include "report/json_bytes.h"
#include "report/writer.h"

namespace pastonly::report {

Measurement measurement_of(const Fields& in) {
  Measurement m;
  m.name = in.text("name");
  m.value = in.maybe_number("value").value_or(std::numeric_limits<double>::quiet_NaN());
  m.lower = in.maybe_number("lower");
  m.upper = in.maybe_number("upper");
  m.unit = in.text("unit");
  m.samples = in.count("samples");
  if (const auto layer = in.maybe_count("layer")) m.layer = LayerIndex{static_cast<std::uint32_t>(*layer)};
  return m;
}

namespace {

std::optional<Measurement> maybe_measurement(const Fields& in, const char* key) {
  if (in.is_null(key)) return std::nullopt;
  return measurement_of(in.object(key));
}

Claim::Basis basis_of(const Fields& in) {
  const std::string basis = in.text("basis");
  if (basis == "proof") return Claim::Basis::proof;
  if (basis == "statistical") return Claim::Basis::statistical;
  if (basis != "observation") in.refuse("basis", "proof, statistical or observation");
  return Claim::Basis::observation;
}

LayerFacts::Rule rule_of(const Fields& in) {
  LayerFacts::Rule rule;
  rule.id = in.maybe_text("id");
  rule.causal = in.maybe_flag("causal");
  rule.parameters = in.value("parameters");
  rule.explained = in.number("explained");
  for (const Fields& candidate : in.objects("candidates")) {
    rule.candidates.push_back({candidate.text("id"), candidate.maybe_flag("causal"),
                               candidate.value("parameters"), candidate.number("explained"),
                               candidate.texts("equivalents")});
  }
  return rule;
}

Report::Layer layer_of(const Fields& in) {
  Report::Layer layer;
  layer.index = static_cast<std::uint32_t>(in.count("index"));
  layer.experts = in.count("experts");
  layer.top_k = in.maybe_number("top_k");
  layer.sparsity = in.maybe_number("sparsity");
  layer.facts.index = LayerIndex{layer.index};
  if (!in.is_null("bound")) {
    const Fields b = in.object("bound");
    layer.facts.bound = {b.maybe_number("floor_bits"),
                         b.maybe_number("capacity_bits"),
                         b.maybe_number("limit_bits"),
                         b.maybe_count("chunk"),
                         b.flag("vacuous"),
                         b.text("applies_to")};
  }
  if (!in.is_null("rule")) layer.facts.rule = rule_of(in.object("rule"));
  if (!in.is_null("leak")) {
    const Fields l = in.object("leak");
    layer.facts.leak = {l.number("bits"), l.maybe_number("lower"), l.maybe_number("upper"), l.text("unit"),
                        l.text("method")};
  }
  if (!in.is_null("origin")) {
    const Fields o = in.object("origin");
    layer.facts.origin = {o.text("kind"), o.flag("contaminated")};
  }
  return layer;
}

Severity severity_of(const Fields& in) {
  const std::string text = in.text("severity");
  for (const Severity severity : {Severity::note, Severity::warning, Severity::error}) {
    if (text == name(severity)) return severity;
  }
  in.refuse("severity", "note, warning or error");
  return Severity::note;
}

Report::Standing standing_of(const Fields& in) {
  Report::Standing standing{in.text("state"), in.text("why")};
  if (standing.state != "new" && standing.state != "worse" && standing.state != "accepted")
    in.refuse("state", "new, worse or accepted");
  return standing;
}

Report::Finding finding_of(const Fields& in) {
  Report::Finding finding;
  finding.check = in.text("check");
  finding.claim = in.text("claim");
  finding.severity = severity_of(in);
  finding.confidence = in.maybe_number("confidence");
  finding.message = in.text("message");
  for (const auto layer : in.counts("layers")) finding.layers.push_back(static_cast<std::uint32_t>(layer));
  finding.witness = in.value("witness");
  finding.fingerprint = in.text("fingerprint");
  finding.help = in.text("help");
  finding.suppressed = in.maybe_text("suppressed");
  finding.basis = basis_of(in);
  finding.p_value = in.maybe_number("p_value");
  finding.amount = maybe_measurement(in, "amount");
  if (in.has("baseline")) finding.standing = standing_of(in.object("baseline"));
  if (in.has("place")) {
    const Fields place = in.object("place");
    finding.place = Report::Place{place.text("file"), place.count("line")};
  }
  return finding;
}

Report::Dismissed dismissed_of(const Fields& in) {
  Report::Dismissed dismissed;
  dismissed.check = in.text("check");
  dismissed.reason = in.text("reason");
  Claim& claim = dismissed.claim;
  claim.id = in.text("claim");
  claim.message = in.text("message");
  for (const auto layer : in.counts("layers"))
    claim.layers.push_back(LayerIndex{static_cast<std::uint32_t>(layer)});
  claim.witness = in.value("witness");
  claim.help = in.text("help");
  claim.basis = basis_of(in);
  claim.p_value = in.maybe_number("p_value");
  claim.amount = maybe_measurement(in, "amount");
  return dismissed;
}

Report::SubjectEntry subject_of(const Fields& in) {
  Report::SubjectEntry subject;
  subject.kind = in.text("kind");
  subject.name = in.text("name");
  subject.mode = in.text("mode");
  subject.stage = in.text("stage");
  for (const Fields& file : in.objects("files")) {
    subject.files.push_back({file.text("path"), file.count("bytes"), file.text("sha256")});
  }
  subject.tokens = in.count("tokens");
  if (in.has("run_tokens")) subject.run_tokens = in.count("run_tokens");
  subject.vocab = in.maybe_count("vocab");
  subject.options = in.value("options");
  return subject;
}

Verdict verdict_of(const Fields& in) {
  const std::string text = in.text("verdict");
  for (const Verdict verdict : {Verdict::pass, Verdict::fail, Verdict::error, Verdict::inconclusive}) {
    if (text == name(verdict)) return verdict;
  }
  in.refuse("verdict", "pass, fail, error or inconclusive");
  return Verdict::inconclusive;
}

constexpr std::size_t most_keys = 4096;

/// Keys that keep their order are looked up one after the other: many in one object would take for ever.
bool has_endless_object(const input::Json& json) {
  if (json.is_object() && json.size() > most_keys) return true;
  return json.is_structured() && std::ranges::any_of(json, has_endless_object);
}

Report report_of(const Fields& in) {
  Report report;
  const Fields tool = in.object("tool"), run = in.object("run"), totals = in.object("totals");
  report.tool = {tool.text("name"), tool.text("version"), tool.text("commit")};
  report.run = {run.text("started"),  run.number("seconds"),  run.count("seed"),
                run.count("threads"), run.texts("arguments"), run.has("target") ? run.text("target") : ""};
  report.subject = subject_of(in.object("subject"));
  report.verdict = verdict_of(in);
  report.verdict_reasons = in.texts("verdict_reasons");
  report.detection_limit = limit_of(in);
  for (const Fields& layer : in.objects("layers")) report.layers.push_back(layer_of(layer));
  report.totals = {totals.maybe_number("floor_bits"), totals.maybe_number("capacity_bits"),
                   totals.maybe_number("limit_bits"), totals.maybe_number("leak_bits"),
                   totals.maybe_count("successors_identifiable")};
  for (const Fields& check : in.objects("checks")) report.checks.push_back(check_of(check));
  for (const Fields& finding : in.objects("findings")) report.findings.push_back(finding_of(finding));
  for (const Fields& row : in.objects("not_assessed")) {
    report.not_assessed.push_back({row.text("check"), row.text("reason")});
  }
  for (const Fields& dismissed : in.objects("dismissed")) report.dismissed.push_back(dismissed_of(dismissed));
  if (in.has("experiment")) report.experiment = experiment_of(in.object("experiment"));
  if (in.has("baseline")) report.baseline = baseline_of(in.object("baseline"));
  if (in.has("redaction")) {
    const Fields redaction = in.object("redaction");
    report.redaction = Report::Redaction{redaction.text("digest"), redaction.texts("withheld")};
  }
  const Fields policy = in.object("policy");
  policy.object("rules");
  report.policy.name = policy.text("name");
  return report;
}

/// What was judged together was judged by one policy.
void read_beside(const Fields& in, Report& report) {
  if (!in.has("beside")) return;
  for (const Fields& other : in.objects("beside")) {
    report.beside.push_back(report_of(other));
    report.beside.back().policy = report.policy;
  }
}

}  // namespace

Report::CheckEntry check_of(const Fields& in) {
  Report::CheckEntry entry{in.text("id"), in.text("status"), in.text("reason"), in.number("seconds"), {}, {}};
  for (const Fields& m : in.objects("measurements")) entry.measurements.push_back(measurement_of(m));
  entry.charts = charts_of(in);
  return entry;
}

Expected<Report> parse_report(std::string_view json, std::string_view name) {
  // Once for its strictness, once for the order of its keys.
  if (auto strict = input::parse_json(json, name, Error::Kind::input); !strict) {
    return tl::unexpected(strict.error());
  } else if (has_endless_object(*strict)) {
    return input_error(
        fmt::format("{}: an object with more than {} keys; no report has such", name, most_keys));
  }
  Json root = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  with_bytes(root);
  if (!root.is_object()) return input_error(fmt::format("{}: is not a report: not a JSON object", name));
  std::string problem;
  const Fields in(root, "", problem);
  const std::string schema = in.text("schema");
  if (schema != "pastonly.report/1") {
    return input_error(fmt::format(
        "{}: schema is \"{}\", expected \"pastonly.report/1\", as `pastonly audit -o json` writes it", name,
        schema));
  }
  Report report = report_of(in);
  if (!problem.empty()) return input_error(fmt::format("{}: {}", name, problem));
  auto parsed = input::parse_policy(
      root["policy"]["rules"].dump(-1, ' ', false, Json::error_handler_t::replace), report.policy.name);
  if (!parsed) return tl::unexpected(parsed.error());
  report.policy = *std::move(parsed);
  read_beside(in, report);
  if (!problem.empty()) return input_error(fmt::format("{}: {}", name, problem));
  return report;
}

}  // namespace pastonly::report
