#include "checkpoint/config_reader.h"

#include <fmt/format.h>

#include <cmath>

#include "input/text/printable.h"

namespace pastonly::checkpoint {
namespace {

const input::Json& empty_object() {
  static const input::Json object = input::Json::object();
  return object;
}

std::optional<std::size_t> whole(const input::Json& value) {
  if (value.is_number_unsigned()) return value.get<std::size_t>();
  return std::nullopt;
}

}  // namespace

ConfigReader::ConfigReader(const input::Json& json, std::string file, std::string prefix)
    : json_(json), file_(std::move(file)), prefix_(std::move(prefix)) {}

const input::Json* ConfigReader::take(std::string_view key) const {
  const auto at = json_.find(std::string(key));
  return at == json_.end() || at->is_null() ? nullptr : &*at;
}

bool ConfigReader::has(std::string_view key) const { return take(key) != nullptr; }

void ConfigReader::reject(std::string_view key, std::string_view why) {
  if (error_.empty()) error_ = input::printable(fmt::format("{}: {}{}: {}", file_, prefix_, key, why));
}

void ConfigReader::wrong(std::string_view key, std::string_view expected) {
  const input::Json* value = take(key);
  if (value == nullptr) return reject(key, fmt::format("the key is missing; expected {}", expected));
  reject(key, fmt::format("expected {}, found {}", expected,
                          value->dump(-1, ' ', false, input::Json::error_handler_t::replace).substr(0, 40)));
}

std::size_t ConfigReader::count(std::string_view key, std::optional<std::size_t> fallback,
                                std::size_t minimum, std::size_t maximum) {
  const input::Json* value = take(key);
  if (value == nullptr && fallback) return *fallback;
  const auto number = value == nullptr ? std::nullopt : whole(*value);
  if (number && *number >= minimum && *number <= maximum) return *number;
  wrong(key, fmt::format("a whole number from {} to {}", minimum, maximum));
  return minimum;
}

double ConfigReader::number(std::string_view key, std::optional<double> fallback, double lower,
                            double upper) {
  const input::Json* value = take(key);
  if (value == nullptr && fallback) return *fallback;
  if (value != nullptr && value->is_number()) {
    const double number = value->get<double>();
    if (std::isfinite(number) && number >= lower && number <= upper) return number;
  }
  wrong(key, fmt::format("a number from {:g} to {:g}", lower, upper));
  return lower;
}

bool ConfigReader::flag(std::string_view key, std::optional<bool> fallback) {
  const input::Json* value = take(key);
  if (value == nullptr && fallback) return *fallback;
  if (value != nullptr && value->is_boolean()) return value->get<bool>();
  wrong(key, "true or false");
  return false;
}

std::string ConfigReader::text(std::string_view key, std::optional<std::string> fallback) {
  const input::Json* value = take(key);
  if (value == nullptr && fallback) return *fallback;
  if (value != nullptr && value->is_string()) return value->get<std::string>();
  wrong(key, "a string");
  return "";
}

std::vector<std::size_t> ConfigReader::counts(std::string_view key) {
  std::vector<std::size_t> out;
  const input::Json* value = take(key);
  if (value == nullptr) return out;
  if (!value->is_array()) return wrong(key, "a list of whole numbers"), out;
  for (const auto& entry : *value) {
    const auto number = whole(entry);
    if (!number) return wrong(key, "a list of whole numbers"), out;
    out.push_back(*number);
  }
  return out;
}

std::vector<double> ConfigReader::numbers(std::string_view key) {
  std::vector<double> out;
  const input::Json* value = take(key);
  if (value == nullptr) return out;
  if (!value->is_array()) return wrong(key, "a list of numbers"), out;
  for (const auto& entry : *value) {
    if (!entry.is_number() || !std::isfinite(entry.get<double>()))
      return wrong(key, "a list of numbers"), out;
    out.push_back(entry.get<double>());
  }
  return out;
}

std::vector<std::string> ConfigReader::texts(std::string_view key) {
  std::vector<std::string> out;
  const input::Json* value = take(key);
  if (value == nullptr) return out;
  if (!value->is_array()) return wrong(key, "a list of strings"), out;
  for (const auto& entry : *value) {
    if (!entry.is_string()) return wrong(key, "a list of strings"), out;
    out.push_back(entry.get<std::string>());
  }
  return out;
}

ConfigReader ConfigReader::object(std::string_view key) {
  const input::Json* value = take(key);
  if (value != nullptr && !value->is_object()) wrong(key, "an object");
  const bool good = value != nullptr && value->is_object();
  return {good ? *value : empty_object(), file_, fmt::format("{}{}.", prefix_, key)};
}

void ConfigReader::adopt(const ConfigReader& child) {
  if (error_.empty()) error_ = child.error_;
}

Expected<void> ConfigReader::finish() const {
  if (!error_.empty()) return input_error(error_);
  return {};
}

}  // namespace pastonly::checkpoint
