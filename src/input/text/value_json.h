#pragma once

#include <cmath>
#include <string>
#include <type_traits>
#include <variant>

#include "input/text/parse_json.h"
#include "pastonly/routing_rule.h"
#include "pastonly/value.h"

namespace pastonly::input {

/// A value as JSON of either kind, keys sorted or in their order. NaN and infinities, which JSON does not
/// have, become null.
template <class AnyJson = Json>
AnyJson json_of(const Value& value) {
  return std::visit(
      [](const auto& held) -> AnyJson {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, std::monostate>) {
          return nullptr;
        } else if constexpr (std::is_same_v<T, double>) {
          return std::isfinite(held) ? AnyJson(held) : AnyJson(nullptr);
        } else if constexpr (std::is_same_v<T, Value::Array>) {
          AnyJson array = AnyJson::array();
          for (const Value& element : held) array.push_back(json_of<AnyJson>(element));
          return array;
        } else if constexpr (std::is_same_v<T, Value::Object>) {
          AnyJson object = AnyJson::object();
          for (const auto& [key, member] : held) object[key] = json_of<AnyJson>(member);
          return object;
        } else {
          return held;
        }
      },
      value.data());
}

template <class AnyJson>
Value value_of(const AnyJson& json) {
  if (json.is_boolean()) return json.template get<bool>();
  if (json.is_number_integer()) return json.template get<std::int64_t>();
  if (json.is_number()) return json.template get<double>();
  if (json.is_string()) return json.template get<std::string>();
  if (json.is_array()) {
    Value::Array array;
    for (const auto& element : json) array.push_back(value_of(element));
    return array;
  }
  if (!json.is_object()) return {};
  Value::Object object;
  for (const auto& [key, member] : json.items()) object.emplace_back(key, value_of(member));
  return object;
}

/// {"id": ..., "parameters": {...}}: Trace::rule.
inline std::string rule_text(std::string_view id, const Parameters& parameters) {
  return Json{{"id", id}, {"parameters", json_of(parameters)}}.dump();
}

}  // namespace pastonly::input
