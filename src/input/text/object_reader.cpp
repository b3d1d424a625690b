#include "input/text/object_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "input/text/json_object.h"
#include "input/text/printable.h"

namespace pastonly::input {
namespace {

const Json& empty_object() {
  static const Json object = Json::object();
  return object;
}

constexpr std::size_t longest_key = 60, longest_value = 40;

/// A value as JSON, its end cut off where it is long.
std::string shown(const Json& value) {
  const std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() <= longest_value ? text : text.substr(0, longest_value) + "...";
}

std::optional<std::size_t> whole(const Json& value) {
  if (value.is_number_unsigned()) return value.get<std::size_t>();
  return std::nullopt;
}

}  // namespace

ObjectReader::ObjectReader(const Json& json, std::string file, std::string prefix, Error::Kind kind)
    : json_(json.is_object() ? &json : &empty_object()),
      file_(std::move(file)),
      prefix_(std::move(prefix)),
      kind_(kind) {
  if (!json.is_object()) error_ = printable(file_ + ": expected an object");
}

void ObjectReader::allow(std::initializer_list<std::string_view> keys) {
  for (const auto& [key, value] : json_->items()) {
    if (std::ranges::find(keys, key) == keys.end() && error_.empty())
      error_ = printable(
          fmt::format("{}: {}", file_, unknown_key(prefix_ + key, fmt::format("{}", fmt::join(keys, ", ")))));
  }
}

bool ObjectReader::is_null(std::string_view key) const {
  const auto at = json_->find(std::string(key));
  return at != json_->end() && at->is_null();
}

const Json* ObjectReader::find(std::string_view key) const {
  pass_over({key});
  const auto at = json_->find(std::string(key));
  return at == json_->end() || at->is_null() ? nullptr : &*at;
}

void ObjectReader::reject(std::string_view key, std::string_view why) {
  if (error_.empty()) error_ = printable(fmt::format("{}: {}{}: {}", file_, prefix_, key, why));
}

void ObjectReader::wrong(std::string_view key, std::string_view expected) {
  const Json* value = find(key);
  if (value == nullptr) return reject(key, fmt::format("the key is missing; expected {}", expected));
  reject(key, fmt::format("expected {}, found {}", expected,
                          value->dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 40)));
}

std::size_t ObjectReader::count(std::string_view key, std::optional<std::size_t> fallback,
                                std::size_t minimum, std::size_t maximum) {
  const Json* value = find(key);
  if (value == nullptr && fallback) return *fallback;
  const auto number = value == nullptr ? std::nullopt : whole(*value);
  if (number && *number >= minimum && *number <= maximum) return *number;
  wrong(key, fmt::format("a whole number from {} to {}", minimum, maximum));
  return minimum;
}

double ObjectReader::number(std::string_view key, std::optional<double> fallback, double lower,
                            double upper) {
  const Json* value = find(key);
  if (value == nullptr && fallback) return *fallback;
  if (value != nullptr && value->is_number()) {
    const double number = value->get<double>();
    if (std::isfinite(number) && number >= lower && number <= upper) return number;
  }
  wrong(key, fmt::format("a number from {:g} to {:g}", lower, upper));
  return lower;
}

bool ObjectReader::flag(std::string_view key, std::optional<bool> fallback) {
  const Json* value = find(key);
  if (value == nullptr && fallback) return *fallback;
  if (value != nullptr && value->is_boolean()) return value->get<bool>();
  wrong(key, "true or false");
  return false;
}

std::string ObjectReader::text(std::string_view key, std::optional<std::string> fallback) {
  const Json* value = find(key);
  if (value == nullptr && fallback) return *fallback;
  if (value != nullptr && value->is_string()) return value->get<std::string>();
  wrong(key, "a string");
  return "";
}

std::vector<std::size_t> ObjectReader::counts(std::string_view key) {
  std::vector<std::size_t> out;
  const Json* value = find(key);
  if (value == nullptr) return out;
  if (!value->is_array()) return wrong(key, "a list of whole numbers"), out;
  for (const auto& entry : *value) {
    const auto number = whole(entry);
    if (!number) return wrong(key, "a list of whole numbers"), out;
    out.push_back(*number);
  }
  return out;
}

std::vector<double> ObjectReader::numbers(std::string_view key) {
  std::vector<double> out;
  const Json* value = find(key);
  if (value == nullptr) return out;
  if (!value->is_array()) return wrong(key, "a list of numbers"), out;
  for (const auto& entry : *value) {
    if (!entry.is_number() || !std::isfinite(entry.get<double>()))
      return wrong(key, "a list of numbers"), out;
    out.push_back(entry.get<double>());
  }
  return out;
}

std::vector<std::string> ObjectReader::texts(std::string_view key) {
  std::vector<std::string> out;
  const Json* value = find(key);
  if (value == nullptr) return out;
  if (!value->is_array()) return wrong(key, "a list of strings"), out;
  for (const auto& entry : *value) {
    if (!entry.is_string()) return wrong(key, "a list of strings"), out;
    out.push_back(entry.get<std::string>());
  }
  return out;
}

ObjectReader ObjectReader::object(std::string_view key) {
  const Json* value = find(key);
  if (value != nullptr && !value->is_object()) wrong(key, "an object");
  const bool good = value != nullptr && value->is_object();
  return {good ? *value : empty_object(), file_, fmt::format("{}{}.", prefix_, key), kind_};
}

void ObjectReader::adopt(const ObjectReader& child) {
  if (error_.empty()) error_ = child.error_;
  for (std::string& entry : child.unread()) unread_below_.push_back(std::move(entry));
}

void ObjectReader::pass_over(std::initializer_list<std::string_view> keys) const {
  for (const std::string_view key : keys) {
    if (!asked_.contains(key)) asked_.emplace(key);
  }
}

std::vector<std::string> ObjectReader::unread() const {
  std::vector<std::string> out = unread_below_;
  for (const auto& [key, value] : json_->items()) {
    if (value.is_null() || asked_.contains(key)) continue;
    out.push_back(printable(fmt::format("{}{} = {}", prefix_, key.substr(0, longest_key), shown(value))));
  }
  return out;
}

Expected<void> ObjectReader::finish() const {
  if (error_.empty()) return {};
  return tl::unexpected(Error{kind_, error_});
}

}  // namespace pastonly::input
