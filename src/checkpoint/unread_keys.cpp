#include "checkpoint/unread_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "input/text/printable.h"

namespace pastonly::checkpoint {
namespace {

/// Keys that change nothing of what the model computes when it is run: names and types of storage, token ids,
/// how weights were drawn, dropout and losses of training, what a call returns, how text is generated.
constexpr auto harmless = std::to_array<std::string_view>({
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_name_or_path",
    "architectures",
    "attention_dropout",
    "attention_probs_dropout_prob",
    "attn_implementation",
    "attn_pdrop",
    "aux_loss_alpha",
    "bos_token_id",
    "classifier_dropout",
    "decoder_start_token_id",
    "dtype",
    "embd_pdrop",
    "eos_token_id",
    "ep_size",
    "expert_dropout",
    "finetuning_task",
    "hidden_dropout",
    "hidden_dropout_prob",
    "id2label",
    "initializer_factor",
    "initializer_range",
    "label2id",
    "language",
    "license",
    "max_length",
    "output_attentions",
    "output_hidden_states",
    "output_router_logits",
    "pad_token_id",
    "pretraining_tp",
    "problem_type",
    "resid_pdrop",
    "return_dict",
    "router_aux_loss_coef",
    "router_z_loss_coef",
    "saved_by",
    "sep_token_id",
    "seq_aux",
    "task_specific_params",
    "tokenizer_class",
    "torch_dtype",
    "torchscript",
    "transformers_version",
    "use_cache",
});

/// Keys that configurations of old carry for other kinds of model, and that mean nothing while they are
/// false.
constexpr auto harmless_if_false =
    std::to_array<std::string_view>({"add_cross_attention", "mlp_bias", "is_decoder", "is_encoder_decoder",
                                     "tf_legacy_loss", "use_bfloat16"});

std::string own_code(input::ObjectReader& config) {
  if (!config.has("auto_map")) return "";
  std::string out;
  const input::Json& map = *config.find("auto_map");
  for (const auto& [key, value] : map.items())
    out += fmt::format("{}{} = {}", out.empty() ? "" : ", ", key,
                       value.is_string() ? value.get<std::string>() : value.dump());
  return input::printable(out.substr(0, 300));
}

/// Keys that mean nothing beside what was read, as some writers give them to every family.
bool says_nothing_new(const std::string& entry, const Description& out) {
  return entry == "partial_rotary_factor = 1.0" || entry == "router_jitter_noise = 0.0" ||
         entry == fmt::format("moe_intermediate_size = {}", out.expert.width);
}

/// layer_types say nothing new where all layers see everything before them, as they do.
bool all_full(input::ObjectReader& config, const Description& out) {
  const input::Json* types = config.find("layer_types");
  return types != nullptr && types->is_array() &&
         std::ranges::all_of(*types, [](const auto& type) { return type == "full_attention"; }) &&
         std::ranges::all_of(out.layers,
                             [](const auto& layer) { return layer.window == 0 && layer.chunk == 0; });
}

}  // namespace

std::vector<std::string> unread_keys(const input::ObjectReader& config) {
  for (const std::string_view key : harmless) config.pass_over({key});
  std::vector<std::string> out = config.unread();
  std::erase_if(out, [](const std::string& entry) {
    return std::ranges::any_of(harmless_if_false,
                               [&](std::string_view key) { return entry == fmt::format("{} = false", key); });
  });
  return out;
}

void list_unread(input::ObjectReader& config, Description& out) {
  out.own_code = own_code(config);
  const auto found = unread_keys(config);
  out.unread.insert(out.unread.end(), found.begin(), found.end());
  std::erase_if(out.unread, [&](const std::string& entry) {
    return says_nothing_new(entry, out) || (entry.starts_with("layer_types = ") && all_full(config, out));
  });
}

}  // namespace pastonly::checkpoint
