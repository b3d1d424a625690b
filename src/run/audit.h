#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "pastonly/check.h"
#include "pastonly/policy.h"
#include "pastonly/report.h"
#include "pastonly/subject.h"
#include "pastonly/watch.h"
#include "run/judge.h"

namespace pastonly::run {

/// What lies ahead of a live subject once its first runs are made.
struct Ahead {
  std::size_t runs = 0;    ///< of the plan
  std::size_t beyond = 0;  ///< the most that checks may ask for after it
  Layout batch;            ///< of the plan's runs
  double seconds = 0.0;    ///< that a run takes
};

struct AuditOptions {
  std::vector<std::string> checks;  ///< ids to run; empty = all
  std::uint64_t seed = 0;
  std::string today;  ///< YYYY-MM-DD, for ignores that run out
  Watch watch;
  /// Told once, of live subjects alone.
  std::function<void(const Ahead&)> told = [](const Ahead&) {};
};

/// Runs the checks that the subject's capabilities allow, in catalogue order, and judges. The caller
/// fills in Report::run (times, arguments) and the files' hashes; everything else but the checks'
/// seconds is deterministic in subject, policy and seed. Errors: usage for an unknown check id, input
/// where the base run cannot be read, interrupted.
Expected<Report> audit(Subject& subject, const Policy& policy, const AuditOptions& options);

/// The first need that the subject or the policy does not meet, as a sentence; "" where all are met.
std::string unmet(const Needs& needs, const Capabilities& capabilities, const Policy& policy);

}  // namespace pastonly::run
