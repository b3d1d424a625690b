#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "checkpoint/family.h"
#include "checkpoint/family_defaults.h"
#include "checkpoint/quantisation_config.h"
#include "checkpoint/rotary_config.h"
#include "checkpoint/text_part.h"
#include "checkpoint/unread_keys.h"
#include "input/files/mapped_file.h"
#include "input/text/printable.h"
#include "routing/fits_experts.h"

namespace pastonly::checkpoint {
namespace {

constexpr std::size_t largest_config = std::size_t{16} << 20;
constexpr std::size_t most_layers = 4096;

void read_attention(input::ObjectReader& config, Description& out) {
  AttentionDescription& attention = out.attention;
  attention.heads = config.count("num_attention_heads", std::nullopt, 1, 65535);
  attention.kv_heads = config.count("num_key_value_heads", attention.heads, 1, 65535);
  if (attention.heads % attention.kv_heads != 0)
    config.reject("num_key_value_heads", fmt::format("{} does not divide num_attention_heads = {}",
                                                     attention.kv_heads, attention.heads));
  if (!config.has("head_dim") && out.width % attention.heads != 0)
    config.reject("num_attention_heads",
                  fmt::format("{} does not divide hidden_size = {}, and there is no head_dim",
                              attention.heads, out.width));
  // Reading goes on after an error; what is divided by stays above zero.
  const std::size_t usual = std::max<std::size_t>(out.width / attention.heads, 1);
  attention.key_width = attention.value_width = config.count("head_dim", usual);
  attention.scale = 1.0 / std::sqrt(static_cast<double>(attention.key_width));
}

void read_activation(input::ObjectReader& config) {
  const std::string activation = config.text("hidden_act", std::string("silu"));
  if (activation != "silu" && activation != "swish")
    config.reject("hidden_act",
                  fmt::format("'{}' is not supported; expected silu", activation.substr(0, 40)));
}

/// transformers lets every token attend to all others where these say so: no such model is causal, whatever
/// its router does.
void refuse_two_sided_attention(input::ObjectReader& config) {
  constexpr std::string_view why =
      "attention then sees later tokens, so that every score reads the future; only causal attention runs "
      "here";
  if (!config.flag("is_causal", true)) config.reject("is_causal", fmt::format("is false: {}", why));
  const input::Json* two_sided = config.find("use_bidirectional_attention");
  if (two_sided != nullptr && two_sided->is_string()) {  // Gemma 4: of all tokens, or of images
    if (*two_sided != "vision")
      config.reject("use_bidirectional_attention", fmt::format("is not of images alone: {}", why));
  } else if (config.flag("use_bidirectional_attention", false)) {
    config.reject("use_bidirectional_attention", fmt::format("is true: {}", why));
  }
}

std::string known_types() {
  std::string known;
  for (const Family& family : families())
    known += fmt::format("{}{}", known.empty() ? "" : ", ", family.model_type);
  return known;
}

/// The argument of --exec that runs a directory as transformers does, quoted for a shell.
std::string worker_command(std::string directory) {
  const bool plain = std::ranges::all_of(directory, [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("/._-+=@%,").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (directory.find_first_of("'\"`$\\!") != std::string::npos) directory = "DIRECTORY";
  constexpr std::string_view worker = "python3 -m pastonly.worker --serve --model";
  return plain ? fmt::format("'{} hf:{}'", worker, directory)
               : fmt::format("\"{} 'hf:{}'\"", worker, directory);
}

Expected<Description> unknown(const std::string& type, const std::string& file) {
  const std::string directory = std::filesystem::path(file).parent_path().string();
  return input_error(input::printable(fmt::format(
      "{}: model_type: '{}' is not among the architectures that run here: {}. Audit it as "
      "transformers runs it: "
      "pastonly audit --exec {} "
      "(docs/python.md); one that equals a "
      "family by configuration runs with --as",
      file, type.substr(0, 80), known_types(), worker_command(directory.empty() ? "." : directory))));
}

}  // namespace

std::size_t Description::sparse_layers() const noexcept {
  return static_cast<std::size_t>(
      std::ranges::count_if(layers, [](const LayerDescription& layer) { return layer.sparse; }));
}

/// One id or several; whatever else stands there is none of this model's business.
void read_special_tokens(const input::ObjectReader& config, Description& out) {
  const auto add = [&](const input::Json& id) {
    if (id.is_number_unsigned() && id.get<std::uint64_t>() < out.vocab)
      out.special_tokens.push_back(id.get<std::int64_t>());
  };
  for (const std::string_view key : {"bos_token_id", "eos_token_id", "pad_token_id"}) {
    const input::Json* value = config.find(key);
    if (value == nullptr) continue;
    if (value->is_array())
      std::ranges::for_each(*value, add);
    else
      add(*value);
  }
  std::ranges::sort(out.special_tokens);
  out.special_tokens.erase(std::unique(out.special_tokens.begin(), out.special_tokens.end()),
                           out.special_tokens.end());
}

/// The family to read a configuration as, and how that was found. nullptr where there is none.
const Family* family_of(std::string_view declared, std::string_view as, Description& out) {
  const Family* family = find_family(as.empty() ? declared : as);
  if (family == nullptr && as.empty()) {
    family = find_renamed(declared);
    out.renamed = family != nullptr;
  }
  if (family != nullptr) out.model_type = family->model_type;
  if (out.model_type != declared) out.named = declared;
  return family;
}

/// A list that says the same of every layer becomes what it says; any other is left for the readers to
/// refuse.
void make_one(input::Json& config, const std::string& key) {
  const auto at = config.find(key);
  if (at == config.end() || !at->is_array() || at->empty()) return;
  const input::Json first = at->front();
  if (std::ranges::all_of(*at, [&](const input::Json& each) { return each == first; })) *at = first;
}

Expected<Description> describe(const input::Json& json, const std::string& file, std::string_view as) {
  if (!json.is_object()) return input_error(fmt::format("{}: expected a JSON object", file));
  TextPart text = text_part(json, file);
  Description out;
  out.part_of = text.part_of;
  out.unread = text.unread;
  const std::string_view prefix = text.part_of.empty() ? "" : "text_config.";
  input::ObjectReader named(text.config, file, std::string(prefix));
  const std::string declared = named.text("model_type", std::nullopt);
  if (named.failed()) return tl::unexpected(named.finish().error());
  const Family* family = family_of(declared, as, out);
  if (family == nullptr) {
    if (as.empty()) return unknown(declared, file);
    return usage_error(
        input::printable(fmt::format("--as {}: expected one of {}", as.substr(0, 80), known_types())));
  }
  out.defaults = fill_defaults(family->model_type, text.config);
  for (const std::string& key : family->one_of_all_layers) make_one(text.config, key);
  input::ObjectReader config(text.config, file, std::string(prefix));
  config.pass_over({"model_type"});
  out.names = family->names;
  out.vocab = config.count("vocab_size", std::nullopt, 2);
  out.width = config.count("hidden_size");
  out.layers.resize(config.count("num_hidden_layers", std::nullopt, 1, most_layers));
  out.training_layers = config.count("num_nextn_predict_layers", 0, 0, most_layers) +
                        config.count("num_mtp_modules", 0, 0, most_layers) *
                            config.count("mtp_transformer_layers", 1, 0, most_layers);
  out.norm_epsilon = config.number(family->norm_epsilon, std::nullopt, 0.0, 1.0);
  out.tied_embeddings = config.flag("tie_word_embeddings", false);
  out.max_positions = config.count("max_position_embeddings", 2048, 1, std::size_t{1} << 32);
  out.longest = SIZE_MAX;
  read_attention(config, out);
  refuse_two_sided_attention(config);
  read_activation(config);
  out.quantisation = read_quantisation(config);
  out.attention.rotary.width = 0;
  family->read(config, out);
  if (out.attention.rotary.width == 0) {
    RotaryDescription usual;
    usual.theta = family->theta;
    out.attention.rotary = read_rotary(config, out.attention.key_width, usual);
  }
  read_special_tokens(config, out);
  if (out.sparse_layers() == 0)
    config.reject("num_hidden_layers", "no layer has experts, so there is no routing to audit");
  list_unread(config, out);
  if (!out.named.empty() && !out.renamed && !out.unread.empty())
    config.reject("model_type",
                  fmt::format("'{}' has keys that {} (--as) does not read: {}; a family that equals it "
                              "by configuration would",
                              out.named, out.model_type, fmt::join(out.unread, ", ")));
  if (auto done = config.finish(); !done) return tl::unexpected(done.error());
  const auto rule = make_rule(out.router.rule.id, out.router.rule.parameters);
  if (!rule) return input_error(fmt::format("{}: {}", file, rule.error().message));
  const auto fits = routing::fits_experts(**rule, out.router.experts);
  if (!fits) return input_error(fmt::format("{}: {}", file, fits.error().message));
  return out;
}

Expected<Description> read_description(const std::filesystem::path& path, std::string_view as) {
  const auto text = input::read_text(path, largest_config);
  if (!text) return tl::unexpected(text.error());
  const auto json = input::parse_json(*text, path.string(), Error::Kind::input);
  if (!json) return tl::unexpected(json.error());
  return describe(*json, path.string(), as);
}

}  // namespace pastonly::checkpoint
