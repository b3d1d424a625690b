#include "input/trace/trace_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "input/tensor/open_tensors.h"
#include "input/text/printable.h"
#include "input/trace/apply_selection.h"
#include "input/trace/batch_shape.h"
#include "input/trace/layer_builder.h"
#include "input/trace/placeholder_rows.h"
#include "input/trace/trace_metadata.h"
#include "input/trace/trace_roles.h"
#include "stats/nearest_names.h"

namespace pastonly::input {

namespace {

constexpr std::size_t most_probes = 256;
constexpr std::size_t most_layers = 8192;  // more than any model has; every check reports on each

/// What keeps a trace's bytes alive: the mapped file and selections applied here.
struct TraceStorage {
  std::shared_ptr<const void> file;
  std::vector<std::vector<std::byte>> selections;
};

using LayerParts = std::array<std::optional<LayerArray>, kinds>;

/// Puts a trace together from the parts of a file.
class TraceReader {
 public:
  TraceReader(const TensorFile& file, const TraceOptions& options, const TokensFile* input)
      : file_(file), options_(options), input_(input), storage_(std::make_shared<TraceStorage>()) {
    storage_->file = file.storage;
    trace_.path = file.path;
    trace_.storage = storage_;
  }
  Expected<Trace> read();
  /// Of a trace without layers.
  Expected<Trace> read_losses();

 private:
  void note(std::string id, const std::string& message, std::size_t count = 1) {
    trace_.issues.push_back(
        {TraceIssue::Kind::oddity, std::move(id), printable(message), std::nullopt, count});
  }
  void describe(const TraceMetadata& metadata);
  void note_assumptions(const TraceRoles& roles, const BatchShape& shape);
  Expected<void> read_tokens(const TraceRoles& roles);
  Expected<void> read_valid(const TraceRoles& roles);
  Expected<void> read_log_probs(const TraceRoles& roles);
  Expected<void> read_predictions(const TraceRoles& roles);
  Expected<void> read_tags(const TraceRoles& roles);
  Expected<void> read_layers(const TraceRoles& roles);
  bool is_placeholder_layer(std::uint32_t index, const LayerParts& parts);
  Expected<void> leave_out_placeholders();
  Expected<std::vector<std::byte>> selected(const LayerRecord& layer) const;
  Expected<void> apply_selection(LayerRecord& layer);

