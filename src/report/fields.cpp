#include "report/fields.h"

#include <fmt/format.h>

#include <limits>

#include "input/text/value_json.h"

namespace pastonly::report {
namespace {

const Json& nothing() {
  static const Json null;
  return null;
}

bool is_count(const Json& json) {
  return json.is_number_unsigned() || (json.is_number_integer() && json.get<std::int64_t>() >= 0);
}

}  // namespace

Fields::Fields(const Json& json, std::string path, std::string& problem)
    : json_(&json), path_(std::move(path)), problem_(&problem) {}

void Fields::refuse(const char* key, std::string_view expected) const {
  if (problem_->empty()) *problem_ = fmt::format("{}{}: expected {}", path_, key, expected);
}

const Json& Fields::at(const char* key) const {
  if (json_->is_object()) {
    if (const auto found = json_->find(key); found != json_->end()) return *found;
  }
  refuse(key, "this key, and it is missing");
  return nothing();
}

const Json& Fields::array(const char* key) const {
  const Json& json = at(key);
  if (json.is_array()) return json;
  refuse(key, "an array");
  return nothing();
}

std::string Fields::text(const char* key) const {
  const Json& json = at(key);
  if (json.is_string()) return json.get<std::string>();
  refuse(key, "a string");
  return "";
}

double Fields::number(const char* key) const {
  const Json& json = at(key);
  if (json.is_number()) return json.get<double>();
  refuse(key, "a number");
  return 0.0;
}

std::uint64_t Fields::count(const char* key) const {
  const Json& json = at(key);
  if (is_count(json)) return json.get<std::uint64_t>();
  refuse(key, "a non-negative integer");
  return 0;
}

bool Fields::flag(const char* key) const {
  const Json& json = at(key);
  if (json.is_boolean()) return json.get<bool>();
  refuse(key, "true or false");
  return false;
}

bool Fields::has(const char* key) const { return json_->is_object() && json_->contains(key); }

bool Fields::is_null(const char* key) const { return at(key).is_null(); }

std::optional<std::string> Fields::maybe_text(const char* key) const {
  return is_null(key) ? std::nullopt : std::optional(text(key));
}
std::optional<double> Fields::maybe_number(const char* key) const {
  return is_null(key) ? std::nullopt : std::optional(number(key));
}
std::optional<std::uint64_t> Fields::maybe_count(const char* key) const {
  return is_null(key) ? std::nullopt : std::optional(count(key));
}
std::optional<bool> Fields::maybe_flag(const char* key) const {
  return is_null(key) ? std::nullopt : std::optional(flag(key));
}

std::vector<std::string> Fields::texts(const char* key) const {
  std::vector<std::string> out;
  for (const Json& element : array(key)) {
    if (!element.is_string()) {
      refuse(key, "an array of strings");
      return {};
    }
    out.push_back(element.get<std::string>());
  }
  return out;
}

std::vector<std::uint64_t> Fields::counts(const char* key) const {
  std::vector<std::uint64_t> out;
  for (const Json& element : array(key)) {
    if (!is_count(element)) {
      refuse(key, "an array of non-negative integers");
      return {};
    }
    out.push_back(element.get<std::uint64_t>());
  }
  return out;
}

std::vector<double> Fields::numbers(const char* key) const {
  std::vector<double> out;
  for (const Json& element : array(key)) {
    if (!element.is_number() && !element.is_null()) {
      refuse(key, "an array of numbers");
      return {};
    }
    out.push_back(element.is_null() ? std::numeric_limits<double>::quiet_NaN() : element.get<double>());
  }
  return out;
}

Fields Fields::object(const char* key) const {
  const Json& json = at(key);
  if (!json.is_object()) refuse(key, "an object");
  return {json, fmt::format("{}{}.", path_, key), *problem_};
}

std::vector<Fields> Fields::objects(const char* key) const {
  std::vector<Fields> out;
  std::size_t index = 0;
  for (const Json& element : array(key)) {
    out.emplace_back(element, fmt::format("{}{}[{}].", path_, key, index++), *problem_);
    if (!element.is_object()) refuse(key, "an array of objects");
  }
  return out;
}

Value Fields::value(const char* key) const { return input::value_of(at(key)); }

}  // namespace pastonly::report
