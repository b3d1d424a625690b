#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "input/text/parse_json.h"
#include "pastonly/error.h"

namespace pastonly::input {

/// Reads a JSON object key by key. The first thing wrong is kept and returned by `finish`, so that a reader
/// reads everything it knows and checks once. Keys that are null count as absent.
class ObjectReader {
 public:
  /// `file` stands before messages, `prefix` before keys; `kind` is that of the errors. Anything but an
  /// object is wrong, and reads as an empty one. The JSON must outlive the reader.
  ObjectReader(const Json& json, std::string file, std::string prefix = "",
               Error::Kind kind = Error::Kind::input);

  bool has(std::string_view key) const { return find(key) != nullptr; }
  /// Whether it is there and says null.
  bool is_null(std::string_view key) const;
  /// nullptr where it is absent.
  const Json* find(std::string_view key) const;
  /// Refuses every other key.
  void allow(std::initializer_list<std::string_view> keys);
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
  ObjectReader object(std::string_view key);
  /// Takes over a child's error and the keys that nobody asked it for.
  void adopt(const ObjectReader& child);
  /// Marks keys as asked for: they say nothing here.
  void pass_over(std::initializer_list<std::string_view> keys) const;
  /// What stands under keys that nobody asked for, as "prefix.key = value" in order of keys, long values cut.
  /// Keys that are null count as absent.
  std::vector<std::string> unread() const;

  /// What is wrong beyond a single value.
  void reject(std::string_view key, std::string_view why);
  /// What is wrong with the value of a key, which the message shows.
  void wrong(std::string_view key, std::string_view expected);
  bool failed() const noexcept { return !error_.empty(); }
  Expected<void> finish() const;

 private:
  const Json* json_;
  std::string file_;
  std::string prefix_;
  Error::Kind kind_;
  std::string error_;
  mutable std::set<std::string, std::less<>> asked_;
  std::vector<std::string> unread_below_;  ///< of adopted children
};

}  // namespace pastonly::input
