#include "input/trace/foreign_roles.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace pastonly::input {

namespace {

bool fits(Kind kind, DType type) noexcept {
  switch (kind) {
    case Kind::logits:
    case Kind::scores:
    case Kind::gates:
    case Kind::bias:
      return is_float(type);
    case Kind::experts:
      return !is_float(type) && type != DType::boolean;
    case Kind::mask:
      return true;
  }
  return false;
}

std::string_view expected_type(Kind kind) noexcept {
  return kind == Kind::experts ? "integers" : "floating-point numbers";
}

/// "router_logits.12" -> "router_logits.#", 12. The last run of digits counts.
struct Numbered {
  std::string pattern;
  std::uint32_t number = 0;
};
std::optional<Numbered> numbered(std::string_view name) {
  const auto last = name.find_last_of("0123456789");
  if (last == std::string_view::npos) return std::nullopt;
  auto first = last;
  while (first > 0 && name[first - 1] >= '0' && name[first - 1] <= '9') --first;
  Numbered out;
  const auto [end, error] = std::from_chars(name.data() + first, name.data() + last + 1, out.number);
  if (error != std::errc{} || end != name.data() + last + 1) return std::nullopt;
  out.pattern = fmt::format("{}#{}", name.substr(0, first), name.substr(last + 1));
  return out;
}

/// (B, S, layers, K), (tokens, layers, K) or (tokens, K).
Expected<TraceRoles> routed_experts(const Tensor& tensor, const std::string& file) {
  const auto& shape = tensor.shape;
  const bool batched = shape.size() == 4, layered = shape.size() >= 3;
  const std::size_t layers = layered ? shape[shape.size() - 2] : 1;
  const std::size_t choices = shape.back();
  if (std::ranges::find(shape, std::size_t{0}) != shape.end())
    return input_error(file + ": the array of routed experts is empty");
  TraceRoles roles;
  for (std::size_t layer = 0; layer < layers; ++layer) {
    const std::size_t width = choices * size_of(tensor.type);
    LayerArray array;
    array.name = tensor.name.empty() ? "experts" : tensor.name;
    array.type = tensor.type;
    array.lead.assign(shape.begin(), shape.begin() + (batched ? 2 : 1));
    array.columns = choices;
    array.token_stride = layers * width;
    array.data = tensor.bytes.data() + layer * width;
    roles.layers[static_cast<std::uint32_t>(layer)][static_cast<std::size_t>(Kind::experts)] =
        std::move(array);
  }
  roles.reading =
      fmt::format("read as routed experts, {}", batched   ? "(sequences, positions, layers, choices)"
                                                : layered ? "(tokens, layers, choices)"
                                                          : "(tokens, choices)");
  return roles;
}

/// The one array of integers besides what is said of the tokens; nullptr where there is none, or another
/// array.
const Tensor* lone_ids(const TensorFile& file) noexcept {
  const Tensor* found = nullptr;
  for (const Tensor& tensor : file.tensors) {
    if (tensor.name == "tokens" || tensor.name == "valid" || tensor.name == "logprobs") continue;
    const std::size_t rank = tensor.shape.size();
    if (found != nullptr || is_float(tensor.type) || tensor.type == DType::boolean || rank < 2 || rank > 4)
      return nullptr;
    found = &tensor;
  }
  return found;
}

/// Whether no other array says what the file is.
bool lone_array(const TensorFile& file, const Tensor& array) noexcept {
  return std::ranges::all_of(file.tensors, [&](const Tensor& tensor) {
    return &tensor == &array || tensor.name == "tokens" || tensor.name == "valid" ||
           tensor.name == "logprobs";
  });
}

bool is_logits(const Tensor& tensor, const Tensor& first) noexcept {
  return is_float(tensor.type) && tensor.shape.size() == 2 && tensor.shape == first.shape;
}

/// nullopt where the file is no set of router logits.
std::optional<Expected<TraceRoles>> router_logits(const TensorFile& file) {
  TraceRoles roles;
  std::optional<std::string> pattern;
  for (const auto& tensor : file.tensors) {
    if (!is_logits(tensor, file.tensors.front())) return std::nullopt;
    auto number = numbered(tensor.name);
    if (!number && file.tensors.size() > 1) return std::nullopt;
    if (!number) number = Numbered{};
    if (pattern.value_or(number->pattern) != number->pattern) return std::nullopt;
    pattern = number->pattern;
    auto array = layer_array(tensor, Kind::logits, file.path);
    if (!array) return tl::unexpected(array.error());
    auto& slot = roles.layers[number->number][static_cast<std::size_t>(Kind::logits)];
    if (slot) return std::nullopt;
    slot = std::move(*array);
  }
  roles.reading = "read as router logits, (tokens, experts) per layer";
  return roles;
}

}  // namespace

