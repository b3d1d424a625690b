#include "input/policy/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <optional>
#include <vector>

#include "input/files/mapped_file.h"
#include "input/policy/embedded_policies.h"
#include "input/policy/source_text.h"
#include "input/text/calendar.h"
#include "input/text/json_object.h"
#include "input/text/printable.h"
#include "pastonly/check.h"
#include "pastonly/names.h"
#include "pastonly/routing_rule.h"

namespace pastonly {

std::string_view name(Severity severity) noexcept {
  switch (severity) {
    case Severity::none:
      return "none";
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::error:
      return "error";
  }
  return "none";
}

namespace input {

namespace {

constexpr std::size_t largest_policy = std::size_t{1024} * 1024;

/// Lays the keys of a document over a policy. The first problem ends it.
class PolicyReader {
 public:
  PolicyReader(Policy& policy, std::string_view today) : policy_(policy), today_(today) {}

  /// "" or what is wrong, naming the key.
  std::string read(const Json& json);

 private:
  using Step = std::string (PolicyReader::*)(const Json&);
  struct Key {
    std::string_view name;
    Step read;
  };
  std::string read_schema(const Json& value);
  std::string read_fail_on(const Json& value);
  std::string read_require(const Json& value);
  std::string read_require_mode(const Json& value);
  std::string read_limits(const Json& value);
  std::string read_coverage(const Json& value);
  std::string read_alpha(const Json& value);
  std::string read_min_tokens(const Json& value);
  std::string read_source(const Json& value);
  std::string read_rule(const Json& value);
  std::string read_severity(const Json& value);
  std::string read_ignores(const Json& value);
  std::string read_ignore(const Json& value, Policy::Ignore& ignore);

