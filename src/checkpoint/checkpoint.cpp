#include "checkpoint/checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "checkpoint/family.h"
#include "checkpoint/gguf.h"
#include "checkpoint/gguf_checkpoint.h"
#include "checkpoint/non_finite.h"
#include "checkpoint/rule_fit.h"
#include "input/text/printable.h"
#include "routing/parameter_values.h"
#include "routing/rule_ids.h"

namespace pastonly::checkpoint {
namespace {

bool names(const RuleSpec& spec, std::string_view key) {
  return std::ranges::any_of(spec.parameters, [&](const auto& entry) { return entry.first == key; });
}

/// Whether a rule takes a number of experts per token that the spec leaves open: "k", "k=2", or
/// "k|capacity|..." of which none is named.
bool leaves_k_open(const RuleSpec& spec) {
  const RuleInfo* const rule = find_rule(spec.id);
  if (rule == nullptr) return false;
  const std::string_view keys = rule->keys.substr(0, rule->keys.find(' '));
  if (keys == "k" || keys.starts_with("k=")) return !names(spec, "k");
  return keys.starts_with("k|") && !names(spec, "k") && !names(spec, "capacity") &&
         !names(spec, "capacity_factor");
}

/// The declared rule, or the one given with as many experts per token as declared where it does not say, and
/// with the layer's correction bias where it takes one.
RuleSpec rule_of(const RuleSpec& spec, const RuleSpec& declared, const LayerWeights& layer) {
  RuleSpec out = spec;
  if (leaves_k_open(out)) {
    if (const auto k = routing::top_k_of(declared.parameters))
      out.parameters.emplace(out.parameters.begin(), "k", *k);
  }
  const bool biased = out.id == routing::ids::biased_top_k || out.id == routing::ids::group_limited_top_k;
  if (!biased || names(out, "bias") || layer.correction.empty()) return out;
  Value::Array bias;
  for (const float value : layer.correction) bias.emplace_back(static_cast<double>(value));
  out.parameters.emplace_back("bias", std::move(bias));
  return out;
}

constexpr double most_bytes = 0x1p35;

/// Of the arrays that a pass keeps for one token, about.
double bytes_per_token(const Description& d) {
  const AttentionDescription& a = d.whole_attention ? *d.whole_attention : d.attention;
  const std::size_t heads = a.heads * (2 * a.key_width + 2 * a.value_width) + a.kv_heads * a.key_width;
  const std::size_t ranks = a.latent() ? a.heads * (a.key_width + a.value_width) : 0;
  const std::size_t recurrent = 3 * std::max({d.delta.convolved(), d.state_space.convolved(), 2 * d.width}) +
                                2 * d.delta.values() + 4 * d.delta.value_heads;
  const std::size_t inner = std::max(d.expert.shared_width, d.expert.dense_width);
  return 4.0 * static_cast<double>(4 * d.width + heads + ranks + recurrent + inner + 2 * d.router.experts);
}

}  // namespace

Expected<void> Checkpoint::make_rules(const std::optional<RuleSpec>& rule) {
  for (std::size_t l = 0; l < description_.layers.size(); ++l) {
    rules_.emplace_back();
    if (!description_.layers[l].sparse) continue;
    const RuleSpec spec =
        rule_of(rule ? *rule : description_.router.rule, description_.router.rule, bound_.layers[l]);
    auto made = make_rule(spec.id, spec.parameters);
    if (!made) return tl::unexpected(made.error());
    if (rule) {
      if (auto good = fits(**made, description_.router.experts); !good) return good;
    }
    rules_.back() = *std::move(made);
  }
  return {};
}

Expected<void> Checkpoint::read_directory(const std::filesystem::path& directory, std::string_view family) {
  config_ = directory / "config.json";
  auto description = read_description(config_, family);
  if (!description) return tl::unexpected(description.error());
  description_ = *std::move(description);
  auto weights = Weights::open(directory);
  if (!weights) return tl::unexpected(weights.error());
  weights_ = std::make_shared<const Weights>(*std::move(weights));
  return {};
}

Expected<void> Checkpoint::read_gguf(const std::filesystem::path& file, std::string_view family) {
  config_ = file;
  auto opened = open_gguf(file, family);
  if (!opened) return tl::unexpected(opened.error());
  description_ = std::move(opened->description);
  weights_ = std::make_shared<const Weights>(std::move(opened->weights));
  return {};
}

Expected<Checkpoint> Checkpoint::open(const std::filesystem::path& directory,
                                      const std::optional<RuleSpec>& rule, Precision precision,
                                      std::string_view family) {
  Checkpoint out;
  out.precision_ = precision;
  out.name_ = directory.string();
  if (auto read =
          is_gguf(directory) ? out.read_gguf(directory, family) : out.read_directory(directory, family);
      !read)
    return tl::unexpected(read.error());
  auto bound = bind(out.description_, *out.weights_);
  if (!bound) {
    Error error = bound.error();
    if (const auto& defaults = out.description_.defaults; !defaults.empty())
      error.message += fmt::format("; config.json does not state {}, which are defaults of its model_type",
                                   fmt::join(defaults, ", "));
    return tl::unexpected(std::move(error));
  }
  out.bound_ = *std::move(bound);
  if (auto made = out.make_rules(rule); !made) return tl::unexpected(made.error());
  return out;
}

std::vector<FileRecord> Checkpoint::files() const {
  if (config_ == name_) return weights_->files();  // GGUF: one of them
  std::error_code error;
  std::vector<FileRecord> out{{config_.string(), std::filesystem::file_size(config_, error), ""}};
  out.insert(out.end(), weights_->files().begin(), weights_->files().end());
  return out;
}

Expected<void> Checkpoint::check(const runtime::Batch& batch) const {
  const std::size_t tokens = batch.layout.tokens();
  if (tokens == 0 || batch.tokens.size() != tokens || (!batch.valid.empty() && batch.valid.size() != tokens))
    return input_error(fmt::format("{}: a batch of {} x {} needs {} tokens, got {}", name_,
                                   batch.layout.sequences, batch.layout.positions, tokens,
                                   batch.tokens.size()));
  if (tokens > (std::size_t{1} << 31) / description_.router.experts)
    return input_error(fmt::format("{}: a batch of {} tokens is too large for {} experts", name_, tokens,
                                   description_.router.experts));
  if (batch.layout.positions > description_.longest)
    return input_error(fmt::format(
        "{}: rows of {} positions: beyond index_topk = {} attention sees only positions that an indexer "
        "chooses, "
        "which is not run here; give shorter rows (--positions), or audit the model as transformers runs it "
        "(docs/python.md)",
        name_, batch.layout.positions, description_.longest));
  if (const double bytes = bytes_per_token(description_) * static_cast<double>(tokens); bytes > most_bytes)
    return input_error(
        fmt::format("{}: {} tokens need {:.0f} GiB of activations, more than {:.0f}; run fewer", name_,
                    tokens, bytes / 0x1p30, most_bytes / 0x1p30));
  for (std::size_t t = 0; t < tokens; ++t) {
    if (batch.tokens[t] < 0 || static_cast<std::size_t>(batch.tokens[t]) >= description_.vocab)
      return input_error(fmt::format("{}: token {} at row {}, position {}: expected ids below {}", name_,
                                     batch.tokens[t], t / batch.layout.positions, t % batch.layout.positions,
                                     description_.vocab));
  }
  return {};
}

Expected<void> Checkpoint::not_finite(std::string_view part) const {
  std::string found;
  for (const std::string_view root : {"model.", "language_model.model.", "", "language_model."}) {
    if (found.empty())
      found = find_non_finite(*weights_, description_.quantisation, fmt::format("{}{}.", root, part));
    if (found.empty())
      found = find_non_finite(*weights_, description_.quantisation, fmt::format("{}embed_tokens", root));
  }
  if (found.empty())
    found = fmt::format("{}: {}: the activations grew beyond what float32 holds", name_, part);
  return input_error(input::printable(found + "; the checkpoint cannot be run"));
}

}  // namespace pastonly::checkpoint
