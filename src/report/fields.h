#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pastonly/value.h"
#include "report/ordered_json.h"

namespace pastonly::report {

/// Typed access to a JSON object. The first missing or mistyped key is noted in `problem`, with its
/// path; every later answer is then a default, so that a reader states the shape once and checks once.
class Fields {
 public:
  Fields(const Json& json, std::string path, std::string& problem);

  std::string text(const char* key) const;
  double number(const char* key) const;
  std::uint64_t count(const char* key) const;
  bool flag(const char* key) const;
  // null is an answer here:
  std::optional<std::string> maybe_text(const char* key) const;
  std::optional<double> maybe_number(const char* key) const;
  std::optional<std::uint64_t> maybe_count(const char* key) const;
  std::optional<bool> maybe_flag(const char* key) const;
  bool is_null(const char* key) const;
  /// Whether a key that need not be there is.
  bool has(const char* key) const;

  std::vector<std::string> texts(const char* key) const;
  std::vector<std::uint64_t> counts(const char* key) const;
  /// null is NaN.
  std::vector<double> numbers(const char* key) const;
  Fields object(const char* key) const;
  std::vector<Fields> objects(const char* key) const;
  Value value(const char* key) const;
  void refuse(const char* key, std::string_view expected) const;

 private:
  const Json& at(const char* key) const;
  const Json& array(const char* key) const;

  const Json* json_;
  std::string path_;
  std::string* problem_;
};

}  // namespace pastonly::report
