#include "report/value_json.h"

#include <cmath>

namespace pastonly::report {

Json to_json(const Value& value) {
  struct Visitor {
    Json operator()(std::monostate) const { return nullptr; }
    Json operator()(bool b) const { return b; }
    Json operator()(std::int64_t i) const { return i; }
    Json operator()(double d) const { return std::isfinite(d) ? Json(d) : Json(nullptr); }
    Json operator()(const std::string& s) const { return s; }
    Json operator()(const Value::Array& array) const {
      Json json = Json::array();
      for (const Value& element : array) json.push_back(to_json(element));
      return json;
    }
    Json operator()(const Value::Object& object) const {
      Json json = Json::object();
      for (const auto& [key, member] : object) json[key] = to_json(member);
      return json;
    }
  };
  return std::visit(Visitor{}, value.data());
}

Value from_json(const Json& json) {
  switch (json.type()) {
    case Json::value_t::boolean:
      return json.get<bool>();
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
      return json.get<std::int64_t>();
    case Json::value_t::number_float:
      return json.get<double>();
    case Json::value_t::string:
      return json.get<std::string>();
    case Json::value_t::array: {
      Value::Array array;
      for (const Json& element : json) array.push_back(from_json(element));
      return array;
    }
    case Json::value_t::object: {
      Value::Object object;
      for (const auto& [key, member] : json.items()) object.emplace_back(key, from_json(member));
      return object;
    }
    default:
      return {};
  }
}

}  // namespace pastonly::report
