#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>

#include "lab/training_record.h"

namespace pastonly::lab {
namespace {

using input::Json;

constexpr std::string_view digits = "0123456789abcdef";

/// {"tokens": T, "experts": N, "routes": hex}: four routes a digit, the first one its highest bit.
Json mask_json(const Mask& mask) {
  std::string hex((mask.view().size() + 3) / 4, '0');
  for (std::size_t i = 0; i < mask.view().size(); ++i) {
    if (mask.view().data()[i] == 0) continue;
    char& digit = hex[i / 4];
    digit = digits[digits.find(digit) | (8U >> (i % 4))];
  }
  return {{"tokens", mask.tokens()}, {"experts", mask.experts()}, {"routes", std::move(hex)}};
}

/// A member of an object; a null where there is none.
const Json& at(const Json& json, const char* key) {
  static const Json none;
  const bool there = json.is_object() && json.contains(key);
  return there ? json[key] : none;
}

std::optional<std::uint64_t> count_at(const Json& json, const char* key) {
  const Json& value = at(json, key);
  return value.is_number_unsigned() ? std::optional(value.get<std::uint64_t>()) : std::nullopt;
}

std::optional<Mask> mask_of(const Json& json) {
  const auto tokens = count_at(json, "tokens"), experts = count_at(json, "experts");
  const Json& routes = at(json, "routes");
  if (!tokens || !experts || !routes.is_string()) return std::nullopt;
  const auto& hex = routes.get_ref<const std::string&>();
  const std::size_t most = 4 * hex.size();
  if (*tokens > most || *experts > most || (*tokens * *experts + 3) / 4 != hex.size()) return std::nullopt;
  Mask mask(*tokens, *experts);
  for (std::size_t i = 0; i < mask.view().size(); ++i) {
    const auto digit = digits.find(hex[i / 4]);
    if (digit == digits.npos) return std::nullopt;
    mask.view().data()[i] = (digit & (8U >> (i % 4))) != 0 ? 1 : 0;
  }
  return mask;
}

std::optional<RouterPoint> point_of(const Json& json) {
  RouterPoint point;
  if (!json.is_array() || json.size() != 5 || !json[0].is_number_unsigned()) return std::nullopt;
  point.step = json[0].get<std::uint64_t>();
  double* const to[] = {&point.measures.epsilon, &point.measures.cosine, &point.measures.absolute_cosine,
                        &point.measures.coupling};
  for (std::size_t i = 0; i < 4; ++i) {
    const Json& value = json[i + 1];
    if (!value.is_number() && !value.is_null()) return std::nullopt;
    *to[i] = value.is_null() ? std::nan("") : value.get<double>();
  }
  return point;
}

std::optional<ProbeRoutes> probe_of(const Json& json) {
  const auto step = count_at(json, "step");
  const Json& layers = at(json, "layers");
  if (!step || !layers.is_array()) return std::nullopt;
  ProbeRoutes probe{*step, {}};
  for (const Json& layer : layers) {
    auto mask = mask_of(layer);
    if (!mask) return std::nullopt;
    probe.layers.push_back(*std::move(mask));
  }
  return probe;
}

/// Every element as `read` takes it; nullopt where one is none.
template <class T, class Read>
bool read_all(const Json& json, std::vector<T>& out, Read read) {
  if (!json.is_array()) return false;
  for (const Json& element : json) {
    std::optional<T> value = read(element);
    if (!value) return false;
    out.push_back(*std::move(value));
  }
  return true;
}

/// Whether all probes are of the same layers.
bool one_shape(const std::vector<ProbeRoutes>& probes) {
  const auto same = [](const Mask& a, const Mask& b) {
    return a.tokens() == b.tokens() && a.experts() == b.experts();
  };
  return std::ranges::all_of(probes, [&](const ProbeRoutes& probe) {
    return std::ranges::equal(probe.layers, probes.front().layers, same);
  });
}

}  // namespace

Json to_json(const TrainingRecord& record) {
  Json routers = Json::array(), probes = Json::array();
  for (const auto& [step, m] : record.routers)
    routers.push_back(Json::array({step, m.epsilon, m.cosine, m.absolute_cosine, m.coupling}));
  for (const ProbeRoutes& probe : record.probes) {
    Json layers = Json::array();
    for (const Mask& mask : probe.layers) layers.push_back(mask_json(mask));
    probes.push_back({{"step", probe.step}, {"layers", std::move(layers)}});
  }
  return {{"losses", record.losses}, {"routers", std::move(routers)}, {"probes", std::move(probes)}};
}

std::optional<TrainingRecord> training_record_of(const Json& json) {
  TrainingRecord record;
  const auto number = [](const Json& value) {
    return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
  };
  const bool sound = read_all(at(json, "losses"), record.losses, number) &&
                     read_all(at(json, "routers"), record.routers, point_of) &&
                     read_all(at(json, "probes"), record.probes, probe_of);
  return sound && one_shape(record.probes) ? std::optional(std::move(record)) : std::nullopt;
}

}  // namespace pastonly::lab
