#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace pastonly {

enum class Severity { none, note, warning, error };  ///< ascending
std::string_view name(Severity severity) noexcept;

/// The known distribution the evaluation tokens were drawn from (src/stats/token_source.h).
struct Source {
  std::string kind;  ///< "uniform", every token independent; "markov"
  std::uint64_t vocab = 0;
  // Of a Markov chain, 0 elsewhere:
  std::uint64_t order = 0;       ///< how many tokens a token depends on
  std::uint64_t successors = 0;  ///< how many tokens can follow a context, at most
  std::uint64_t seed = 0;        ///< of its transition table
  friend bool operator==(const Source&, const Source&) = default;
};
/// As `--source` takes it: "uniform:64", "markov:vocab=64,order=2,successors=4,seed=7".
std::string name(const Source& source);

/// What is allowed (docs/formats.md, pastonly.policy/1).
struct Policy {
  struct Ignore {
    std::string check;                  ///< or check/claim; "" where the fingerprint alone says which
    std::string fingerprint;            ///< of one finding; "" = any
    std::vector<std::uint32_t> layers;  ///< empty = all
    std::string reason;
    std::string expires;  ///< YYYY-MM-DD, inclusive
  };
  struct Limits {
    double leak_bits = 0.0;
    double trial_rate = 0.5;
    double drop_rate = 0.10;
    /// What a leak of training may be worth where a checkpoint's training was not seen: measurement
    /// sweep_limit, bits per token.
    double sweep_bits = 0.02;
    double planted_share = 0.05;  ///< DetectionLimit::planted_share with which an audit may pass
    // Of two recordings that are compared (docs/checks/same-routes.md):
    double mismatch_tokens = 0.0;  ///< share of tokens with other experts in some layer, near ties apart
    double mismatch_routes = 0.0;  ///< share of routes lost there
    double near_ties = 0.05;       ///< share of tokens with other experts at near ties alone
  };
  /// What the trials must have covered for a pass (coverage.h); shares, 0 = anything.
  struct RequiredCoverage {
    double positions = 0.0, next_token = 0.0, pairs = 0.0;
    double special = 0.0;            ///< share of the special tokens that stood before a cut and were redrawn
    bool after_first_token = false;  ///< no chunk width unseen where the first token takes no part
  };

  std::string name;                    ///< "ci", "release" or the file's path
  Severity fail_on = Severity::error;  ///< none = never
  std::vector<std::string> require;
  std::vector<std::string> require_mode;
  Limits limits;
  RequiredCoverage coverage;
  double alpha = 0.05;
  std::uint64_t min_tokens = 1024;
  std::optional<Source> source;
  std::string rule;  ///< that checkpoints were trained under, "id,key=value,..."; "" = what they declare
  /// Keyed "check" or "check/claim"; the longer key wins. A claim that no key names is a note.
  std::map<std::string, Severity, std::less<>> severity;
  std::vector<Ignore> ignore;
};

}  // namespace pastonly
