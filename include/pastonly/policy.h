#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace pastonly {

enum class Severity { none, note, warning, error };  ///< ascending
std::string_view name(Severity severity) noexcept;

/// The known distribution the evaluation tokens were drawn from.
struct Source {
  std::string kind;  ///< "uniform"
  std::uint64_t vocab = 0;
};

/// What is allowed (docs/formats.md, pastonly.policy/1).
struct Policy {
  struct Ignore {
    std::string check;
    std::vector<std::uint32_t> layers;  ///< empty = all
    std::string reason;
    std::string expires;  ///< YYYY-MM-DD, inclusive
  };
  struct Limits {
    double leak_bits = 0.0;
    double trial_rate = 0.5;
    double drop_rate = 0.10;
  };

  std::string name;                    ///< "ci", "release" or the file's path
  Severity fail_on = Severity::error;  ///< none = never
  std::vector<std::string> require;
  std::vector<std::string> require_mode;
  Limits limits;
  double alpha = 0.05;
  std::uint64_t min_tokens = 1024;
  std::optional<Source> source;
  /// Keyed "check" or "check/claim"; the longer key wins. A claim that no key names is a note.
  std::map<std::string, Severity, std::less<>> severity;
  std::vector<Ignore> ignore;
};

}  // namespace pastonly
