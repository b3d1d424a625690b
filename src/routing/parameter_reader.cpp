#include "routing/parameter_reader.h"

#include <fmt/core.h>
#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "routing/rule_facts.h"

namespace pastonly::routing {

namespace {

/// Finite as a float as well, which scores and biases are.
std::optional<double> finite_number(const Value& value) {
  constexpr double largest = std::numeric_limits<float>::max();
  const auto number = value.number();
  return number && std::abs(*number) <= largest ? number : std::nullopt;
}

}  // namespace

ParameterReader::ParameterReader(std::string_view rule, const Parameters& parameters)
    : rule_(rule), parameters_(parameters), asked_(parameters.size(), false) {
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (parameters[i].first == parameters[j].first) {
        reject(fmt::format("parameter '{}' is given twice", parameters[i].first));
      }
    }
  }
}

bool ParameterReader::has(std::string_view key) const noexcept {
  for (const auto& [name, value] : parameters_) {
    if (name == key) return true;
  }
  return false;
}

const Value* ParameterReader::take(std::string_view key) {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (parameters_[i].first == key) {
      asked_[i] = true;
      return &parameters_[i].second;
    }
  }
  return nullptr;
}

std::size_t ParameterReader::count(std::string_view key, std::optional<std::size_t> fallback,
                                   std::size_t minimum) {
  const Value* value = take(key);
  if (value == nullptr) {
    if (!fallback) missing(key, "a whole number");
    return fallback.value_or(minimum);
  }
  const auto number = finite_number(*value);
  // 2^53: beyond it a double no longer holds every whole number.
  if (!number || *number != std::floor(*number) || *number < static_cast<double>(minimum) ||
      *number > 0x1.0p53) {
    wrong(key, fmt::format("a whole number of at least {}", minimum));
    return minimum;
  }
  return static_cast<std::size_t>(*number);
}

double ParameterReader::number(std::string_view key, std::optional<double> fallback, double minimum) {
  const Value* value = take(key);
  if (value == nullptr) {
    if (!fallback) missing(key, "a number");
    return fallback.value_or(minimum);
  }
  const auto read = finite_number(*value);
  if (!read || *read < minimum) {
    wrong(key, minimum <= -1e300 ? std::string("a finite number")
                                 : fmt::format("a finite number of at least {}", minimum));
    return fallback.value_or(minimum);
  }
  return *read;
}

double ParameterReader::positive(std::string_view key, std::optional<double> fallback) {
  const Value* value = take(key);
  if (value == nullptr && !fallback) missing(key, "a number");
  if (value == nullptr) return fallback.value_or(1.0);
  const auto read = finite_number(*value);
  if (read && *read > 0.0) return *read;
  wrong(key, "a finite number above 0");
  return 1.0;
}

bool ParameterReader::flag(std::string_view key, bool fallback) {
  const Value* value = take(key);
  if (value == nullptr) return fallback;
  if (const auto truth = value->flag()) return *truth;
  wrong(key, "true or false");
  return fallback;
}

std::size_t ParameterReader::choice(std::string_view key, std::initializer_list<std::string_view> choices,
                                    std::size_t fallback) {
  const Value* value = take(key);
  if (value == nullptr) return fallback;
  if (const auto* text = value->text()) {
    std::size_t index = 0;
    for (const auto choice : choices) {
      if (*text == choice) return index;
      ++index;
    }
  }
  wrong(key, fmt::format("one of {}", fmt::join(choices, ", ")));
  return fallback;
}

std::vector<float> ParameterReader::array(std::string_view key) {
  const Value* value = take(key);
  if (value == nullptr) return {};
  if (const auto single = finite_number(*value)) return {static_cast<float>(*single)};
  std::vector<float> numbers;
  if (const auto* items = value->array(); items != nullptr && !items->empty()) {
    for (const Value& item : *items) {
      const auto number = finite_number(item);
      if (!number) {
        numbers.clear();
        break;
      }
      numbers.push_back(static_cast<float>(*number));
    }
  }
  if (numbers.empty()) wrong(key, "an array of finite numbers, [0.1;-0.2]");
  return numbers;
}

void ParameterReader::reject(std::string message) {
  if (error_.empty()) error_ = std::move(message);
}

void ParameterReader::missing(std::string_view key, std::string_view what) {
  if (missing_.empty()) missing_ = fmt::format("parameter '{}' is missing: give {}", key, what);
}

void ParameterReader::wrong(std::string_view key, std::string_view expected) {
  reject(fmt::format("parameter '{}' must be {}", key, expected));
}

Expected<void> ParameterReader::finish() const {
  if (!error_.empty()) return usage_error(fmt::format("rule {}: {}", rule_, error_));
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (asked_[i]) continue;
    const std::string& key = parameters_[i].first;
    const RuleInfo* const info = find_rule(rule_);
    if (info != nullptr && takes(*info, key))
      return usage_error(
          fmt::format("rule {}: parameter '{}' has no meaning beside the others; leave it out", rule_, key));
    return usage_error(fmt::format(
        "rule {}: unknown parameter '{}'; `pastonly explain '{}'` lists its parameters", rule_, key, rule_));
  }
  if (!missing_.empty()) return usage_error(fmt::format("rule {}: {}", rule_, missing_));
  return {};
}

}  // namespace pastonly::routing
