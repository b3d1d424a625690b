#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/routing_rule.h"

namespace pastonly::routing {

/// Reads a rule's parameters key by key, and says in `finish` what is wrong with them, so a rule reads
/// everything it knows and checks once: first values that are wrong, then keys that nobody asked for, then
/// what is missing.
class ParameterReader {
 public:
  ParameterReader(std::string_view rule, const Parameters& parameters);

  bool has(std::string_view key) const noexcept;
  /// A whole number >= minimum; missing without a fallback is an error (and reads as `minimum`).
  std::size_t count(std::string_view key, std::optional<std::size_t> fallback, std::size_t minimum = 1);
  /// A finite number >= minimum.
  double number(std::string_view key, std::optional<double> fallback, double minimum);
  /// A finite number above 0; missing without a fallback is an error (and reads as 1).
  double positive(std::string_view key, std::optional<double> fallback);
  bool flag(std::string_view key, bool fallback);
  /// One of `choices`, by its position among them.
  std::size_t choice(std::string_view key, std::initializer_list<std::string_view> choices,
                     std::size_t fallback);
  /// Finite numbers; one number alone stands for an array of one. Empty where absent.
  std::vector<float> array(std::string_view key);
  /// Says what is wrong beyond a single key ("give capacity or capacity_factor, not both").
  void reject(std::string message);
  /// Says that a key must be given; `what` follows "give".
  void missing(std::string_view key, std::string_view what);
  Expected<void> finish() const;

 private:
  const Value* take(std::string_view key);
  void wrong(std::string_view key, std::string_view expected);

  std::string rule_;
  const Parameters& parameters_;
  std::vector<bool> asked_;      // (parameters)
  std::string error_, missing_;  // the first of each, "" while there is none
};

}  // namespace pastonly::routing
