#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "input/text/parse_json.h"
#include "pastonly/error.h"

namespace pastonly::checkpoint {

/// Reads a config.json key by key. The first thing wrong is kept and returned by `finish`, so that a family
/// reads everything it knows and checks once. Keys that are null count as absent.
class ConfigReader {
 public:
  /// `file` stands before messages, `prefix` before keys. The JSON must outlive the reader.
  ConfigReader(const input::Json& json, std::string file, std::string prefix = "");

  bool has(std::string_view key) const;
  /// A whole number in [minimum, maximum]. Without a fallback a missing key is an error (and reads as
  /// `minimum`), as for all below.
  std::size_t count(std::string_view key, std::optional<std::size_t> fallback = std::nullopt,
                    std::size_t minimum = 1, std::size_t maximum = std::size_t{1} << 24);
  /// A finite number in [lower, upper].
  double number(std::string_view key, std::optional<double> fallback, double lower, double upper);
  bool flag(std::string_view key, std::optional<bool> fallback);
  std::string text(std::string_view key, std::optional<std::string> fallback);
  /// Empty where absent.
  std::vector<std::size_t> counts(std::string_view key);
  std::vector<double> numbers(std::string_view key);
  std::vector<std::string> texts(std::string_view key);
  /// The reader of an object; of an empty one where it is absent. Its errors are for the caller to `adopt`.
  ConfigReader object(std::string_view key);
  void adopt(const ConfigReader& child);

  /// What is wrong beyond a single value.
  void reject(std::string_view key, std::string_view why);
  bool failed() const noexcept { return !error_.empty(); }
  Expected<void> finish() const;

 private:
  const input::Json* take(std::string_view key) const;
  void wrong(std::string_view key, std::string_view expected);

  const input::Json& json_;
  std::string file_;
  std::string prefix_;
  std::string error_;
};

}  // namespace pastonly::checkpoint
