#include "checkpoint/quantisation_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace pastonly::checkpoint {
namespace {

using input::ObjectReader;

constexpr std::size_t largest_group = std::size_t{1} << 24;

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

/// Lists of modules that are left as they are: which these are, the tensors say.
void pass_over_lists(ObjectReader& how) {
  how.pass_over({"modules_to_not_convert", "modules_to_convert", "ignored_layers", "ignore", "dequantize",
                 "modules_in_block_to_quantize", "block_name_to_quantize"});
}

void read_block(ObjectReader& how, std::string_view key, Quantisation& out) {
  const auto block = how.counts(key);
  if (block.empty()) return;
  const auto is_size = [](std::size_t size) { return size > 0 && size <= largest_group; };
  if (block.size() != 2 || !is_size(block[0]) || !is_size(block[1]))
    return how.reject(key,
                      fmt::format("expected two numbers from 1 to {}: outputs and inputs that share a scale",
                                  largest_group));
  out.blocks.push_back({block[0], block[1]});
}

/// Plain FP8: DeepSeek-V3, MiniMax-M2, transformers' finegrained_fp8 and fbgemm_fp8.
void read_fp8(ObjectReader& how, Quantisation& out) {
  out.activations = true;
  if (how.has("weight_block_size")) out.blocks.clear();
  read_block(how, "weight_block_size", out);
  const std::string numbers = lower(how.text("fmt", std::string("e4m3")));
  if (numbers != "e4m3" && numbers != "float8_e4m3fn") how.reject("fmt", "expected e4m3");
  if (how.text("expert_dtype", std::string("fp8")) != "fp8")
    how.reject("expert_dtype", "expected fp8: experts in four bits beside FP8 are not supported");
  how.pass_over({"activation_scheme", "scale_fmt", "activation_scale_ub"});
}

void read_gptq(ObjectReader& how, Quantisation& out) {
  out.bits = how.count("bits", std::nullopt, 1, 32);
  if (out.bits != 4 && out.bits != 8)
    how.reject("bits", fmt::format("GPTQ in {} bits is not supported; expected 4 or 8", out.bits));
  const input::Json* group = how.find("group_size");
  if (group != nullptr && group->is_number_integer() && *group == -1) {
    how.pass_over({"group_size"});
  } else {
    out.group = how.count("group_size", 0, 0, largest_group);
  }
  const std::string said = how.has("checkpoint_format") ? "checkpoint_format" : "format";
  const std::string format = lower(how.text(said, std::string("gptq")));
  out.zeros_less_one = format != "gptq_v2";
  if (format != "gptq" && format != "gptq_v2")
    how.reject(said, fmt::format("'{}' is not supported; expected gptq or gptq_v2, to which GPTQModel "
                                 "converts",
                                 format.substr(0, 40)));
  how.pass_over({"checkpoint_format",
                 "format",
                 "desc_act",
                 "static_groups",
                 "sym",
                 "true_sequential",
                 "damp_percent",
                 "model_file_base_name",
                 "model_name_or_path",
                 "is_marlin_format",
                 "lm_head",
                 "meta",
                 "act_group_aware",
                 "backend",
                 "batch_size",
                 "cache_block_outputs",
                 "dataset",
                 "max_input_length",
                 "model_seqlen",
                 "module_name_preceding_first_block",
                 "pad_token_id",
                 "tokenizer",
                 "use_cuda_fp16",
                 "use_exllama",
                 "disable_exllama",
                 "exllama_config",
                 "pack_dtype",
                 "dynamic",
                 "damp_auto_increment",
                 "mse",
                 "offload_to_disk",
                 "method"});
}

void read_awq(ObjectReader& how) {
  if (how.count("bits", 4, 1, 32) != 4) how.reject("bits", "AWQ is supported in 4 bits");
  const std::string said = how.has("version") ? "version" : "format";
  const std::string format = lower(how.text(said, std::string("gemm")));
  if (format != "gemm")
    how.reject(said, fmt::format("AWQ's variant '{}' is not supported; expected gemm", format.substr(0, 40)));
  how.pass_over({"version", "format", "backend", "zero_point", "q_group_size", "w_bit", "group_size",
                 "do_fuse", "exllama_config", "fuse_max_seq_len", "modules_to_fuse", "sym", "desc_act"});
}

/// The schemes of compressed-tensors: "group_0": {"weights": {...}, "input_activations": {...}}.
void read_groups_of(ObjectReader& how, Quantisation& out) {
  ObjectReader groups = how.object("config_groups");
  const input::Json* all = how.find("config_groups");
  if (all == nullptr || !all->is_object()) return how.adopt(groups);
  bool symmetric = all->empty();
  for (const auto& [name, value] : all->items()) {
    ObjectReader group = groups.object(name);
    ObjectReader weights = group.object("weights");
    if (group.has("weights")) symmetric = weights.flag("symmetric", true) || symmetric;
    read_block(weights, "block_structure", out);
    weights.pass_over({"num_bits", "type", "strategy", "group_size", "dynamic", "observer", "observer_kwargs",
                       "actorder", "scale_dtype", "zp_dtype"});
    out.activations = out.activations || group.has("input_activations") || group.has("output_activations");
    group.pass_over({"targets", "input_activations", "output_activations", "format"});
    group.adopt(weights);
    groups.adopt(group);
  }
  out.zero_points = !symmetric;
  how.adopt(groups);
}

void read_compressed_tensors(ObjectReader& how, Quantisation& out) {
  constexpr auto known = std::to_array<std::string_view>(
      {"dense", "naive-quantized", "float-quantized", "int-quantized", "pack-quantized",
       "nvfp4-pack-quantized", "mxfp4-pack-quantized", "mixed-precision"});
  const std::string format = how.text("format", std::string("dense"));
  if (std::ranges::find(known, format) == known.end())
    how.reject("format", fmt::format("'{}' is not supported; expected one of {}", format.substr(0, 40),
                                     fmt::join(known, ", ")));
  out.blocks.clear();
  read_groups_of(how, out);
  if (how.has("sparsity_config")) {
    ObjectReader sparsity = how.object("sparsity_config");
    if (sparsity.text("format", std::string("dense")) != "dense")
      sparsity.reject("format", "weights without their zeros are not supported; expected dense");
    sparsity.pass_over(
        {"ignore", "targets", "global_sparsity", "registry_requires_subclass", "sparsity_structure"});
    how.adopt(sparsity);
  }
  const input::Json* transforms = how.find("transform_config");
  if (transforms != nullptr && !transforms->empty() &&
      !(transforms->is_object() && transforms->size() == 1 && transforms->contains("config_groups") &&
        transforms->at("config_groups").empty()))
    how.reject("transform_config", "rotations of activations are not supported");
  how.pass_over({"transform_config", "kv_cache_scheme", "quantization_status", "global_compression_ratio",
                 "version", "run_compressed"});
}

void read_bitsandbytes(ObjectReader& how, Quantisation& out) {
  out.activations = how.flag("load_in_8bit", false);
  how.pass_over({"load_in_4bit", "_load_in_4bit", "_load_in_8bit", "bnb_4bit_compute_dtype",
                 "bnb_4bit_quant_storage", "bnb_4bit_quant_type", "bnb_4bit_use_double_quant",
                 "llm_int8_enable_fp32_cpu_offload", "llm_int8_has_fp16_weight", "llm_int8_skip_modules",
                 "llm_int8_threshold"});
}

}  // namespace

