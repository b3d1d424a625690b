#include "input/trace/trace_roles.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "input/trace/foreign_roles.h"

namespace pastonly::input {

namespace {

constexpr std::array<std::string_view, kinds> kind_names{"logits",  "scores", "mask",
                                                         "experts", "gates",  "bias"};
constexpr std::string_view placeholder = "{layer}";

std::optional<Kind> kind_of(std::string_view name) noexcept {
  const auto at = std::find(kind_names.begin(), kind_names.end(), name);
  if (at == kind_names.end()) return std::nullopt;
  return static_cast<Kind>(at - kind_names.begin());
}

/// A layer number without sign or leading zeros.
std::optional<std::uint32_t> layer_number(std::string_view text) noexcept {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return number;
}

struct LayerName {
  std::uint32_t layer;
  Kind kind;
};
std::optional<LayerName> native_layer_name(std::string_view name) noexcept {
  if (!name.starts_with("layers.")) return std::nullopt;
  name.remove_prefix(7);
  const auto dot = name.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto layer = layer_number(name.substr(0, dot));
  const auto kind = kind_of(name.substr(dot + 1));
  if (!layer || !kind) return std::nullopt;
  return LayerName{*layer, *kind};
}

/// The layer that `name` is under `pattern`; 0 for a pattern without a placeholder.
std::optional<std::uint32_t> match(std::string_view pattern, std::string_view name) noexcept {
  const auto at = pattern.find(placeholder);
  if (at == std::string_view::npos) return pattern == name ? std::optional(std::uint32_t{0}) : std::nullopt;
  const auto head = pattern.substr(0, at), tail = pattern.substr(at + placeholder.size());
  if (name.size() <= head.size() + tail.size() || !name.starts_with(head) || !name.ends_with(tail)) {
    return std::nullopt;
  }
  return layer_number(name.substr(head.size(), name.size() - head.size() - tail.size()));
}

constexpr std::string_view tag_prefix = "tags.", predictions_name = "predictions";

/// The name of the tag that an array holds.
std::optional<std::string_view> tag_name(std::string_view name) noexcept {
  if (!name.starts_with(tag_prefix) || name.size() == tag_prefix.size()) return std::nullopt;
  return name.substr(tag_prefix.size());
}

/// The part under which a whole-batch array of that key goes.
const Tensor** batch_part(TraceRoles& roles, std::string_view key) noexcept {
  if (key == "tokens") return &roles.tokens;
  if (key == "valid") return &roles.valid;
  if (key == "logprobs") return &roles.log_probs;
  return nullptr;
}

Expected<void> check_map(const std::map<std::string, std::string>& map) {
  std::optional<bool> several;
  for (const auto& [key, pattern] : map) {
    const bool has_layer = pattern.find(placeholder) != std::string::npos;
    if (key == "tokens" || key == "valid" || key == "logprobs") {
      if (has_layer)
        return usage_error(fmt::format("--map {}={}: one array serves all layers", key, pattern));
      continue;
    }
    if (!kind_of(key)) {
      return usage_error(fmt::format("--map {}={}: unknown part '{}' (tokens, valid, logprobs, {})", key,
                                     pattern, key, fmt::join(kind_names, ", ")));
    }
    if (several.value_or(has_layer) != has_layer) {
      return usage_error(fmt::format("--map {}={}: either all layer arrays have {} in their names, or none",
                                     key, pattern, placeholder));
    }
    several = has_layer;
  }
  return {};
}

Expected<TraceRoles> mapped_roles(const TensorFile& file, const TraceOptions& options) {
  if (auto checked = check_map(options.map); !checked) return tl::unexpected(checked.error());
  TraceRoles roles;
  for (const auto& [key, pattern] : options.map) {
    bool found = false;
    for (const auto& tensor : file.tensors) {
      const auto layer = match(pattern, tensor.name);
      if (!layer) continue;
      found = true;
      if (const Tensor** part = batch_part(roles, key)) {
        *part = &tensor;
        continue;
      }
      auto array = layer_array(tensor, *kind_of(key), file.path);
      if (!array) return tl::unexpected(array.error());
      roles.layers[*layer][static_cast<std::size_t>(*kind_of(key))] = std::move(*array);
    }
    if (!found) {
      return usage_error(fmt::format("--map {}={}: {} has no array '{}'; it holds {}", key, pattern,
                                     file.path, pattern, list_arrays(file)));
    }
  }
  return roles;
}

Expected<TraceRoles> native_roles(const TensorFile& file) {
  TraceRoles roles;
  roles.reading = file.reading;
  for (const auto& tensor : file.tensors) {
    if (const Tensor** part = batch_part(roles, tensor.name)) {
      *part = &tensor;
    } else if (tensor.name == predictions_name) {
      auto array = layer_array(tensor, Kind::scores, file.path);
      if (!array) return tl::unexpected(array.error());
      roles.predictions = std::move(*array);
    } else if (const auto tag = tag_name(tensor.name)) {
      roles.tags.emplace(*tag, &tensor);
    } else if (const auto at = native_layer_name(tensor.name)) {
      auto array = layer_array(tensor, at->kind, file.path);
      if (!array) return tl::unexpected(array.error());
      roles.layers[at->layer][static_cast<std::size_t>(at->kind)] = std::move(*array);
    } else {
      roles.unknown.push_back(tensor.name);
    }
  }
  for (const auto& [name, why] : file.others) {
    if (native_name(name)) return input_error(fmt::format("{}: tensor '{}': {}", file.path, name, why));
    roles.unknown.push_back(name);
  }
  return roles;
}

}  // namespace

std::string_view name(Kind kind) noexcept { return kind_names[static_cast<std::size_t>(kind)]; }

bool native_name(std::string_view name) noexcept {
  return name == "tokens" || name == "valid" || name == "logprobs" || name == predictions_name ||
         tag_name(name) || native_layer_name(name).has_value();
}

bool mapped_name(const TraceOptions& options, std::string_view name) {
  return std::any_of(options.map.begin(), options.map.end(),
                     [&](const auto& entry) { return match(entry.second, name).has_value(); });
}

Expected<TraceRoles> assign_roles(const TensorFile& file, const TraceOptions& options) {
  if (!options.map.empty()) return mapped_roles(file, options);
  const bool native = file.metadata.contains("schema") ||
                      std::any_of(file.tensors.begin(), file.tensors.end(), [](const Tensor& tensor) {
                        return native_layer_name(tensor.name).has_value();
                      });
  return native ? native_roles(file) : foreign_roles(file);
}

}  // namespace pastonly::input
