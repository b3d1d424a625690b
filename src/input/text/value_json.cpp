#include "input/text/value_json.h"

#include <type_traits>

namespace pastonly::input {

Json to_json(const Value& value) {
  return std::visit(
      [](const auto& held) -> Json {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, std::monostate>) {
          return nullptr;
        } else if constexpr (std::is_same_v<T, Value::Array>) {
          Json array = Json::array();
          for (const Value& element : held) array.push_back(to_json(element));
          return array;
        } else if constexpr (std::is_same_v<T, Value::Object>) {
          return parameters_json(held);
        } else {
          return held;
        }
      },
      value.data());
}

Json parameters_json(const Parameters& parameters) {
  Json object = Json::object();
  for (const auto& [key, value] : parameters) object[key] = to_json(value);
  return object;
}

std::string rule_text(std::string_view id, const Parameters& parameters) {
  return Json{{"id", id}, {"parameters", parameters_json(parameters)}}.dump();
}

}  // namespace pastonly::input
