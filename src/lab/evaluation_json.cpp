#include <cmath>
#include <type_traits>

#include "lab/evaluation.h"
#include "pastonly/router_figures.h"

namespace pastonly::lab {
namespace {

using input::Json;

// Every member once, for writing and reading alike.
template <class Result, class Visitor>
void visit_members(Result& r, Visitor& v) {
  v("weights", r.weights);
  v("seed", r.seed);
  v("tokens", r.tokens);
  v("loss_bits", r.loss_bits);
  v("lower", r.lower);
  v("upper", r.upper);
  v("leak_bits", r.leak_bits);
  v("log2_e_value", r.log2_e_value);
  v("in_order", r.in_order);
  v("shuffled", r.shuffled);
  v("streaming", r.streaming);
  v("streaming_tokens", r.streaming_tokens);
  v("streaming_gap", r.streaming_gap);
  v("top_k", r.top_k);
  v("k", r.k);
}

struct MemberWriter {
  Json json = Json::object();
  template <class T>
  void operator()(const char* key, const T& value) {
    json[key] = value;
  }
  void operator()(const char* key, const std::optional<double>& value) {
    json[key] = value ? Json(*value) : Json(nullptr);
  }
};

class MemberReader {
 public:
  explicit MemberReader(const Json& json) : json_(json), sound_(json.is_object()) {}
  bool sound() const noexcept { return sound_; }

  void operator()(const char* key, std::string& out) {
    if (const Json* value = find(key, &Json::is_string)) out = value->get<std::string>();
  }
  void operator()(const char* key, std::uint64_t& out) {
    if (const Json* value = find(key, &Json::is_number_unsigned)) out = value->get<std::uint64_t>();
  }
  void operator()(const char* key, double& out) {
    if (const Json* value = find(key, &Json::is_number)) out = value->get<double>();
  }
  void operator()(const char* key, std::optional<double>& out) {
    if (sound_ && json_.contains(key) && json_[key].is_null()) return;
    if (const Json* value = find(key, &Json::is_number)) out = value->get<double>();
  }

 private:
  const Json* find(const char* key, bool (Json::*is)() const noexcept) {
    sound_ = sound_ && json_.contains(key) && (json_[key].*is)();
    return sound_ ? &json_[key] : nullptr;
  }
  const Json& json_;
  bool sound_;
};

}  // namespace

Json to_json(const EvaluationResult& result) {
  MemberWriter writer;
  visit_members(result, writer);
  Json layers = Json::array();
  for (const FrozenRouter& layer : result.routers) {
    MemberWriter figures;
    figures("layer", std::uint64_t{layer.layer});
    for (const auto& [key, member] : frozen_figures) figures(key, layer.*member);
    layers.push_back(std::move(figures.json));
  }
  writer.json["routers"] = std::move(layers);
  return writer.json;
}

namespace {

/// False where something is missing or mistyped.
bool read_routers(const Json& json, std::vector<FrozenRouter>& out) {
  if (!json.is_object() || !json.contains("routers") || !json["routers"].is_array()) return false;
  for (const Json& layer : json["routers"]) {
    MemberReader reader(layer);
    FrozenRouter& one = out.emplace_back();
    std::uint64_t index = 0;
    reader("layer", index);
    one.layer = static_cast<std::uint32_t>(index);
    for (const auto& [key, member] : frozen_figures) reader(key, one.*member);
    if (!reader.sound()) return false;
  }
  return true;
}

}  // namespace

std::optional<EvaluationResult> evaluation_of(const Json& json) {
  EvaluationResult result;
  MemberReader reader(json);
  visit_members(result, reader);
  return reader.sound() && read_routers(json, result.routers) ? std::optional(result) : std::nullopt;
}

}  // namespace pastonly::lab
