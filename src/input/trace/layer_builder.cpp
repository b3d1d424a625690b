#include "input/trace/layer_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace pastonly::input {

namespace {

constexpr std::size_t most_experts = 65'536;
constexpr std::size_t most_inferred_experts = 4096;  // more than any model has; ids alone are no proof

class LayerBuilder {
 public:
  LayerBuilder(std::uint32_t index, const std::array<std::optional<LayerArray>, kinds>& parts,
               const Layout& layout, const TraceOptions& options, const std::string& file,
               std::vector<TraceIssue>& issues)
      : parts_(parts), layout_(layout), options_(options), file_(file), hazards_(issues) {
    layer_.index = LayerIndex{index};
  }
  Expected<LayerRecord> build();

 private:
  const std::optional<LayerArray>& part(Kind kind) const { return parts_[static_cast<std::size_t>(kind)]; }
  tl::unexpected<Error> fail(const LayerArray& array, std::string_view why) const {
    return input_error(fmt::format("{}: tensor '{}': {}", file_, array.name, why));
  }
  Expected<std::size_t> count_experts();
  Expected<std::size_t> infer_experts();
  Expected<void> check_columns() const;
  Expected<void> read_bias();

  const std::array<std::optional<LayerArray>, kinds>& parts_;
  const Layout& layout_;
  const TraceOptions& options_;
  const std::string& file_;
  std::vector<TraceIssue>& hazards_;
  LayerRecord layer_;
};

/// From the arrays with a column per expert; else as told; else from the largest id.
Expected<std::size_t> LayerBuilder::count_experts() {
  for (const Kind kind : {Kind::mask, Kind::scores, Kind::logits}) {
    if (part(kind)) return part(kind)->columns;
  }
  const auto& gates = part(Kind::gates);
  const auto& ids = part(Kind::experts);
  if (!ids) {
    return input_error(
        fmt::format("{}: layer {} has neither mask nor experts nor scores", file_, raw(layer_.index)));
  }
  if (gates && gates->columns != ids->columns) return gates->columns;
  if (part(Kind::bias)) return part(Kind::bias)->columns;
  if (options_.experts) return *options_.experts;
  if (options_.stated_experts) return *options_.stated_experts;
  return infer_experts();
}

Expected<std::size_t> LayerBuilder::infer_experts() {
  const LayerArray& array = *part(Kind::experts);
  const TokenTensor ids = token_tensor(array, layout_);
  // In bytes, which have no -1, 255 is how engines write "none", unless ids fill the range below it.
  const bool sentinel = ids.type == DType::u8;
  constexpr std::size_t block = 4096;
  std::int64_t largest = -1, below_sentinel = -1;
  std::vector<std::int64_t> scratch;
  for (std::size_t first = 0; first < ids.tokens(); first += block) {
    const auto values = read_integers(ids, first, std::min(block, ids.tokens() - first), scratch);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::int64_t id = values.data()[i];
      largest = std::max(largest, id);
      if (id != 255) below_sentinel = std::max(below_sentinel, id);
    }
  }
  if (sentinel && largest == 255 && below_sentinel < 254) largest = below_sentinel;
  if (largest < 0) return fail(array, "holds no expert id; give the number of experts with --experts");
  const std::size_t experts = static_cast<std::size_t>(largest) + 1;
  if (experts > most_inferred_experts) {
    return fail(array,
                fmt::format("largest id is {}; if that is right, give the number of experts with --experts",
                            largest));
  }
  hazards_.push_back({TraceIssue::Kind::oddity, "experts-inferred",
                      fmt::format("{}: tensor '{}': the number of experts is not given; assumed to be {}, "
                                  "the largest id plus one (set it with --experts)",
                                  file_, array.name, experts),
                      layer_.index, 1});
  return experts;
}

Expected<void> LayerBuilder::check_columns() const {
  for (const Kind kind : {Kind::mask, Kind::scores, Kind::logits, Kind::bias}) {
    if (part(kind) && part(kind)->columns != layer_.experts) {
      return fail(*part(kind),
                  fmt::format("{} columns, expected {} experts", part(kind)->columns, layer_.experts));
    }
  }
  const auto& ids = part(Kind::experts);
  if (ids && ids->columns > layer_.experts) {
    return fail(*ids, fmt::format("{} choices among {} experts", ids->columns, layer_.experts));
  }
  // Ids beyond the type's range have wrapped around: they name other experts.
  const std::size_t nameable = !ids                     ? most_experts
                               : ids->type == DType::u8 ? 256
                               : ids->type == DType::i8 ? 128
                                                        : most_experts;
  if (layer_.experts > nameable)
    return fail(*ids,
                fmt::format("ids of type {} name {} experts at most, and there are {}; record them in 16 "
                            "bits or more",
                            name(ids->type), nameable, layer_.experts));
  const auto& gates = part(Kind::gates);
  if (gates && gates->columns != layer_.experts &&
      !(ids && !part(Kind::mask) && gates->columns == ids->columns)) {
    return fail(*gates,
                fmt::format("{} columns, expected {} experts{}", gates->columns, layer_.experts,
                            ids && !part(Kind::mask) ? fmt::format(" or {} choices", ids->columns) : ""));
  }
  return {};
}

Expected<void> LayerBuilder::read_bias() {
  const auto& bias = part(Kind::bias);
  if (!bias) return {};
  TokenTensor row;
  row.type = bias->type;
  row.sequences = row.positions = 1;
  row.columns = bias->columns;
  row.data = bias->data;
  std::vector<float> scratch;
  const auto values = read_floats(row, 0, 1, scratch);
  layer_.bias.assign(values.data(), values.data() + values.size());
  const bool finite =
      std::all_of(layer_.bias.begin(), layer_.bias.end(), [](float b) { return std::isfinite(b); });
  if (!finite) return fail(*bias, "a bias is not finite");
  return {};
}

Expected<LayerRecord> LayerBuilder::build() {
  const auto experts = count_experts();
  if (!experts) return tl::unexpected(experts.error());
  if (*experts == 0 || *experts > most_experts) {
    return input_error(fmt::format("{}: layer {}: {} experts, expected 1 to {}", file_, raw(layer_.index),
                                   *experts, most_experts));
  }
  if (options_.experts.value_or(*experts) != *experts) {
    return usage_error(fmt::format("--experts {}: layer {} of {} has {} experts", *options_.experts,
                                   raw(layer_.index), file_, *experts));
  }
  layer_.experts = *experts;
  if (auto checked = check_columns(); !checked) return tl::unexpected(checked.error());
  if (auto read = read_bias(); !read) return tl::unexpected(read.error());
  const auto view = [&](Kind kind) {
    return part(kind) ? std::optional(token_tensor(*part(kind), layout_)) : std::nullopt;
  };
  layer_.logits = view(Kind::logits);
  layer_.scores = view(Kind::scores);
  layer_.mask = view(Kind::mask);
  layer_.chosen = view(Kind::experts);
  layer_.gates = view(Kind::gates);
  return std::move(layer_);
}

}  // namespace

Expected<LayerRecord> build_layer(std::uint32_t index,
                                  const std::array<std::optional<LayerArray>, kinds>& parts,
                                  const Layout& layout, const TraceOptions& options, const std::string& file,
                                  std::vector<TraceIssue>& issues) {
  return LayerBuilder(index, parts, layout, options, file, issues).build();
}

}  // namespace pastonly::input
