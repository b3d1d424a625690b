#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "pastonly/chart.h"
#include "pastonly/coverage.h"
#include "pastonly/error.h"
#include "pastonly/ids.h"
#include "pastonly/value.h"

namespace pastonly {

/// An estimate with its interval, sample size and unit. NaN never appears: absent is nullopt.
struct Measurement {
  std::string name;
  double value = 0.0;
  std::optional<double> lower;
  std::optional<double> upper;
  std::string unit;  ///< "bits per token", "fraction", "tokens", ...
  std::uint64_t samples = 0;
  std::optional<LayerIndex> layer;
};

/// Something a check says about its subject that a policy may forbid. Checks state; the judge gives
/// severity, corrects significance over the whole run and decides.
struct Claim {
  enum class Basis {
    proof,        ///< an intervention, or arithmetic: certain
    statistical,  ///< carries p_value; counts only where the family-wise correction rejects
    observation,  ///< what a trace shows without an intervention; can fail, never passes
  };
  std::string id;  ///< within the check: "flip", "leaky-rule", "unexplained", ...: policy key check/id
  Basis basis = Basis::proof;
  std::optional<double> p_value;  ///< statistical: valid under "causal"; 1/e for an e-value
  /// Statistical: the estimated amount that policy limits apply to, where one does.
  std::optional<Measurement> amount;
  std::string message;  ///< one sentence with the figures
  std::vector<LayerIndex> layers;
  Value witness;     ///< object with a "type"; null where there is nothing to re-check
  std::string help;  ///< what to do
};

/// A rule that explains every decision of a layer.
struct RuleCandidate {
  std::string id;
  std::optional<bool> causal;
  Value parameters;  ///< object
  double explained = 0.0;
  std::vector<std::string> equivalents;
};

/// What a check contributes to the report's entry of one layer. Absent parts are left as they are.
struct LayerFacts {
  struct Bound {
    std::optional<double> floor_bits, capacity_bits, limit_bits;  ///< bits per token
    std::optional<std::uint64_t> chunk;
    bool vacuous = false;
    std::string applies_to;
  };
  struct Rule {
    std::optional<std::string> id;
    std::optional<bool> causal;
    Value parameters;
    double explained = 0.0;
    std::vector<RuleCandidate> candidates;
  };
  struct Leak {
    double bits = 0.0;
    std::optional<double> lower, upper;
    std::string unit;  ///< "bits per token" | "bits per prefix"
    std::string method;
  };
  struct Origin {
    std::string kind;  ///< selection | gate | scoring | none | unknown
    bool contaminated = false;
  };
  LayerIndex index{};
  std::optional<Bound> bound;
  std::optional<Rule> rule;
  std::optional<Leak> leak;
  std::optional<Origin> origin;
};

/// The smallest leak that the interventions could have seen.
struct DetectionLimit {
  /// Where one more suffix run would cut a row.
  struct Cut {
    std::uint64_t row = 0, cut = 0;
    friend bool operator==(const Cut&, const Cut&) = default;
  };
  /// Suffix runs that are no trial, or rows of them, with the reason.
  struct LeftOut {
    std::vector<std::uint64_t> runs;
    std::string reason;
    friend bool operator==(const LeftOut&, const LeftOut&) = default;
  };
  double trial_rate = 1.0;  ///< upper confidence limit of P(an intervention changes anything)
  std::uint64_t trials = 0;
  double confidence = 0.95;
  std::vector<std::uint64_t> unseen_chunks = {};  ///< chunk widths that no cut could see
  /// The same where the first token of every row takes no part, as a special token may.
  std::vector<std::uint64_t> unseen_after_first = {};
  std::vector<Cut> suggested_cuts = {};  ///< further runs after which no width of either list is unseen
  std::uint64_t sequences = 0;           ///< different sequences among the trials
  double sequence_rate = 1.0;            ///< the limit where only different sequences count as independent
  std::uint64_t decisions = 0;           ///< mask entries compared
  double decision_rate = 1.0;            ///< the limit for a leak that alters decisions independently
  /// Where unchanged runs change by themselves, so that a trial that changed is none: the share of a layer's
  /// decisions before the cut that a leak would have to change to be found, measured by planting leaks.
  std::optional<double> planted_share = {};
  std::vector<LeftOut> left_out = {};
  std::vector<std::uint64_t> unrecorded_layers = {};  ///< that the plan's model names
  Coverage coverage = {};                             ///< of the trials
  friend bool operator==(const DetectionLimit&, const DetectionLimit&) = default;
};

struct Ran {
  std::vector<Measurement> measurements;
  std::vector<Claim> claims;
  std::vector<LayerFacts> layers;
  std::optional<DetectionLimit> detection_limit;  ///< causal-mask only
  std::vector<Chart> charts = {};
};
struct Skipped {
  std::string reason;
};
/// Skipped and failed are results, never silence.
using Outcome = std::variant<Ran, Skipped, Error>;

}  // namespace pastonly
