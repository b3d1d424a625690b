#include "model/config_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "input/text/value_json.h"

namespace pastonly::model {
namespace {

using input::Json;

// The words of an enumeration, in its order.
constexpr std::array<std::string_view, 3> words(QkNorm) { return {"none", "per_head", "whole"}; }
constexpr std::array<std::string_view, 5> words(Score) {
  return {"softmax", "sigmoid", "noisy", "cosine", "autonomy"};
}
constexpr std::array<std::string_view, 4> words(Gate) {
  return {"raw", "renormalised", "softmax", "column_normalised"};
}
constexpr std::array<std::string_view, 2> words(GateOver) { return {"kept", "selected"}; }
constexpr std::array<std::string_view, 2> words(StateUpdate) { return {"after_use", "before_use"}; }

// Every key once, for reading and writing alike.
template <class Config, class Visitor>
void visit_router(Config& c, Visitor& visit) {
  visit("score", c.score);
  visit("rule", c.rule);
  visit("gate", c.gate);
  visit("gate_over", c.gate_over);
  visit("gate_scale", c.gate_scale);
  visit("update", c.update);
  visit("centroid_rate", c.centroid_rate);
  visit("autonomy_rank", c.autonomy_rank);
}
template <class Config, class Visitor>
void visit_model(Config& c, Visitor& visit) {
  visit("vocab", c.vocab);
  visit("width", c.width);
  visit("layers", c.layers);
  visit("heads", c.heads);
  visit("kv_heads", c.kv_heads);
  visit("head_width", c.head_width);
  visit("qk_norm", c.qk_norm);
  visit("qkv_bias", c.qkv_bias);
  visit("rope_theta", c.rope_theta);
  visit("norm_epsilon", c.norm_epsilon);
  visit("tied_embeddings", c.tied_embeddings);
  visit("dense_layers", c.dense_layers);
  visit("dense_width", c.dense_width);
  visit("experts", c.experts);
  visit("expert_width", c.expert_width);
  visit("shared_width", c.shared_width);
  visit("shared_gate", c.shared_gate);
  visit("router", c.router);
  visit("init_std", c.init_std);
}
template <class Config, class Visitor>
void visit_objectives(Config& c, Visitor& visit) {
  visit("balance", c.balance);
  visit("z", c.z);
  visit("coupling", c.coupling);
  visit("coupling_alpha", c.coupling_alpha);
  visit("coupling_noise", c.coupling_noise);
  visit("orthogonality", c.orthogonality);
}
template <class Config, class Visitor>
void visit_training(Config& c, Visitor& visit) {
  visit("objectives", c.objectives);
  visit("learning_rate", c.learning_rate);
  visit("final_share", c.final_share);
  visit("warmup", c.warmup);
  visit("steps", c.steps);
  visit("beta1", c.beta1);
  visit("beta2", c.beta2);
  visit("epsilon", c.epsilon);
  visit("weight_decay", c.weight_decay);
  visit("clip", c.clip);
}

class Writer {
 public:
  template <class T>
  void operator()(const char* key, const T& value) {
    if constexpr (std::is_enum_v<T>) {
      json[key] = words(T{})[static_cast<std::size_t>(value)];
    } else if constexpr (std::is_same_v<T, RuleSpec>) {
      json[key] = {{"id", value.id}, {"parameters", input::json_of(value.parameters)}};
    } else if constexpr (std::is_same_v<T, RouterConfig>) {
      json[key] = nested(value, [](auto& c, auto& v) { visit_router(c, v); });
    } else if constexpr (std::is_same_v<T, Objectives>) {
      json[key] = nested(value, [](auto& c, auto& v) { visit_objectives(c, v); });
    } else {
      json[key] = value;
    }
  }
  template <class T, class Visit>
  static Json nested(const T& value, Visit visit) {
    Writer writer;
    visit(value, writer);
    return writer.json;
  }
  Json json = Json::object();
};

class Reader {
 public:
  Reader(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
    if (!json.is_object()) fail("", "an object");
  }
  template <class T>
  void operator()(const char* key, T& value) {
    known_.emplace_back(key);
    if (!json_.is_object() || !json_.contains(key)) return;
    read(json_.at(key), key, value);
  }
  Expected<void> finish() {
    for (const auto& [key, unused] : json_.items()) {
      if (std::find(known_.begin(), known_.end(), key) == known_.end() && error_.empty())
        error_ = fmt::format("{}: unknown key \"{}\"", where_, key);
    }
    if (!error_.empty()) return usage_error(error_);
    return {};
  }

