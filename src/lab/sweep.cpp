#include "lab/sweep.h"

#include <fmt/format.h>

#include <string>

namespace pastonly::lab {
namespace {

using input::Json;

constexpr std::size_t most_arms = 4096;

/// Replaces {name} by the value in every text below; whether any was there.
bool substitute(Json& json, const std::string& name, const Json& value) {
  const std::string placeholder = "{" + name + "}";
  bool found = false;
  if (json.is_string()) {
    std::string text = json.get<std::string>();
    if (text == placeholder) {
      json = value;
      return true;
    }
    const std::string written = value.is_string() ? value.get<std::string>() : value.dump();
    for (std::size_t at = 0; (at = text.find(placeholder, at)) != text.npos; at += written.size()) {
      text.replace(at, placeholder.size(), written);
      found = true;
    }
    json = std::move(text);
  } else if (json.is_structured()) {
    for (auto& element : json) found = substitute(element, name, value) || found;
  }
  return found;
}

/// The same of an arm; whether any was there besides its name.
bool substitute_in_arm(Json& arm, const std::string& name, const Json& value) {
  bool used = false;
  for (auto member = arm.begin(); member != arm.end(); ++member)
    used = (substitute(*member, name, value) && member.key() != "name") || used;
  return used;
}

}  // namespace

Expected<std::vector<Json>> expand_sweep(const Json& entry, std::string_view where) {
  const auto sweep = entry.find("sweep");
  if (sweep == entry.end()) return std::vector<Json>{entry};
  if (!sweep->is_object() || sweep->empty()) {
    return usage_error(fmt::format("{}.sweep: expected {{\"NAME\": [value, ...]}}", where));
  }
  Json bare = entry;
  bare.erase("sweep");
  std::vector<Json> arms{std::move(bare)};
  for (const auto& [name, values] : sweep->items()) {
    if (!values.is_array() || values.empty()) {
      return usage_error(fmt::format("{}.sweep.{}: expected a list of values", where, name.substr(0, 60)));
    }
    if (arms.size() * values.size() > most_arms) {
      return usage_error(fmt::format("{}.sweep: more than {} arms", where, most_arms));
    }
    std::vector<Json> more;
    for (const Json& arm : arms) {
      for (const Json& value : values) {
        more.push_back(arm);
        if (!substitute_in_arm(more.back(), name, value)) {
          return usage_error(fmt::format("{}.sweep.{}: no string of the arm contains {{{}}}, its name aside",
                                         where, name.substr(0, 60), name));
        }
      }
    }
    arms = std::move(more);
  }
  return arms;
}

}  // namespace pastonly::lab