Expected<LayerArray> layer_array(const Tensor& tensor, Kind kind, const std::string& file) {
  const std::string label = tensor.name.empty() ? file : fmt::format("{}: tensor '{}'", file, tensor.name);
  if (!fits(kind, tensor.type)) {
    return input_error(
        fmt::format("{}: {} of {}, expected {}", label, name(kind), name(tensor.type), expected_type(kind)));
  }
  const std::size_t rank = tensor.shape.size();
  const bool shaped = kind == Kind::bias ? rank == 1 : rank == 2 || rank == 3;
  if (!shaped || tensor.shape.back() == 0) {
    return input_error(fmt::format(
        "{}: {} of shape ({}), expected {}", label, name(kind), fmt::join(tensor.shape, ", "),
        kind == Kind::bias ? "(experts)" : "(sequences, positions, columns) or (tokens, columns)"));
  }
  LayerArray array;
  array.name = tensor.name;
  array.type = tensor.type;
  array.lead.assign(tensor.shape.begin(), tensor.shape.end() - 1);
  array.columns = tensor.shape.back();
  array.token_stride = array.columns * size_of(tensor.type);
  array.data = tensor.bytes.data();
  return array;
}

Expected<TraceRoles> foreign_roles(const TensorFile& file) {
  if (const Tensor* ids = lone_ids(file)) {
    auto roles = routed_experts(*ids, file.path);
    if (!roles) return roles;
    roles->tokens = file.find("tokens");
    roles->valid = file.find("valid");
    roles->log_probs = file.find("logprobs");
    if (!file.reading.empty()) roles->reading = file.reading;
    return roles;
  }
  // Expert ids that were saved in the wrong type would otherwise pass for arrays of unknown meaning.
  const auto misfit = std::ranges::find_if(file.tensors, [](const Tensor& tensor) {
    constexpr std::array<std::string_view, 5> names{"experts", "routed_experts", "expert_ids", "topk_ids",
                                                    "selected_experts"};
    return std::ranges::count(names, std::string_view(tensor.name)) > 0 &&
           (is_float(tensor.type) || tensor.type == DType::boolean);
  });
  if (misfit != file.tensors.end() && lone_array(file, *misfit))
    return input_error(
        fmt::format("{}: '{}' is {}; expert ids are whole numbers. Save them as int16 or wider, or name what "
                    "else it is with --map, for example --map {}={}",
                    file.path, misfit->name, name(misfit->type),
                    misfit->type == DType::boolean ? "mask" : "scores", misfit->name));
  if (!file.tensors.empty()) {
    if (auto roles = router_logits(file)) return std::move(*roles);
  }
  return usage_error(
      fmt::format("{}: does not state what its arrays are; name them with --map, for example --map "
                  "scores=NAME,mask=NAME. It holds {}",
                  file.path, list_arrays(file)));
}

std::string list_arrays(const TensorFile& file) {
  constexpr std::size_t most = 12;
  std::vector<std::string> texts;
  for (const auto& tensor : file.tensors) {
    texts.push_back(
        fmt::format("'{}' ({}) {}", tensor.name, fmt::join(tensor.shape, ", "), name(tensor.type)));
  }
  for (const auto& [name, why] : file.others) texts.push_back(fmt::format("'{}'", name));
  if (texts.empty()) return "no arrays";
  const std::size_t shown = std::min(most, texts.size());
  const std::size_t hidden = texts.size() - shown;
  return fmt::format("{}{}",
                     fmt::join(texts.begin(), texts.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                     hidden > 0 ? fmt::format(" and {} more", hidden) : "");
}

}  // namespace pastonly::input