 private:
  void fail(std::string_view key, std::string_view expected) {
    if (error_.empty())
      error_ = fmt::format("{}: {}{}expected {}", where_, key, key.empty() ? "" : ": ", expected);
  }
  void read(const Json& json, const char* key, bool& value) {
    json.is_boolean() ? void(value = json.get<bool>()) : fail(key, "true or false");
  }
  void read(const Json& json, const char* key, double& value) {
    json.is_number() ? void(value = json.get<double>()) : fail(key, "a number");
  }
  void read(const Json& json, const char* key, std::size_t& value) {
    json.is_number_unsigned() ? void(value = json.get<std::size_t>())
                              : fail(key, "a whole number, 0 or more");
  }
  template <class T>
  requires std::is_enum_v<T>
  void read(const Json& json, const char* key, T& value) {
    constexpr auto names = words(T{});
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (json.is_string() && json.get<std::string>() == names[i]) return void(value = static_cast<T>(i));
    }
    fail(key, fmt::format("one of {}", fmt::join(names, ", ")));
  }
  void read(const Json& json, const char* key, RuleSpec& value) {
    if (json.is_string()) {
      auto spec = parse_rule(json.get<std::string>());
      if (!spec) return take(spec.error());
      value = std::move(*spec);
      return;
    }
    Json parameters = Json::object();
    Reader reader(json, fmt::format("{}: {}", where_, key));
    reader("id", value.id);
    reader("parameters", parameters);
    if (auto finished = reader.finish(); !finished) return take(finished.error());
    auto read_parameters = rule_parameters(parameters, fmt::format("{}: {}: parameters", where_, key));
    if (!read_parameters) return take(read_parameters.error());
    value.parameters = std::move(*read_parameters);
  }
  void read(const Json& json, const char* key, std::string& value) {
    json.is_string() ? void(value = json.get<std::string>()) : fail(key, "text");
  }
  void read(const Json& json, const char*, Json& value) { value = json; }
  void read(const Json& json, const char* key, RouterConfig& value) {
    Reader reader(json, fmt::format("{}: {}", where_, key));
    visit_router(value, reader);
    if (auto finished = reader.finish(); !finished) take(finished.error());
  }
  void read(const Json& json, const char* key, Objectives& value) {
    Reader reader(json, fmt::format("{}: {}", where_, key));
    visit_objectives(value, reader);
    if (auto finished = reader.finish(); !finished) take(finished.error());
  }
  void take(const Error& error) {
    if (error_.empty()) error_ = error.message;
  }

  const Json& json_;
  std::string where_;
  std::vector<std::string> known_;
  std::string error_;
};

/// Whether it is a number, a truth value, text, or an array of such.
bool is_parameter(const Json& json) {
  return json.is_array() ? std::ranges::all_of(json, is_parameter) : json.is_primitive() && !json.is_null();
}

}  // namespace

Json to_json(const ModelConfig& config) {
  return Writer::nested(config, [](auto& c, auto& v) { visit_model(c, v); });
}
Json to_json(const TrainingConfig& config) {
  Json json = Writer::nested(config, [](auto& c, auto& v) { visit_training(c, v); });
  // What an arm is told seeds its evaluation: a key that says nothing new would move the figures of every
  // arm.
  if (config.objectives.coupling_noise) json["objectives"].erase("coupling_noise");
  return json;
}

Expected<Parameters> rule_parameters(const Json& json, std::string_view where) {
  if (!json.is_object()) return usage_error(fmt::format("{}: expected an object", where));
  Parameters parameters;
  for (const auto& [key, element] : json.items()) {
    if (!is_parameter(element))
      return usage_error(fmt::format(
          "{}: {}: a rule's parameter must be a number, a boolean, a string or an array", where, key));
    parameters.emplace_back(key, input::value_of(element));
  }
  return parameters;
}

Expected<ModelConfig> model_config(const Json& json, std::string_view where) {
  ModelConfig config;
  Reader reader(json, std::string(where));
  visit_model(config, reader);
  if (auto finished = reader.finish(); !finished) return tl::unexpected<Error>(finished.error());
  if (auto checked = validate(config); !checked)
    return usage_error(fmt::format("{}: {}", where, checked.error().message));
  return config;
}

Expected<TrainingConfig> training_config(const Json& json, std::string_view where) {
  TrainingConfig config;
  Reader reader(json, std::string(where));
  visit_training(config, reader);
  if (auto finished = reader.finish(); !finished) return tl::unexpected<Error>(finished.error());
  return config;
}

}  // namespace pastonly::model
