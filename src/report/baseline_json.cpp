#include "report/baseline_json.h"

#include <algorithm>

#include "report/json.h"

namespace pastonly::report {
namespace {

constexpr Severity levels[] = {Severity::none, Severity::note, Severity::warning, Severity::error};

Json entry_json(const Report::Baseline::Entry& entry) {
  Json figures = Json::array();
  for (const Measurement& m : entry.figures) figures.push_back(measurement_json(m));
  return {{"check", entry.check},
          {"claim", entry.claim},
          {"layers", entry.layers},
          {"rules", entry.rules},
          {"fingerprint", entry.fingerprint},
          {"severity", name(entry.severity)},
          {"figures", std::move(figures)},
          {"message", entry.message},
          {"state", entry.state}};
}

Report::Baseline::Entry entry_of(const Fields& in) {
  Report::Baseline::Entry entry;
  entry.check = in.text("check");
  entry.claim = in.text("claim");
  for (const auto layer : in.counts("layers")) entry.layers.push_back(static_cast<std::uint32_t>(layer));
  entry.rules = in.texts("rules");
  if (entry.rules.size() != entry.layers.size()) in.refuse("rules", "one for each of the layers");
  entry.fingerprint = in.text("fingerprint");
  const std::string severity = in.text("severity");
  const auto* level = std::ranges::find(levels, severity, [](Severity one) { return name(one); });
  if (level == std::ranges::end(levels)) {
    in.refuse("severity", "none, note, warning or error");
  } else {
    entry.severity = *level;
  }
  for (const Fields& m : in.objects("figures")) entry.figures.push_back(measurement_of(m));
  if (in.has("message")) entry.message = in.text("message");
  entry.state = in.text("state");
  if (entry.state != "found" && entry.state != "gone" && entry.state != "not assessed")
    in.refuse("state", "found, gone or not assessed");
  return entry;
}

}  // namespace

Json baseline_json(const Report::Baseline& baseline) {
  Json entries = Json::array();
  for (const auto& entry : baseline.entries) entries.push_back(entry_json(entry));
  return {{"name", baseline.name},     {"sha256", baseline.sha256},   {"version", baseline.version},
          {"policy", baseline.policy}, {"problem", baseline.problem}, {"entries", std::move(entries)}};
}

Report::Baseline baseline_of(const Fields& in) {
  Report::Baseline out;
  out.name = in.text("name");
  out.sha256 = in.text("sha256");
  out.version = in.text("version");
  out.policy = in.text("policy");
  out.problem = in.text("problem");
  for (const Fields& entry : in.objects("entries")) out.entries.push_back(entry_of(entry));
  return out;
}

}  // namespace pastonly::report
