#pragma once

#include <string>
#include <utility>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/report.h"
#include "report/writer.h"
#include "run/baseline.h"

namespace pastonly::report {

/// Two audits side by side: what the second has that the first has not, by the rule of `--baseline`.
struct Diff {
  /// A figure of a finding, or of what was within its limits, that both have and that is not the same.
  struct Changed {
    std::string what;  ///< "causal-mask/flip, layers 0-1: flip_rate_decisions of layer 0"
    std::string fingerprint;
    Measurement a, b;
  };
  /// What the two say of a layer or of the whole, in words; each differs.
  struct Pair {
    std::string what, a, b;
  };
  run::EarlierReport a;
  Report b;  ///< judged by its own policy and a
  std::string name_b, sha256_b;
  std::vector<Changed> changed;
  std::vector<Pair> layers, limits;
  std::vector<std::pair<std::string, std::string>> open_in_a,
      open_in_b;                                         ///< check, reason: not assessed there alone
  std::size_t same_files = 0, files_a = 0, files_b = 0;  ///< by their hashes
};

/// Input error where the two cannot be held against each other (run::differs_in_kind), or judged again.
Expected<Diff> diff_of(run::EarlierReport a, run::EarlierReport b, std::string_view today);

/// 1 where b has a new or worse finding that its policy fails on, else 3 where b did not assess what a did,
/// else 0.
int exit_code(const Diff& diff);

std::string write_diff_text(const Diff& diff, const TextStyle& style);
std::string write_diff_markdown(const Diff& diff);
/// pastonly.diff/1 (docs/reports.md).
std::string write_diff_json(const Diff& diff);

}  // namespace pastonly::report
