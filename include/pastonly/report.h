#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pastonly/outcome.h"
#include "pastonly/policy.h"
#include "pastonly/subject.h"

namespace pastonly {

enum class Verdict { pass, fail, error, inconclusive };
std::string_view name(Verdict verdict) noexcept;
/// 0 pass, 1 fail, 2 error, 3 inconclusive.
int exit_code(Verdict verdict) noexcept;

/// An audit report, pastonly.report/1: the struct mirrors docs/report.schema.json key by key.
struct Report {
  struct Tool {
    std::string name, version, commit;
  };
  struct Run {
    std::string started;  ///< UTC, ISO 8601
    double seconds = 0.0;
    std::uint64_t seed = 0;
    std::uint64_t threads = 0;
    std::vector<std::string> arguments;
  };
  struct SubjectEntry {
    std::string kind, name, mode, stage;
    std::vector<FileRecord> files;
    std::uint64_t tokens = 0;  ///< token positions over all distinct runs
    std::optional<std::uint64_t> vocab;
    Value options;  ///< what the command line said of the files (batch, layout, map, ...), an object
  };
  struct Layer {
    std::uint32_t index = 0;
    std::uint64_t experts = 0;
    std::optional<double> top_k;     ///< mean experts per token
    std::optional<double> sparsity;  ///< R = K / N
    LayerFacts facts;                ///< bound, rule, leak, origin
  };
  struct Totals {
    std::optional<double> floor_bits, capacity_bits, limit_bits, leak_bits;
    std::optional<std::uint64_t> successors_identifiable;
  };
  struct CheckEntry {
    std::string id;
    std::string status;  ///< ran | skipped | error
    std::string reason;
    double seconds = 0.0;
    std::vector<Measurement> measurements;
  };
  struct Finding {
    std::string check;
    std::string claim;  ///< Claim::id
    Severity severity = Severity::note;
    std::optional<double> confidence;  ///< 1 for proofs; 1 - adjusted p for statistics
    std::string message;
    std::vector<std::uint32_t> layers;
    Value witness;
    std::string fingerprint;  ///< stable over runs: hash of check, claim, layers and rule
    std::string help;
    std::optional<std::string> suppressed;  ///< the reason of the ignore that hides it
    Claim::Basis basis = Claim::Basis::proof;
    std::optional<double> p_value;  ///< as the check stated it, before correction
    std::optional<Measurement> amount;
  };
  /// A claim that became no finding: not significant over the whole run, or within the limits. Kept so
  /// that a report can be judged again under another policy.
  struct Dismissed {
    std::string check;
    Claim claim;
    std::string reason;
  };
  struct NotAssessed {
    std::string check;
    std::string reason;
  };

  Tool tool;
  Run run;
  SubjectEntry subject;
  Verdict verdict = Verdict::inconclusive;
  std::vector<std::string> verdict_reasons;  ///< why it is no pass, a sentence each
  std::optional<DetectionLimit> detection_limit;
  std::vector<Layer> layers;
  Totals totals;
  std::vector<CheckEntry> checks;
  std::vector<Finding> findings;
  std::vector<Dismissed> dismissed;
  std::vector<NotAssessed> not_assessed;
  Policy policy;  ///< the policy that judged
};

}  // namespace pastonly
