#include "input/trace/batch_shape.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace pastonly::input {

namespace {

std::vector<LayerArray> batch_arrays(const TraceRoles& roles) {
  std::vector<LayerArray> arrays;
  for (const Tensor* tensor : {roles.tokens, roles.valid, roles.log_probs}) {
    if (tensor != nullptr) arrays.push_back(batch_array(*tensor));
  }
  if (roles.predictions) arrays.push_back(*roles.predictions);
  return arrays;
}

std::vector<LayerArray> layer_arrays(const TraceRoles& roles) {
  std::vector<LayerArray> arrays;
  for (const auto& [layer, parts] : roles.layers) {
    for (std::size_t kind = 0; kind < kinds; ++kind) {
      if (parts[kind] && static_cast<Kind>(kind) != Kind::bias) arrays.push_back(*parts[kind]);
    }
  }
  return arrays;
}

/// The positions that an array holds of each of `sequences`; nullopt where its shape does not fit.
std::optional<std::size_t> positions_of(const LayerArray& array, std::size_t sequences) noexcept {
  if (array.lead.size() == 2) {
    return array.lead[0] == sequences ? std::optional(array.lead[1]) : std::nullopt;
  }
  if (sequences == 0 || array.lead[0] % sequences != 0) return std::nullopt;
  return array.lead[0] / sequences;
}

struct Extent {
  std::size_t sequences = 1;
  std::size_t positions = 0;
  bool known = true;
  std::string source;  // for messages
};

/// (B, S) as the input, else the first array of two leading dimensions, else --batch says.
Expected<Extent> extent(const std::vector<LayerArray>& arrays, const TraceOptions& options,
                        const TokensFile* input, const std::string& file) {
  if (input != nullptr)
    return Extent{input->layout.sequences, input->layout.positions, true, "the run's input"};
  for (const auto& array : arrays) {
    if (array.lead.size() == 2)
      return Extent{array.lead[0], array.lead[1], true, fmt::format("'{}'", array.name)};
  }
  const std::size_t tokens = arrays.front().lead[0];
  if (!options.batch) return Extent{1, tokens, false, fmt::format("'{}'", arrays.front().name)};
  if (*options.batch == 0 || tokens % *options.batch != 0) {
    return usage_error(fmt::format("--batch {}: the {} tokens of {} do not divide into that many sequences",
                                   *options.batch, tokens, file));
  }
  return Extent{*options.batch, tokens / *options.batch, true, "--batch"};
}

}  // namespace

LayerArray batch_array(const Tensor& tensor) {
  LayerArray array;
  array.name = tensor.name;
  array.type = tensor.type;
  array.lead = tensor.shape;
  array.columns = 1;
  array.token_stride = size_of(tensor.type);
  array.data = tensor.bytes.data();
  return array;
}

Expected<BatchShape> settle_shape(const TraceRoles& roles, const TraceOptions& options,
                                  std::optional<TokenOrder> order, const TokensFile* input,
                                  const std::string& file) {
  const bool dense = roles.layers.empty();  // what it says of its tokens is all there is to look at
  if (dense && roles.log_probs == nullptr)
    return input_error(file +
                       ": holds no routing (no layers.<l>.mask, experts or scores), nor log-probabilities "
                       "(logprobs), which are what a model without experts is judged by");
  const auto whole = batch_arrays(roles), routed = layer_arrays(roles);
  if (routed.empty() && !dense) return input_error(file + ": holds no layer array with an entry per token");
  auto all = whole;
  all.insert(all.end(), routed.begin(), routed.end());
  for (const auto& array : all) {
    if (array.lead.empty() || array.lead.size() > 2) {
      return input_error(fmt::format("{}: tensor '{}': shape ({}), expected (sequences, positions)", file,
                                     array.name, fmt::join(array.lead, ", ")));
    }
  }
  const auto batch = extent(all, options, input, file);
  if (!batch) return tl::unexpected(batch.error());
  const std::size_t sequences = batch->sequences, positions = batch->positions;
  if (options.batch && *options.batch != sequences) {
    return usage_error(
        fmt::format("--batch {}: {} has {} sequences by {}", *options.batch, file, sequences, batch->source));
  }

  BatchShape shape;
  // Engines leave out the last position, which never runs through the model; all layers then do.
  const auto first = dense ? std::nullopt : positions_of(routed.front(), sequences);
  shape.row_short = first && *first + 1 == positions && (input != nullptr || roles.tokens != nullptr);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::size_t expected = i >= whole.size() && shape.row_short ? positions - 1 : positions;
    if (positions_of(all[i], sequences) != expected) {
      return input_error(
          fmt::format("{}: tensor '{}': leading shape ({}), expected {} sequences of {} positions as in {}",
                      file, all[i].name, fmt::join(all[i].lead, ", "), sequences, expected, batch->source));
    }
    shape.flattened |= all[i].lead.size() == 1 && sequences > 1;
  }
  shape.layout = {sequences, shape.row_short ? positions - 1 : positions,
                  order.value_or(TokenOrder::batch_major)};
  shape.batch_known = batch->known;
  shape.order_known = order.has_value() || (batch->known && sequences == 1);
  if (shape.layout.tokens() == 0) return input_error(file + ": holds no tokens");
  return shape;
}

TokenTensor token_tensor(const LayerArray& array, const Layout& layout) {
  TokenTensor tensor;
  tensor.type = array.type;
  tensor.sequences = layout.sequences;
  tensor.positions = layout.positions;
  tensor.columns = array.columns;
  tensor.data = array.data;
  const bool split = array.lead.size() == 1;
  const std::size_t own = split ? array.lead[0] / layout.sequences : array.lead[1];
  if (split && layout.order == TokenOrder::sequence_major) {
    tensor.sequence_stride = array.token_stride;
    tensor.position_stride = array.token_stride * layout.sequences;
  } else {
    tensor.position_stride = array.token_stride;
    tensor.sequence_stride = array.token_stride * own;
  }
  return tensor;
}

}  // namespace pastonly::input