  Policy& policy_;
  std::string_view today_;
};

std::optional<Severity> severity_of(const Json& value) {
  for (const Severity severity : {Severity::none, Severity::note, Severity::warning, Severity::error}) {
    if (value == name(severity)) return severity;
  }
  return std::nullopt;
}

std::string number_between(const Json& value, std::string_view key, double least, double most, double& out) {
  if (!value.is_number() || !(value.get<double>() >= least && value.get<double>() <= most)) {
    return std::isfinite(most) ? fmt::format("'{}' is not a number from {} to {}", key, least, most)
                               : fmt::format("'{}' is not a number of at least {}", key, least);
  }
  out = value.get<double>();
  return "";
}

/// In the catalogue's order; checks of losses alone come last.
std::vector<std::string_view> check_ids() {
  std::vector<std::string_view> ids, of_losses;
  for (const Check& check : all_checks())
    (check.needs.log_probs && !check.needs.source ? of_losses : ids).push_back(check.id);
  ids.insert(ids.end(), of_losses.begin(), of_losses.end());
  return ids;
}

std::string unknown_check(std::string_view key, std::string_view id) {
  if (const auto slash = id.find('/'); slash != id.npos && find_check(id.substr(0, slash)) != nullptr)
    return fmt::format("{}: unknown finding '{}' ({})", key, id.substr(0, 60), fmt::join(claim::all, ", "));
  return fmt::format("{}: unknown check '{}' ({})", key, id.substr(0, 60), fmt::join(check_ids(), ", "));
}

/// "check" or "check/claim".
bool is_severity_key(std::string_view key) noexcept {
  const auto slash = key.find('/');
  if (find_check(key.substr(0, slash)) == nullptr) return false;
  if (slash == std::string_view::npos) return true;
  return std::ranges::find(claim::all, key.substr(slash + 1)) != std::ranges::end(claim::all);
}

bool is_fingerprint(std::string_view text) noexcept {
  return text.size() == 16 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string PolicyReader::read_schema(const Json& value) {
  return value == "pastonly.policy/1" ? "" : "'schema' is not pastonly.policy/1";
}

std::string PolicyReader::read_fail_on(const Json& value) {
  const auto severity = value == "never" ? std::optional(Severity::none) : severity_of(value);
  if (!severity || value == "none") return "'fail_on' is none of error, warning, note, never";
  policy_.fail_on = *severity;
  return "";
}

std::string PolicyReader::read_require(const Json& value) {
  if (!value.is_array()) return "'require' is not a list of checks";
  policy_.require.clear();
  for (const auto& check : value) {
    if (!check.is_string()) return "'require' is not a list of checks";
    if (find_check(check.get_ref<const std::string&>()) == nullptr) {
      return unknown_check("'require'", check.get_ref<const std::string&>());
    }
    policy_.require.push_back(check);
  }
  return "";
}

std::string PolicyReader::read_require_mode(const Json& value) {
  if (!value.is_array()) return "'require_mode' is not a list of modes";
  policy_.require_mode.clear();
  for (const auto& mode : value) {
    if (mode != "train" && mode != "eval") return "'require_mode' holds something other than train and eval";
    policy_.require_mode.push_back(mode);
  }
  return "";
}

std::string PolicyReader::read_limits(const Json& value) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (!value.is_object()) return "'limits' is not an object";
  for (const auto& [key, limit] : value.items()) {
    std::string why;
    if (key == "leak_bits") {
      why = number_between(limit, "limits.leak_bits", 0.0, infinity, policy_.limits.leak_bits);
    } else if (key == "trial_rate") {
      why = number_between(limit, "limits.trial_rate", 0.0, 1.0, policy_.limits.trial_rate);
    } else if (key == "drop_rate") {
      why = number_between(limit, "limits.drop_rate", 0.0, 1.0, policy_.limits.drop_rate);
    } else if (key == "sweep_bits") {
      why = number_between(limit, "limits.sweep_bits", 0.0, infinity, policy_.limits.sweep_bits);
    } else if (key == "planted_share") {
      why = number_between(limit, "limits.planted_share", 0.0, 1.0, policy_.limits.planted_share);
    } else if (key == "mismatch_tokens") {
      why = number_between(limit, "limits.mismatch_tokens", 0.0, 1.0, policy_.limits.mismatch_tokens);
    } else if (key == "mismatch_routes") {
      why = number_between(limit, "limits.mismatch_routes", 0.0, 1.0, policy_.limits.mismatch_routes);
    } else if (key == "near_ties") {
      why = number_between(limit, "limits.near_ties", 0.0, 1.0, policy_.limits.near_ties);
    } else {
      why = fmt::format(
          "unknown key 'limits.{}' (leak_bits, sweep_bits, trial_rate, planted_share, drop_rate, "
          "mismatch_tokens, mismatch_routes, near_ties)",
          key.substr(0, 60));
    }
    if (!why.empty()) return why;
  }
  return "";
}

std::string PolicyReader::read_coverage(const Json& value) {
  if (!value.is_object()) return "'coverage' is not an object";
  for (const auto& [key, wanted] : value.items()) {
    double* share = key == "positions"    ? &policy_.coverage.positions
                    : key == "next_token" ? &policy_.coverage.next_token
                    : key == "pairs"      ? &policy_.coverage.pairs
                    : key == "special"    ? &policy_.coverage.special
                                          : nullptr;
    if (share != nullptr) {
      if (auto why = number_between(wanted, "coverage." + key, 0.0, 1.0, *share); !why.empty()) return why;
    } else if (key == "after_first_token") {
      if (!wanted.is_boolean()) return "'coverage.after_first_token' is neither true nor false";
      policy_.coverage.after_first_token = wanted.get<bool>();
    } else {
      return fmt::format(
          "unknown key 'coverage.{}' (positions, next_token, pairs, special, after_first_token)",
          key.substr(0, 60));
    }
  }
  return "";
}

std::string PolicyReader::read_alpha(const Json& value) {
  auto why = number_between(value, "alpha", 0.0, 1.0, policy_.alpha);
  // Below, one minus it is 1 in a double, and no sample is large enough to tell.
  constexpr double least = 1e-12;
  if (why.empty() && (policy_.alpha < least || policy_.alpha >= 1.0))
    why = "'alpha' is not from 1e-12 to below 1";
  return why;
}

std::string PolicyReader::read_min_tokens(const Json& value) {
  if (!value.is_number_unsigned()) return "'min_tokens' is not a whole number of at least 0";
  policy_.min_tokens = value.get<std::uint64_t>();
  return "";
}

std::string PolicyReader::read_source(const Json& value) {
  policy_.source.reset();
  if (value.is_null()) return "";
  if (!value.is_object()) return "'source' is neither null nor an object";
  auto source = source_of(value, "source");
  if (!source) return source.error().message;
  policy_.source = *std::move(source);
  return "";
}

std::string PolicyReader::read_rule(const Json& value) {
  policy_.rule.clear();
  if (value.is_null()) return "";
  if (!value.is_string()) return "'rule' is neither null nor a rule such as \"expert-choice,chunk=512\"";
  policy_.rule = value.get<std::string>();
  const auto spec = parse_rule(policy_.rule);
  if (!spec) return fmt::format("'rule': {}", spec.error().message);
  if (const auto good = check_rule(*spec); !good) return fmt::format("'rule': {}", good.error().message);
  return "";
}

std::string PolicyReader::read_severity(const Json& value) {
  if (!value.is_object()) return "'severity' is not an object";
  for (const auto& [key, level] : value.items()) {
    if (!is_severity_key(key)) return unknown_check("'severity'", key);
    const auto severity = severity_of(level);
    if (!severity) return fmt::format("'severity.{}' is none of error, warning, note, none", key);
    policy_.severity[key] = *severity;
  }
  return "";
}

std::string PolicyReader::read_ignore(const Json& value, Policy::Ignore& ignore) {
  if (!value.is_object()) return "is not an object";
  for (const auto& [key, part] : value.items()) {
    if (key == "layers") {
      const auto layers = layer_numbers(part);
      if (!layers || layers->empty())
        return "'layers' is not a list of layer numbers; leave it out for all layers";
      ignore.layers = *layers;
      continue;
    }
    std::string* text = key == "check" ? &ignore.check : key == "reason" ? &ignore.reason : nullptr;
    if (key == "expires") text = &ignore.expires;
    if (key == "fingerprint") text = &ignore.fingerprint;
    if (text == nullptr) return unknown_key(key, "check, fingerprint, layers, reason, expires");
    if (!part.is_string()) return fmt::format("'{}' is not a string", key);
    *text = part.get<std::string>();
  }
  if (value.contains("fingerprint") && !is_fingerprint(ignore.fingerprint))
    return "'fingerprint' is not the 16 hex digits (0-9, a-f) that a JSON report gives a finding";
  if (!value.contains("check") && ignore.fingerprint.empty()) return "needs a 'check' or a 'fingerprint'";
  if (value.contains("check") && !is_severity_key(ignore.check))
    return unknown_check("'check'", ignore.check);
  if (ignore.reason.find_first_not_of(" \t\n") == std::string::npos) return "needs a 'reason'";
  if (!is_date(ignore.expires)) return "needs 'expires', a date as YYYY-MM-DD";
  if (!today_.empty() && ignore.expires < today_) {
    return fmt::format("expired on {}: fix what it hides or renew it", ignore.expires);
  }
  return "";
}

std::string PolicyReader::read_ignores(const Json& value) {
  if (!value.is_array()) return "'ignore' is not a list";
  policy_.ignore.clear();
  for (const auto& entry : value) {
    Policy::Ignore ignore;
    if (auto why = read_ignore(entry, ignore); !why.empty()) {
      return fmt::format("ignore[{}]: {}", policy_.ignore.size(), why);
    }
    policy_.ignore.push_back(std::move(ignore));
  }
  return "";
}

std::string PolicyReader::read(const Json& json) {
  static constexpr Key keys[] = {
      {"schema", &PolicyReader::read_schema},   {"fail_on", &PolicyReader::read_fail_on},
      {"require", &PolicyReader::read_require}, {"require_mode", &PolicyReader::read_require_mode},
      {"limits", &PolicyReader::read_limits},   {"coverage", &PolicyReader::read_coverage},
      {"alpha", &PolicyReader::read_alpha},     {"min_tokens", &PolicyReader::read_min_tokens},
      {"source", &PolicyReader::read_source},   {"severity", &PolicyReader::read_severity},
      {"ignore", &PolicyReader::read_ignores},  {"rule", &PolicyReader::read_rule},
  };
  if (!json.is_object()) return "is not an object";
  if (!json.contains("schema")) return "has no 'schema' (pastonly.policy/1)";
  for (const auto& [key, value] : json.items()) {
    const Key* known = nullptr;
    for (const auto& candidate : keys) {
      if (candidate.name == key) known = &candidate;
    }
    if (known == nullptr) {
      std::string all;
      for (const Key& candidate : keys) all += (all.empty() ? "" : ", ") + std::string(candidate.name);
      return unknown_key(key, all);
    }
    if (auto why = (this->*known->read)(value); !why.empty()) return why;
  }
  return "";
}

Expected<Policy> parse_over(Policy policy, std::string_view text, std::string_view name,
                            std::string_view today) {
  if (text.size() > largest_policy) {
    return usage_error(fmt::format("{}: {} bytes, more than the {} that a policy may have", name, text.size(),
                                   largest_policy));
  }
  const auto json = parse_json(text, name, Error::Kind::usage, true);
  if (!json) return tl::unexpected(json.error());
  policy.name = std::string(name);
  if (const auto why = PolicyReader(policy, today).read(*json); !why.empty()) {
    return usage_error(printable(fmt::format("{}: {}", name, why)));
  }
  return policy;
}

std::optional<std::string_view> embedded(std::string_view name) {
  for (const auto& policy : embedded_policies()) {
    if (policy.name == name) return policy.text;
  }
  return std::nullopt;
}

}  // namespace

Expected<Policy> parse_policy(std::string_view text, std::string_view name, std::string_view today) {
  auto defaults =
      parse_over(Policy{}, embedded("ci").value_or("{\"schema\": \"pastonly.policy/1\"}"), "ci", "");
  if (!defaults) return defaults;
  return parse_over(std::move(*defaults), text, name, today);
}

Expected<Policy> read_policy(const std::string& path_or_name, std::string_view today) {
  if (const auto text = embedded(path_or_name)) return parse_policy(*text, path_or_name, today);
  if (path_or_name.empty())
    return usage_error("no policy is named; a policy is a file or a built-in policy (release, ci)");
  const auto text = read_text(path_or_name, largest_policy);
  if (!text) {
    return usage_error(
        fmt::format("{}; a policy is a file or a built-in policy (release, ci)", text.error().message));
  }
  return parse_policy(*text, path_or_name, today);
}

}  // namespace input
}  // namespace pastonly
