#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "audits/checks.h"
#include "evidence/observations.h"
#include "integrity/layer_scan.h"
#include "pastonly/names.h"

namespace pastonly::audits {
namespace {

/// A run's arrays, one scan for the whole batch and one for each layer.
struct Part {
  std::uint32_t run = 0;
  const Trace* trace = nullptr;
  const LayerRecord* layer = nullptr;  ///< nullptr: the batch
  integrity::Scan scan;
};

/// One kind of hazard over all runs and layers.
struct Found {
  std::uint64_t count = 0;
  std::set<LayerIndex> layers;
  std::set<std::uint32_t> runs;
  Value witness;
  std::string text;  ///< a full sentence where loading noticed it, else what follows the count
};

/// Keyed contradictions first, then by id.
using Hazards = std::map<std::pair<TraceIssue::Kind, std::string>, Found>;

std::string tensor_name(const integrity::IssueText& fault, const Part& part) {
  if (part.layer == nullptr) return std::string(fault.tensor);
  const bool by_choice = fault.tensor == "mask" && !part.layer->mask;
  return fmt::format("layers.{}.{}", raw(part.layer->index), by_choice ? "experts" : fault.tensor);
}

Value witness_of(const integrity::IssueText& fault, const Part& part, const integrity::IssueCount& seen) {
  Value witness;
  witness.set("type", "trace-hazard");
  witness.set("hazard", std::string(fault.id));
  witness.set("run", part.run);
  witness.set("file", part.trace->path);
  witness.set("tensor", tensor_name(fault, part));
  witness.set("row", seen.token / part.trace->layout.positions);
  witness.set("position", seen.token % part.trace->layout.positions);
  witness.set("column", seen.column);
  // JSON has no NaN and no infinity.
  witness.set("value", fmt::format("{}", seen.value));
  witness.set("count", seen.count);
  return witness;
}

void collect_scan(const Part& part, Hazards& issues) {
  for (std::size_t i = 0; i < integrity::issue_kind_count; ++i) {
    const auto kind = static_cast<integrity::IssueKind>(i);
    const integrity::IssueCount& seen = part.scan.issue_counts[kind];
    if (seen.count == 0) continue;
    const integrity::IssueText& fault = info(kind);
    Found& found = issues[{fault.kind, std::string(fault.id)}];
    if (found.count == 0) {
      found.witness = witness_of(fault, part, seen);
      found.text = fmt::format("{} {}", fault.unit, fault.text);
    }
    found.count += seen.count;
    found.runs.insert(part.run);
    if (part.layer != nullptr) found.layers.insert(part.layer->index);
  }
}

/// What loading noticed; the same remark about every run of a plan is made once.
void collect_loading(std::uint32_t run, const Trace& trace, Hazards& issues) {
  for (const TraceIssue& issue : trace.issues) {
    Found& found = issues[{issue.kind, issue.id}];
    if (found.text.empty()) {
      found.text = issue.message;
      found.witness.set("type", "trace-hazard");
      found.witness.set("hazard", issue.id);
      found.witness.set("run", run);
      found.witness.set("file", trace.path);
    }
    found.runs.insert(run);
    if (issue.layer) found.layers.insert(*issue.layer);
  }
}

/// What is odd about the subject itself.
void collect_subject(const SubjectInfo& subject, Hazards& issues) {
  for (const TraceIssue& issue : subject.issues) {
    Found& found = issues[{issue.kind, issue.id}];
    found.text = issue.message;
    found.witness.set("type", "trace-hazard");
    found.witness.set("hazard", issue.id);
    found.witness.set("file", subject.name);
  }
}

std::string where(const Found& found) {
  const Value* tensor = found.witness.find("tensor");
  const auto text = [&](const char* key) { return *found.witness.text(key); };
  const auto number = [&](const char* key) { return *found.witness.integer(key); };
  if (tensor == nullptr) return "";
  return fmt::format("; first in {}, tensor '{}', row {}, position {}, column {}: {}", text("file"),
                     text("tensor"), number("row"), number("position"), number("column"), text("value"));
}

std::string help_for(TraceIssue::Kind kind) {
  return kind == TraceIssue::Kind::contradiction
             ? "No model routes like this, so the recording is wrong, and the results of other checks depend "
               "on it. Fix the recorder and record again."
             : "Check that the recorder intended this. If so, no action is needed.";
}

/// Code that was not run may route in any way: more than an oddity.
bool is_own_code(std::string_view hazard) { return hazard.ends_with(claim::own_code); }

/// More of it is another finding. What loading noticed is counted by runs.
Measurement amount_of(std::string_view hazard, const Found& found, std::uint64_t rows) {
  const bool counted = found.count > 0;
  const std::uint64_t times = counted ? found.count : std::max<std::uint64_t>(1, found.runs.size());
  return {measurement::of(measurement::hazard, hazard),
          static_cast<double>(times),
          {},
          {},
          counted ? "times" : "runs",
          rows,
          {}};
}

Claim claim_of(TraceIssue::Kind kind, std::string_view hazard, const Found& found, std::uint64_t rows) {
  Claim claim;
  claim.id = kind == TraceIssue::Kind::contradiction ? claim::contradiction
             : is_own_code(hazard)                   ? claim::own_code
                                                     : claim::oddity;
  claim.basis = Claim::Basis::observation;
  claim.amount = amount_of(hazard, found, rows);
  const std::string runs =
      found.runs.size() > 1 ? fmt::format(" in {} runs", found.runs.size()) : std::string();
  claim.message = found.count == 0 ? found.text + (runs.empty() ? "" : "; the same" + runs)
                                   : fmt::format("{} {}{}{}", found.count, found.text, runs, where(found));
  claim.layers.assign(found.layers.begin(), found.layers.end());
  claim.witness = found.witness;
  claim.help = is_own_code(hazard) ? "Record a plan with the code that the model is run with, and audit that "
                                     "(docs/formats.md)."
                                   : help_for(kind);
  return claim;
}

Expected<std::vector<std::pair<std::uint32_t, Trace>>> all_traces(evidence::Observations& observations) {
  std::vector<std::pair<std::uint32_t, Trace>> traces;
  for (const Intervention& run : observations.runs()) {
    auto trace = observations.trace(run);
    if (!trace) return tl::unexpected(trace.error());
    traces.emplace_back(run.id, std::move(*trace));
  }
  return traces;
}

std::vector<Part> scan_all(const std::vector<std::pair<std::uint32_t, Trace>>& traces,
                           const std::vector<std::vector<integrity::Scan>>& layers) {
  std::vector<Part> parts;
  for (std::size_t r = 0; r < traces.size(); ++r) {
    const auto& [run, trace] = traces[r];
    parts.push_back({run, &trace, nullptr, integrity::scan_batch(trace)});
    for (std::size_t l = 0; l < layers[r].size(); ++l)
      parts.push_back({run, &trace, &trace.layers[l], layers[r][l]});
  }
  return parts;
}

Outcome run_trace_integrity(const CheckContext& context) {
  const auto traces = all_traces(context.observations);
  if (!traces) return traces.error();
  const auto scans = context.observations.scans();
  if (!scans) return scans.error();
  const auto parts = scan_all(*traces, *scans);
  if (context.observations.watch().stop()) return Error{Error::Kind::interrupted, "interrupted"};

  Hazards issues;
  collect_subject(context.observations.subject().info(), issues);
  for (const auto& [id, trace] : *traces) collect_loading(id, trace, issues);
  std::uint64_t rows = 0, filler = 0;
  for (const Part& part : parts) {
    collect_scan(part, issues);
    if (part.layer != nullptr) rows += part.scan.tokens;
    filler += part.scan.filler_pairs;
  }
  Ran ran;
  const auto measure = [&](const char* name, double value, const char* unit) {
    ran.measurements.push_back({name, value, {}, {}, unit, rows, {}});
  };
  const auto of_kind = [&](TraceIssue::Kind kind) {
    return static_cast<double>(std::count_if(issues.begin(), issues.end(),
                                             [&](const auto& entry) { return entry.first.first == kind; }));
  };
  measure(measurement::contradictions, of_kind(TraceIssue::Kind::contradiction), "kinds");
  measure(measurement::oddities, of_kind(TraceIssue::Kind::oddity), "kinds");
  measure(measurement::filler_pairs, static_cast<double>(filler), "pairs");
  for (const auto& [key, found] : issues) ran.claims.push_back(claim_of(key.first, key.second, found, rows));
  return ran;
}

}  // namespace

const Check trace_integrity_check{
    "trace-integrity",
    "Whether the recording contradicts itself",
    "Reads every array of every run once. Contradictions are masks that are not 0 or 1, experts that do not "
    "exist or repeat, gates without a mask, numbers that are not finite, and positive log-probabilities. "
    "Oddities are tokens without an expert, a last position that was not recorded, scores stored as logits, "
    "the Sinkhorn matrix stored as scores, and keys of a checkpoint's config.json that are not read. A "
    "contradiction means that the recorder is wrong and that no "
    "other result is reliable.",
    {},
    run_trace_integrity};

}  // namespace pastonly::audits
