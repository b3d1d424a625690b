#include "input/trace/declared_rule.h"

#include "input/text/value_json.h"

namespace pastonly::input {

Expected<RuleSpec> declared_rule(const Trace& trace) {
  const std::string place = trace.path + ": __metadata__ rule";
  const auto json = parse_json(trace.rule, place, Error::Kind::input);
  if (!json) return tl::unexpected(json.error());
  if (json->is_string()) {
    return parse_rule(json->get<std::string>()).map_error([&](const Error& error) {
      return Error{Error::Kind::input, place + ": " + error.message};
    });
  }
  if (!json->is_object() || !json->contains("id") || !(*json)["id"].is_string()) {
    return input_error(place + R"( is not a rule such as {"id": "top-k", "k": 2})");
  }
  RuleSpec spec{(*json)["id"].get<std::string>(), {}};
  const bool apart = json->contains("parameters");
  if (apart && (!(*json)["parameters"].is_object() || json->size() != 2)) {
    return input_error(place + R"(: 'parameters' is an object that stands beside 'id' alone, as in )" +
                       R"({"id": "top-k", "parameters": {"k": 2}})");
  }
  for (const auto& [key, value] : (apart ? (*json)["parameters"] : *json).items()) {
    if (key != "id") spec.parameters.emplace_back(key, value_of(value));
  }
  return spec;
}

}  // namespace pastonly::input