  const TensorFile& file_;
  const TraceOptions& options_;
  const TokensFile* input_;
  std::shared_ptr<TraceStorage> storage_;
  Trace trace_;
  /// (tokens) in how many of the layers that hold ids alone a token has no decision.
  std::vector<std::uint32_t> placeholders_;
  std::vector<std::uint8_t> undecided_;  // (tokens) 1 = some of them has no id at all
  bool engine_ids_ = false;              // ids are an engine's, which names none where nothing was routed
  bool every_layer_is_ids_ = true;
  bool row_short_ = false;  // layers leave out the last position
};

void TraceReader::describe(const TraceMetadata& metadata) {
  trace_.mode = metadata.mode;
  trace_.stage = metadata.stage;
  trace_.vocab = metadata.vocab;
  trace_.rule = metadata.rule;
  trace_.producer = metadata.producer;
  trace_.compute = metadata.compute;
}

void TraceReader::note_assumptions(const TraceRoles& roles, const BatchShape& shape) {
  if (!roles.reading.empty()) note("foreign-format", fmt::format("{}: {}", file_.path, roles.reading));
  for (const auto& unknown : roles.unknown) {
    note("unknown-tensor",
         fmt::format("{}: tensor '{}' is not part of a trace and was ignored", file_.path, unknown));
  }
  if (!shape.batch_known) {
    note("batch-unknown", fmt::format("{}: the number of sequences in its {} tokens is not given; assumed to "
                                      "be one (set it with --batch)",
                                      file_.path, shape.layout.tokens()));
  }
  if (shape.flattened && !shape.order_known) {
    note("layout-unknown", fmt::format("{}: the order of its flattened tokens is not given; assumed to be "
                                       "batch-major (set it with --layout)",
                                       file_.path));
  }
  if (shape.row_short) {
    note("row-short",
         fmt::format("{}: layers hold {} of {} positions, as engines that leave out the last token "
                     "record; the last position is left out throughout",
                     file_.path, shape.layout.positions, shape.layout.positions + 1));
  }
}

Expected<void> TraceReader::read_tokens(const TraceRoles& roles) {
  const Layout& layout = trace_.layout;
  if (roles.tokens == nullptr) {
    if (input_ == nullptr) return {};
    for (std::size_t row = 0; row < layout.sequences; ++row) {
      const auto from = input_->tokens.begin() + static_cast<std::ptrdiff_t>(row * input_->layout.positions);
      trace_.tokens.insert(trace_.tokens.end(), from, from + static_cast<std::ptrdiff_t>(layout.positions));
    }
    return {};
  }
  const auto array = batch_array(*roles.tokens);
  if (is_float(array.type) || array.type == DType::boolean) {
    return input_error(fmt::format("{}: tensor '{}': tokens of {}, expected integers", file_.path, array.name,
                                   name(array.type)));
  }
  std::vector<std::int64_t> scratch;
  const auto tokens = read_integers(token_tensor(array, layout), 0, layout.tokens(), scratch);
  trace_.tokens.assign(tokens.data(), tokens.data() + tokens.size());
  return {};
}

Expected<void> TraceReader::read_valid(const TraceRoles& roles) {
  const Layout& layout = trace_.layout;
  if (roles.valid == nullptr) {
    if (input_ == nullptr || input_->valid.empty()) return {};
    for (std::size_t row = 0; row < layout.sequences; ++row) {
      const auto from = input_->valid.begin() + static_cast<std::ptrdiff_t>(row * input_->layout.positions);
      trace_.valid.insert(trace_.valid.end(), from, from + static_cast<std::ptrdiff_t>(layout.positions));
    }
    return {};
  }
  const auto array = batch_array(*roles.valid);
  std::vector<float> scratch;
  const auto values = read_floats(token_tensor(array, layout), 0, layout.tokens(), scratch);
  trace_.valid.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float value = values.data()[i];
    if (value != 0.0f && value != 1.0f) {
      return input_error(
          fmt::format("{}: tensor '{}': holds {}, expected 0 (padding) or 1", file_.path, array.name, value));
    }
    trace_.valid.push_back(value != 0.0f);
  }
  return {};
}

Expected<void> TraceReader::read_log_probs(const TraceRoles& roles) {
  if (roles.log_probs == nullptr) return {};
  const auto array = batch_array(*roles.log_probs);
  const auto tensor = token_tensor(array, trace_.layout);
  if (!is_float(array.type)) {
    return input_error(
        fmt::format("{}: tensor '{}': log-probabilities of {}, expected floating-point numbers", file_.path,
                    array.name, name(array.type)));
  }
  trace_.log_probs.resize(trace_.layout.tokens());
  read_doubles(tensor, trace_.log_probs);
  return {};
}

Expected<void> TraceReader::read_predictions(const TraceRoles& roles) {
  if (!roles.predictions) return {};
  const LayerArray& array = *roles.predictions;
  if (array.columns == 0 || array.columns > most_probes)
    return input_error(
        fmt::format("{}: tensor '{}': {} numbers a position, expected 1 to {}: ln p of a few token ids, "
                    "the same in every run",
                    file_.path, array.name, array.columns, most_probes));
  const TokenTensor tensor = token_tensor(array, trace_.layout);
  std::vector<float> scratch;
  const auto values = read_floats(tensor, 0, tensor.tokens(), scratch);
  trace_.predictions.assign(values.data(), values.data() + values.size());
  trace_.probes = array.columns;
  return {};
}

/// One number for every token, or one for every sequence. Tags may cover a last position that layers leave
/// out.
Expected<void> TraceReader::read_tags(const TraceRoles& roles) {
  const Layout& layout = trace_.layout;
  for (const auto& [name, tensor] : roles.tags) {
    if (is_float(tensor->type) || tensor->type == DType::boolean)
      return input_error(fmt::format("{}: tensor '{}': tags of {}, expected integers", file_.path,
                                     tensor->name, pastonly::name(tensor->type)));
    const auto& shape = tensor->shape;
    const bool by_row = shape.size() == 1 && shape[0] == layout.sequences;
    const bool by_token = shape.size() == 2 && shape[0] == layout.sequences &&
                          shape[1] == layout.positions + (row_short_ ? 1 : 0);
    if (!by_row && !by_token)
      return input_error(
          fmt::format("{}: tensor '{}': shape ({}), expected ({}, {}), or ({}) for one tag a sequence",
                      file_.path, tensor->name, fmt::join(shape, ", "), layout.sequences,
                      layout.positions + (row_short_ ? 1 : 0), layout.sequences));
    TokenTensor view = token_tensor(batch_array(*tensor), layout);
    if (by_row) {
      view.sequence_stride = size_of(tensor->type);
      view.position_stride = 0;
    }
    std::vector<std::int64_t> scratch;
    const auto values = read_integers(view, 0, layout.tokens(), scratch);
    trace_.tags.push_back({name, {values.data(), values.data() + values.size()}});
  }
  return {};
}

Expected<std::vector<std::byte>> TraceReader::selected(const LayerRecord& layer) const {
  if (!options_.top_k && !trace_.rule.empty()) return select_as_declared(trace_, layer);
  if (!options_.top_k) {
    return usage_error(fmt::format(
        "{}: layer {} holds scores and no decisions; give the number of experts per token with --top-k",
        file_.path, raw(layer.index)));
  }
  if (*options_.top_k == 0 || *options_.top_k > layer.experts) {
    return usage_error(fmt::format("--top-k {}: layer {} of {} has {} experts", *options_.top_k,
                                   raw(layer.index), file_.path, layer.experts));
  }
  return select_top_k(layer, *options_.top_k);
}

/// Where only scores were kept, selection is applied as told, and as nothing else.
Expected<void> TraceReader::apply_selection(LayerRecord& layer) {
  if (layer.mask || layer.chosen) return {};
  auto selection = selected(layer);
  if (!selection) return tl::unexpected(selection.error());
  storage_->selections.push_back(std::move(*selection));
  TokenTensor mask;
  mask.type = DType::u8;
  mask.sequences = trace_.layout.sequences;
  mask.positions = trace_.layout.positions;
  mask.columns = layer.experts;
  mask.position_stride = layer.experts;
  mask.sequence_stride = layer.experts * mask.positions;
  mask.data = storage_->selections.back().data();
  layer.mask = mask;
  layer.selection_applied = true;
  return {};
}

/// A layer of ids alone without a decision for any valid token: noted, and no part of the trace.
bool TraceReader::is_placeholder_layer(std::uint32_t index, const LayerParts& parts) {
  const auto has = [&](Kind kind) { return parts[static_cast<std::size_t>(kind)].has_value(); };
  const bool ids_alone =
      has(Kind::experts) && !has(Kind::mask) && !has(Kind::scores) && !has(Kind::logits) && !has(Kind::gates);
  if (!ids_alone) {
    every_layer_is_ids_ = false;
    return false;
  }
  const LayerArray& ids = *parts[static_cast<std::size_t>(Kind::experts)];
  if (is_float(ids.type)) return false;  // refused where the layer is built
  const auto rows = row_contents(token_tensor(ids, trace_.layout), !engine_ids_);
  std::size_t valid = 0, found = 0;
  for (std::size_t token = 0; token < rows.size(); ++token) {
    if (!trace_.is_valid(token)) continue;
    ++valid;
    found += rows[token] != RowContent::decision;
  }
  if (found > 0 && found == valid) {
    trace_.issues.push_back(
        {TraceIssue::Kind::oddity, "placeholder-layer",
         printable(
             fmt::format("{}: tensor '{}': every token names expert 0 in every choice{}, as engines do for "
                         "layers without experts; the layer is left out",
                         file_.path, ids.name, engine_ids_ ? ", or none" : "")),
         LayerIndex{index}, found});
    return true;
  }
  placeholders_.resize(rows.size());
  undecided_.resize(rows.size());
  for (std::size_t token = 0; token < rows.size(); ++token) {
    placeholders_[token] += rows[token] != RowContent::decision;
    undecided_[token] |= rows[token] == RowContent::none;
  }
  return false;
}

/// Tokens that no layer routed count as padding, and so do those of engines' records whose decision is
/// missing in some layer: a token is in all figures or in none.
Expected<void> TraceReader::leave_out_placeholders() {
  if (!every_layer_is_ids_) return {};
  std::size_t found = 0, missing = 0, left = 0;
  for (std::size_t token = 0; token < placeholders_.size(); ++token) {
    if (!trace_.is_valid(token)) continue;
    ++left;
    const bool nowhere = placeholders_[token] == trace_.layers.size();
    if (!nowhere && undecided_[token] == 0) continue;
    if (trace_.valid.empty()) trace_.valid.assign(placeholders_.size(), 1);
    if (trace_.undecided.empty()) trace_.undecided.assign(placeholders_.size(), 0);
    trace_.valid[token] = 0;
    trace_.undecided[token] = undecided_[token] != 0 ? 1 : 2;
    --left;
    ++(undecided_[token] != 0 ? missing : found);
  }
  if (found > 0)
    note("placeholder-tokens",
         fmt::format(
             "{}: {} tokens name expert 0 in every choice of every layer, as engines do for tokens that were "
             "not run; they are left out like padding",
             file_.path, found),
         found);
  if (missing > 0)
    note("placeholder-tokens",
         fmt::format(
             "{}: {} tokens have no decision in some layer (-1 in every choice), as engines record tokens "
             "from a cache and tokens that were not run; they are left out like padding",
             file_.path, missing),
         missing);
  if (engine_ids_ && left == 0)
    return input_error(file_.path + ": no token has a decision in every layer: nothing is left to look at");
  return {};
}

Expected<void> TraceReader::read_layers(const TraceRoles& roles) {
  if (roles.layers.size() > most_layers) {
    return input_error(fmt::format("{}: {} layers, expected at most {}; cut the recording into several files",
                                   file_.path, roles.layers.size(), most_layers));
  }
  std::size_t applied = 0;
  for (const auto& [index, parts] : roles.layers) {
    if (is_placeholder_layer(index, parts)) continue;
    auto layer = build_layer(index, parts, trace_.layout, options_, file_.path, trace_.issues);
    if (!layer) return tl::unexpected(layer.error());
    if (auto selected = apply_selection(*layer); !selected) return selected;
    applied += layer->selection_applied ? 1 : 0;
    trace_.layers.push_back(std::move(*layer));
  }
  if (trace_.layers.empty() && !roles.layers.empty())
    return input_error(fmt::format(
        "{}: every layer names expert 0 in every choice of every token: nothing was routed", file_.path));
  if (auto left = leave_out_placeholders(); !left) return left;
  if (options_.top_k && applied == 0) {
    return usage_error(
        fmt::format("--top-k {}: {} holds decisions already; the flag selects where only scores were kept",
                    *options_.top_k, file_.path));
  }
  if (applied > 0) {
    const std::string given = options_.top_k ? fmt::format("top-{}", *options_.top_k) : trace_.rule;
    note("selection-applied",
         fmt::format("{}: {} layers hold scores and no decisions; {} was applied as requested", file_.path,
                     applied, given),
         applied);
  }
  return {};
}

Expected<Trace> TraceReader::read() {
  const auto metadata = read_metadata(file_, options_);
  if (!metadata) return tl::unexpected(metadata.error());
  const auto roles = assign_roles(file_, options_);
  if (!roles) return tl::unexpected(roles.error());
  const auto shape = settle_shape(*roles, options_, metadata->order, input_, file_.path);
  if (!shape) return tl::unexpected(shape.error());

  describe(*metadata);
  for (const std::string& key : metadata->unknown)
    note("unknown-metadata",
         fmt::format("{}: __metadata__ {} is not part of a trace and was ignored{}", file_.path,
                     key.substr(0, 60),
                     stats::did_you_mean(key, {metadata_keys.begin(), metadata_keys.end()})));
  trace_.layout = shape->layout;
  trace_.order_known = shape->order_known;
  row_short_ = shape->row_short;
  engine_ids_ = !roles->reading.empty();
  note_assumptions(*roles, *shape);
  for (const auto step :
       {&TraceReader::read_tokens, &TraceReader::read_valid, &TraceReader::read_log_probs,
        &TraceReader::read_predictions, &TraceReader::read_tags, &TraceReader::read_layers}) {
    if (auto done = (this->*step)(*roles); !done) return tl::unexpected(done.error());
  }
  return std::move(trace_);
}

Expected<Trace> TraceReader::read_losses() {
  const auto metadata = read_metadata(file_, options_);
  if (!metadata) return tl::unexpected(metadata.error());
  const auto roles = assign_roles(file_, options_);
  if (!roles) return tl::unexpected(roles.error());
  const auto misshapen = [&](const Tensor* tensor) {
    return tensor != nullptr && (tensor->shape.size() != 2 || tensor->shape != roles->tokens->shape);
  };
  if (!roles->layers.empty() || !roles->unknown.empty() || roles->predictions || roles->tokens == nullptr ||
      misshapen(roles->tokens) || misshapen(roles->log_probs) || misshapen(roles->valid))
    return input_error(fmt::format(
        "{}: expected tokens, logprobs if any, (sequences, positions), and no layers", file_.path));
  describe(*metadata);
  trace_.layout = {roles->tokens->shape[0], roles->tokens->shape[1],
                   metadata->order.value_or(TokenOrder::batch_major)};
  for (const auto step :
       {&TraceReader::read_tokens, &TraceReader::read_valid, &TraceReader::read_log_probs}) {
    if (auto done = (this->*step)(*roles); !done) return tl::unexpected(done.error());
  }
  trace_.storage.reset();  // all that there is has been copied
  return std::move(trace_);
}

}  // namespace

Expected<Trace> read_trace(const std::filesystem::path& path, const TraceOptions& options,
                           const TokensFile* input) {
  const auto file = open_tensors(path, options);
  if (!file) return tl::unexpected(file.error());
  TraceOptions known = options;
  if (file->experts) {
    if (options.experts.value_or(*file->experts) != *file->experts)
      return usage_error(
          fmt::format("--experts {}: {} says {}", *options.experts, path.string(), *file->experts));
    known.experts = file->experts;
  }
  return TraceReader(*file, known, input).read().map_error(make_printable);
}

Expected<Trace> read_losses(const std::filesystem::path& path) {
  const auto file = read_safetensors(path);
  if (!file) return tl::unexpected(file.error());
  return TraceReader(*file, {}, nullptr).read_losses().map_error(make_printable);
}

}  // namespace pastonly::input