Quantisation read_quantisation(ObjectReader& config) {
  Quantisation out;
  if (!config.has("quantization_config")) return out;
  ObjectReader how = config.object("quantization_config");
  // bitsandbytes of old wrote no quant_method.
  const bool old = !how.has("quant_method") && (how.has("load_in_4bit") || how.has("load_in_8bit"));
  const std::string method = old ? "bitsandbytes" : how.text("quant_method", std::nullopt);
  pass_over_lists(how);
  if (method == "fp8" || method == "fbgemm_fp8") {
    if (method == "fbgemm_fp8") out.blocks.clear();  // a scale an output
    read_fp8(how, out);
  } else if (method == "gptq") {
    read_gptq(how, out);
  } else if (method == "awq") {
    read_awq(how);
  } else if (method == "compressed-tensors") {
    read_compressed_tensors(how, out);
  } else if (method == "bitsandbytes") {
    read_bitsandbytes(how, out);
  } else if (method != "mxfp4") {
    how.reject("quant_method",
               fmt::format("'{}' is not supported; expected fp8, fbgemm_fp8, compressed-tensors, gptq, awq, "
                           "bitsandbytes or mxfp4, or weights in F32, F16 or BF16",
                           method.substr(0, 40)));
  }
  config.adopt(how);
  return out;
}

}  // namespace pastonly::checkpoint
