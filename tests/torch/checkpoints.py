"""Tiny random checkpoints saved by transformers, run by pastonly: logits, router logits and gates must agree to 1e-4.

usage: checkpoints.py RUN_CHECKPOINT DIRECTORY [--family TYPE] [--table PAGE]
--table writes the outcome between the marks of a page (docs/checkpoints.md).
"""
import argparse
import os
import re
import subprocess
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file

import storing
import storing_quantised

TOLERANCE = 1e-4
BASE = dict(vocab_size=160, hidden_size=48, intermediate_size=40, num_hidden_layers=3, num_attention_heads=4,
            num_key_value_heads=4, num_experts_per_tok=2, max_position_embeddings=512, initializer_range=0.2,
            rms_norm_eps=1e-5, pad_token_id=None, bos_token_id=None, eos_token_id=None)
EIGHT = dict(num_experts=8)
LOCAL = dict(num_local_experts=8)
LLAMA3 = dict(rope_type="llama3", rope_theta=1e4, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=64)
YARN = dict(rope_type="yarn", rope_theta=1e4, factor=4.0, original_max_position_embeddings=64)
LATENT = dict(n_routed_experts=8, moe_intermediate_size=24, n_shared_experts=2, first_k_dense_replace=1,
              kv_lora_rank=16, q_lora_rank=24, qk_nope_head_dim=8, qk_rope_head_dim=4, v_head_dim=12)
GLM = dict(n_routed_experts=8, moe_intermediate_size=24, n_shared_experts=2, first_k_dense_replace=1)
ERNIE = dict(moe_num_experts=8, moe_k=2, moe_intermediate_size=24)
LONG = (1, 400)

QWEN3 = dict(EIGHT, moe_intermediate_size=24, head_dim=16)
WIDE = dict(LATENT, hidden_size=160, moe_intermediate_size=136, intermediate_size=144, n_group=2, topk_group=1)

LITE = dict(LATENT, first_k_dense_replace="absent")
INDEXED = dict(LATENT, index_n_heads=2, index_head_dim=8, index_topk=512, n_group=1, topk_group=1)
AXES = dict(rope_type="default", rope_theta=1e4, mrope_section=[3, 3, 2])
HALF_AXES = dict(rope_type="default", rope_theta=1e4, mrope_section=[2, 1, 1], partial_rotary_factor=0.5)
VL = dict(EIGHT, moe_intermediate_size=24, head_dim=16, num_key_value_heads=2, rope_parameters=AXES)

DELTA = dict(EIGHT, moe_intermediate_size=24, head_dim=16, num_key_value_heads=2, num_hidden_layers=4, linear_key_head_dim=16, linear_value_head_dim=12,
             linear_num_key_heads=2, linear_num_value_heads=4, shared_expert_intermediate_size=20)
CONV = dict(EIGHT, moe_intermediate_size=24, num_key_value_heads=2, num_hidden_layers=4, num_dense_layers=1,
            layer_types=["conv", "full_attention", "conv", "conv"])
HYBRID = dict(LOCAL, shared_intermediate_size=36, num_key_value_heads=2, num_hidden_layers=4, mamba_n_heads=6, mamba_d_head=16, mamba_d_state=8,
              mamba_n_groups=2, attention_multiplier=0.3, layer_types=["linear_attention", "full_attention", "linear_attention", "linear_attention"])

GEMMA = dict(EIGHT, num_experts_per_tok="absent", top_k_experts=2, moe_intermediate_size=24, head_dim=16, num_key_value_heads=2,
             num_hidden_layers=4, enable_moe_block=True, hidden_size_per_layer_input=0, global_head_dim=32, num_global_key_value_heads=1,
             attention_k_eq_v=True, sliding_window=8,
             layer_types=["sliding_attention", "full_attention", "sliding_attention", "full_attention"])

# Models that also see: their text parts are compared, given text alone.
SEEING = {
    "qwen3_vl_moe": dict(depth=1, hidden_size=16, num_heads=2, intermediate_size=16, out_hidden_size=48, deepstack_visual_indexes=[0]),
    "qwen3_5_moe": dict(depth=1, hidden_size=16, num_heads=2, intermediate_size=16, out_hidden_size=48),
    "gemma4": dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2, head_dim=8),
    "glm4v_moe": dict(depth=1, hidden_size=16, num_heads=2, intermediate_size=16, out_hidden_size=48),
    "ernie4_5_vl_moe": dict(depth=1, hidden_size=16, num_heads=2, intermediate_size=16),
    "llama4": dict(num_hidden_layers=1, hidden_size=16, num_attention_heads=2, intermediate_size=16, vision_output_dim=16, projector_input_dim=16, projector_output_dim=16, image_size=28),
}

# (family, what is special, changes to the configuration, shape of the batch[, how it is stored])
CASES = [
    ("olmoe", "", dict(EIGHT), (3, 20)),
    ("olmoe", "grouped queries, renormalised, clipped, long", dict(EIGHT, num_key_value_heads=2, norm_topk_prob=True, clip_qkv=0.7), LONG),
    ("olmoe", "tied embeddings, linear positions", dict(EIGHT, tie_word_embeddings=True, attention_bias=True, rope_parameters=dict(rope_type="linear", rope_theta=5e3, factor=3.0)), (2, 33)),
    ("mixtral", "", dict(LOCAL), (3, 20)),
    ("mixtral", "grouped queries, window, long", dict(LOCAL, num_key_value_heads=2, head_dim=16, sliding_window=70), LONG),
    ("mixtral", "tied embeddings, yarn", dict(LOCAL, tie_word_embeddings=True, num_key_value_heads=1, head_dim=12, rope_parameters=YARN), (2, 150)),
    ("qwen2_moe", "", dict(EIGHT, moe_intermediate_size=24, shared_expert_intermediate_size=36), (3, 20)),
    ("qwen2_moe", "grouped queries, dense layers, window", dict(EIGHT, num_key_value_heads=2, moe_intermediate_size=24, shared_expert_intermediate_size=36, num_hidden_layers=5, decoder_sparse_step=2, mlp_only_layers=[3], norm_topk_prob=True, use_sliding_window=True, sliding_window=40, max_window_layers=3), LONG),
    ("qwen2_moe", "tied embeddings, no biases, dynamic positions", dict(EIGHT, tie_word_embeddings=True, qkv_bias=False, moe_intermediate_size=24, shared_expert_intermediate_size=36, rope_parameters=dict(rope_type="dynamic", rope_theta=1e4, factor=2.0), max_position_embeddings=32), (2, 90)),
    ("qwen3_moe", "", dict(EIGHT, moe_intermediate_size=24, head_dim=16), (3, 20)),
    ("qwen3_moe", "grouped queries, dense layers, biases, long", dict(EIGHT, moe_intermediate_size=24, head_dim=8, num_key_value_heads=2, mlp_only_layers=[0], attention_bias=True, norm_topk_prob=True), LONG),
    ("qwen3_moe", "tied embeddings, llama3 positions", dict(EIGHT, moe_intermediate_size=24, head_dim=20, tie_word_embeddings=True, rope_parameters=LLAMA3), (2, 150)),
    ("granitemoe", "", dict(LOCAL, attention_multiplier=0.3, embedding_multiplier=2.0, residual_multiplier=0.4, logits_scaling=3.0), (3, 20)),
    ("granitemoe", "tied embeddings, grouped queries, biases, long", dict(LOCAL, tie_word_embeddings=True, num_key_value_heads=2, attention_bias=True, attention_multiplier=0.2), LONG),
    ("phimoe", "", dict(LOCAL, attention_bias=True, lm_head_bias=True, router_jitter_noise=0.05), (3, 20)),
    ("phimoe", "tied embeddings, grouped queries, window, long", dict(LOCAL, tie_word_embeddings=True, num_key_value_heads=2, sliding_window=60), LONG),
    ("phimoe", "longrope, beyond the first length", dict(LOCAL, rope_parameters=dict(rope_type="longrope", rope_theta=1e4, short_factor=[1.0 + 0.1 * i for i in range(6)], long_factor=[1.0 + i for i in range(6)], short_mscale=1.1, long_mscale=1.3, original_max_position_embeddings=64)), (2, 90)),
    ("gpt_oss", "", dict(LOCAL, head_dim=16, num_key_value_heads=2, sliding_window=8), (3, 20)),
    ("gpt_oss", "long", dict(LOCAL, head_dim=8, num_key_value_heads=1, sliding_window=70, num_experts_per_tok=4), LONG),
    ("gpt_oss", "tied embeddings, plain positions", dict(LOCAL, head_dim=12, tie_word_embeddings=True, rope_parameters=dict(rope_type="default", rope_theta=1e4)), (2, 33)),
    ("deepseek_v2", "", dict(LATENT), (3, 20)),
    ("deepseek_v2", "groups, queries at once, yarn, long", dict(LATENT, q_lora_rank=None, topk_method="group_limited_greedy", n_group=4, topk_group=2, routed_scaling_factor=3.0, rope_parameters=dict(YARN, mscale=0.7, mscale_all_dim=0.7)), LONG),
    ("deepseek_v2", "tied embeddings, biases", dict(LATENT, tie_word_embeddings=True, attention_bias=True), (2, 33)),
    ("deepseek_v3", "", dict(LATENT, n_group=4, topk_group=2), (3, 20)),
    ("deepseek_v3", "one group, not renormalised, long", dict(LATENT, n_group=1, topk_group=1, norm_topk_prob=False, q_lora_rank=None), LONG),
    ("deepseek_v3", "tied embeddings, halves, yarn", dict(LATENT, n_group=2, topk_group=1, tie_word_embeddings=True, rope_interleave=False, rope_parameters=dict(YARN, mscale=1.0, mscale_all_dim=1.0)), (2, 150)),
    ("glm4_moe", "", dict(GLM), (3, 20)),
    ("glm4_moe", "grouped queries and their norm, biases, groups, long", dict(GLM, num_key_value_heads=2, head_dim=16, use_qk_norm=True, attention_bias=True, n_group=4, topk_group=2, routed_scaling_factor=2.5), LONG),
    ("glm4_moe", "tied embeddings, whole heads turn, yarn", dict(GLM, tie_word_embeddings=True, norm_topk_prob=False, n_shared_experts=1, rope_parameters=dict(YARN, partial_rotary_factor=1.0)), (2, 150)),
    ("dots1", "", dict(GLM), (3, 20)),
    ("dots1", "grouped queries, biases, groups, window, long", dict(GLM, num_key_value_heads=2, head_dim=16, attention_bias=True, n_group=4, topk_group=2, norm_topk_prob=True, routed_scaling_factor=2.5, sliding_window=70, max_window_layers=1), LONG),
    ("dots1", "tied embeddings, yarn", dict(GLM, tie_word_embeddings=True, rope_parameters=YARN), (2, 150)),
    ("ernie4_5_moe", "", dict(ERNIE, tie_word_embeddings=False), (3, 20)),
    ("ernie4_5_moe", "grouped queries, dense layers, biases, long", dict(ERNIE, tie_word_embeddings=False, num_key_value_heads=2, head_dim=16, use_bias=True, num_hidden_layers=6, moe_layer_end_index=4, moe_layer_interval=2), LONG),
    ("ernie4_5_moe", "tied embeddings, no shared experts", dict(ERNIE, moe_num_shared_experts=0, moe_layer_start_index=0), (2, 33)),
    ("minimax_m2", "", dict(LOCAL, head_dim=16), (3, 20)),
    ("minimax_m2", "grouped queries, heads turn in part, long", dict(LOCAL, head_dim=16, num_key_value_heads=2, rotary_dim=8), LONG),
    ("minimax_m2", "tied embeddings, yarn", dict(LOCAL, head_dim=16, tie_word_embeddings=True, rope_parameters=dict(YARN, partial_rotary_factor=0.5)), (2, 150)),
    ("llama4_text", "", dict(LOCAL, intermediate_size_mlp=56, head_dim=16, num_hidden_layers=5), (3, 20)),
    ("llama4_text", "dense layers, chunks, grouped queries, long", dict(LOCAL, intermediate_size_mlp=56, head_dim=8, num_key_value_heads=2, num_hidden_layers=5, interleave_moe_layer_step=2, attention_chunk_size=48, floor_scale=30, num_experts_per_tok=1), LONG),
    ("llama4_text", "tied embeddings, no norm of queries", dict(LOCAL, intermediate_size_mlp=56, head_dim=16, tie_word_embeddings=True, use_qk_norm=False), (2, 33)),
    ("flex_olmo", "", dict(EIGHT), (3, 20)),
    ("flex_olmo", "tied embeddings, grouped queries, biases, long", dict(EIGHT, num_key_value_heads=2, tie_word_embeddings=True, attention_bias=True, norm_topk_prob=True), LONG),
    ("glm4_moe_lite", "", dict(LITE), (3, 20)),
    ("glm4_moe_lite", "dense layers listed, groups, yarn, long", dict(LITE, n_group=4, topk_group=2, mlp_layer_types=["sparse", "dense", "sparse"], rope_parameters=dict(YARN, mscale=1.0, mscale_all_dim=1.0)), LONG),
    ("deepseek_v32", "", dict(INDEXED), (3, 20)),
    ("deepseek_v32", "groups, yarn, long", dict(INDEXED, n_group=4, topk_group=2, rope_parameters=dict(YARN, mscale=1.0, mscale_all_dim=1.0)), LONG),
    ("glm_moe_dsa", "", dict(INDEXED), (3, 20)),
    ("glm_moe_dsa", "indexers shared, long", dict(INDEXED, indexer_types=["full", "shared", "full"], tie_word_embeddings=True), LONG),
    ("granitemoeshared", "", dict(LOCAL, shared_intermediate_size=36, attention_multiplier=0.3, embedding_multiplier=2.0, residual_multiplier=0.4, logits_scaling=3.0), (3, 20)),
    ("granitemoeshared", "tied embeddings, no shared experts, long", dict(LOCAL, shared_intermediate_size=0, attention_multiplier=0.2, num_key_value_heads=2, tie_word_embeddings=True), LONG),
    ("hunyuan_v1_moe", "", dict(EIGHT, moe_topk=2, num_experts_per_tok="absent", head_dim=16), (3, 20)),
    ("hunyuan_v1_moe", "tied embeddings, grouped queries, biases, long", dict(EIGHT, moe_topk=3, num_experts_per_tok="absent", head_dim=12, num_key_value_heads=2, attention_bias=True, tie_word_embeddings=True), LONG),
    ("hunyuan_v1_moe", "dynamic positions by alpha", dict(EIGHT, moe_topk=2, num_experts_per_tok="absent", head_dim=16, rope_parameters=dict(rope_type="dynamic", type="dynamic", rope_theta=1e4, alpha=8.0, factor=2.0)), (2, 90)),
    ("hy_v3", "", dict(EIGHT, moe_intermediate_size=24, head_dim=16), (3, 20)),
    ("hy_v3", "grouped queries, two shared experts, dense layers listed, long", dict(EIGHT, moe_intermediate_size=24, head_dim=16, num_key_value_heads=2, num_shared_experts=2, attention_bias=True, mlp_layer_types=["sparse", "dense", "sparse"]), LONG),
    ("exaone_moe", "", dict(EIGHT, moe_intermediate_size=24, head_dim=16, num_hidden_layers=4, sliding_window=8), (3, 20)),
    ("exaone_moe", "groups, layers listed, long", dict(EIGHT, moe_intermediate_size=24, head_dim=16, num_key_value_heads=2, n_group=4, topk_group=2, sliding_window=70, layer_types=["full_attention", "sliding_attention", "full_attention"], mlp_layer_types=["sparse", "dense", "sparse"]), LONG),
    ("afmoe", "", dict(EIGHT, moe_intermediate_size=24, head_dim=16, num_hidden_layers=4, sliding_window=8), (3, 20)),
    ("afmoe", "grouped queries, muP, two dense layers, long", dict(EIGHT, moe_intermediate_size=24, head_dim=16, num_key_value_heads=2, mup_enabled=True, num_dense_layers=2, num_shared_experts=1, route_scale=2.5, sliding_window=70, global_attn_every_n_layers=3), LONG),
    ("granitemoehybrid", "", dict(HYBRID), (3, 20)),
    ("granitemoehybrid", "rotary positions, biases, step limits, long", dict(HYBRID, position_embedding_type="rope", mamba_proj_bias=True, mamba_conv_bias=False, attention_bias=True, mamba_n_groups=1, time_step_limit=[0.01, 0.7], tie_word_embeddings=True, residual_multiplier=0.4), LONG),
    ("qwen3_next", "", dict(DELTA), (3, 20)),
    ("qwen3_next", "layers listed, dense layers, biases, one value head a key head, long", dict(DELTA, layer_types=["full_attention", "linear_attention", "linear_attention", "full_attention"], mlp_only_layers=[1], attention_bias=True, norm_topk_prob=False, linear_num_value_heads=2, tie_word_embeddings=True), LONG),
    ("qwen3_5_moe_text", "", dict(DELTA, intermediate_size="absent"), (3, 20)),
    ("qwen3_5_moe_text", "long", dict(DELTA, intermediate_size="absent", num_key_value_heads=1, linear_conv_kernel_dim=2, full_attention_interval=2), LONG),
    ("qwen3_5_moe", "text part", dict(DELTA, intermediate_size="absent", rope_parameters=dict(AXES, partial_rotary_factor=0.5)), (2, 33)),
    ("lfm2_moe", "", dict(CONV), (3, 20)),
    ("lfm2_moe", "biases, no correction bias, long", dict(CONV, conv_bias=True, use_expert_bias=False, norm_topk_prob=False, num_dense_layers=0, tie_word_embeddings=False, routed_scaling_factor=1.7, conv_L_cache=5), LONG),
    ("gemma4_text", "", dict(GEMMA), (3, 20)),
    ("gemma4_text", "values of their own, capped logits, long", dict(GEMMA, attention_k_eq_v=False, num_global_key_value_heads=None, final_logit_softcapping=3.0, sliding_window=70), LONG),
    ("gemma4", "text part", dict(GEMMA, tie_word_embeddings=True, pad_token_id=0), (2, 33)),
    ("qwen3_vl_moe", "", dict(VL), (3, 20)),
    ("qwen3_vl_moe", "experts outputs last, dense layers, long", dict(VL, moe_intermediate_size=20, mlp_only_layers=[0]), LONG, storing.outputs_last),
    ("glm4v_moe", "", dict(GLM, head_dim=16, rope_parameters=HALF_AXES), (3, 20)),
    ("glm4v_moe", "groups, no biases, long", dict(GLM, head_dim=16, n_group=4, topk_group=2, attention_bias=False, num_key_value_heads=2, rope_parameters=HALF_AXES), LONG),
    ("ernie4_5_vl_moe", "", dict(ERNIE, moe_intermediate_size=[24, 16], head_dim=16, num_experts_per_tok="absent", rope_parameters=AXES), (3, 20)),
    ("ernie4_5_vl_moe", "dense layers listed, biases, long", dict(ERNIE, moe_intermediate_size=[24, 16], head_dim=16, num_key_value_heads=2, use_bias=True, mlp_layer_types=["sparse", "dense", "sparse"], num_experts_per_tok="absent", rope_parameters=AXES), LONG),
    ("llama4", "", dict(LOCAL, intermediate_size_mlp=56, head_dim=16, num_hidden_layers=5), (3, 20)),
    ("olmoe", "experts in one tensor", dict(EIGHT), (2, 33), storing.fused),
    ("mixtral", "experts in one tensor", dict(LOCAL), (2, 33), storing.fused),
    ("qwen3_moe", "experts in one tensor", dict(QWEN3), (2, 33), storing.fused),
    ("qwen3_moe", "shards", dict(QWEN3), (2, 33), storing.shards),
    ("olmoe", "bfloat16", dict(EIGHT), (2, 33), storing.in_type(torch.bfloat16)),
    ("granitemoe", "bfloat16", dict(LOCAL, attention_multiplier=0.3), (2, 33), storing.in_type(torch.bfloat16)),
    ("llama4_text", "float16", dict(LOCAL, intermediate_size_mlp=56, head_dim=16), (2, 33), storing.in_type(torch.float16)),
    ("gpt_oss", "bfloat16", dict(LOCAL, head_dim=16), (2, 33), storing.in_type(torch.bfloat16)),
    ("gpt_oss", "MXFP4", dict(LOCAL, head_dim=16, hidden_size=64, intermediate_size=96), (2, 33), storing.mxfp4),
    ("deepseek_v3", "E4M3 with block scales", dict(WIDE), (2, 33), storing.e4m3),
    ("minimax_m2", "E4M3 with block scales", dict(LOCAL, head_dim=48, hidden_size=160, intermediate_size=136, rotary_dim=24), (2, 33), storing.e4m3),
    ("qwen3_moe", "E4M3 with block scales", dict(QWEN3, hidden_size=160, moe_intermediate_size=136), (2, 33), storing.e4m3),
]
SMALL = dict(QWEN3, hidden_size=64, intermediate_size=64, moe_intermediate_size=32)
CASES += [("qwen3_moe", what, dict(SMALL), (2, 33), store) for what, store in storing_quantised.FORMS]
CASES += [(family, what, dict(EIGHT if family == "qwen3_moe" else LOCAL, **changes), (2, 33), store) for family, changes, what, store in storing_quantised.FUSED]


def make(family, changes):
    torch.manual_seed(7)
    settings = {key: value for key, value in {**BASE, **changes}.items() if value != "absent"}
    if settings.get("rope_parameters") is None:
        settings.pop("rope_parameters", None)
    kind = transformers.AutoModelForCausalLM
    if family in SEEING:
        tied = settings.pop("tie_word_embeddings", False)
        settings = dict(text_config=settings, vision_config=SEEING[family], tie_word_embeddings=tied)
        kind = transformers.AutoModelForImageTextToText
    config = transformers.AutoConfig.for_model(family, **settings)
    model = kind.from_config(config, dtype=torch.float32, attn_implementation="eager")
    with torch.no_grad():  # ones and zeros would hide mistakes
        for name, values in list(model.named_parameters()) + list(model.named_buffers()):
            if values.dim() == 1 and "inv_freq" not in name:
                values.add_(0.2 * torch.randn_like(values))
            elif "embed_tokens" in name and values.dim() == 2:
                values[(values == 0).all(dim=1)] = 0.2  # of padding, which is no padding here
            elif not values.any():
                values.normal_(std=0.2)
            elif "sinks" in name or name.endswith("_bias"):
                values.add_(0.2 * torch.randn_like(values))
    return model.eval()


def decode_step_by_step(model):
    """Gated delta rules as transformers decodes with them: chunks of 64 tokens, its other form, err by up to 2e-4."""
    for module in model.modules():
        if type(module).__name__.endswith("GatedDeltaNet"):
            code = sys.modules[type(module).__module__]
            code.torch_chunk_gated_delta_rule = code.torch_recurrent_gated_delta_rule


def watch(model):
    """What every router returns, by the layer it stands in."""
    seen = {}
    for name, module in model.named_modules():
        if re.search("Router|Gate$", type(module).__name__):
            layer = int(re.search(r"layers\.(\d+)\.", name).group(1))
            module.register_forward_hook(lambda _m, _i, out, layer=layer: seen.update({layer: out}))
    return seen


def padding(shape):
    """1 for tokens; where there are several rows, the first is padded on the left and the second on the right."""
    valid = torch.ones(shape, dtype=torch.uint8)
    if shape[0] > 1:
        valid[0, :shape[1] // 5] = 0
        valid[1, -(shape[1] // 4):] = 0
    return valid


def write(family, changes, shape, directory, store=storing.one_file):
    model = make(family, changes)
    store(model, directory)
    tokens = torch.randint(0, BASE["vocab_size"], shape, generator=torch.Generator().manual_seed(3))
    valid = padding(shape)
    save_file({"tokens": tokens, "valid": valid}, os.path.join(directory, "input.safetensors"))
    decode_step_by_step(model)
    seen = watch(model)
    with torch.no_grad():
        # The whole of a Llama 4 fails on text alone in transformers 5.24.
        text = model.language_model if family == "llama4" else model
        logits = text(tokens, attention_mask=valid.long()).logits
    return logits.flatten(0, 1), seen


def routed(family, outputs, experts):
    """Router logits and gates (tokens, experts), as transformers says them."""
    if family.startswith("gemma4"):  # says probabilities in place of logits
        probabilities, weights, indices = outputs
        logits = probabilities.log()
        return logits, torch.zeros_like(logits).scatter_(1, indices, weights.float())
    if family.startswith("llama4"):
        scores, logits = outputs
        return logits, scores
    logits, weights, indices = outputs
    return logits, torch.zeros(logits.shape[0], experts).scatter_(1, indices, weights.float())


def compare(family, logits, seen, directory):
    found = load_file(os.path.join(directory, "output.safetensors"))
    valid = load_file(os.path.join(directory, "input.safetensors"))["valid"].flatten().bool()

    def error(own, expected):
        return (own - expected)[valid].abs().max().item()

    errors = {"logits": error(found["logits"], logits), "router": 0.0, "gates": 0.0, "decisions": 0}
    layers = {int(name.split(".")[1]) for name in found if name.endswith(".mask")}
    if layers != set(seen):
        sys.exit(f"{directory}: layers with routers {sorted(layers)}, transformers has {sorted(seen)}")
    for layer in seen:
        own = found[f"layers.{layer}.logits"]
        if family.startswith("gemma4"):
            own = own.log_softmax(-1)
        expected, gates = routed(family, seen[layer], own.shape[1])
        errors["router"] = max(errors["router"], error(own, expected))
        errors["gates"] = max(errors["gates"], error(found[f"layers.{layer}.gates"], gates))
        errors["decisions"] += (found[f"layers.{layer}.mask"].bool() != (gates != 0))[valid].sum().item()
    return errors


def table(rows):
    lines = ["| model_type | case | batch | logits | router logits | gates |", "|---|---|---|---|---|---|"]
    for family, what, shape, errors in rows:
        lines.append(f"| {family} | {what or 'plain'} | {shape[0]} x {shape[1]} | {errors['logits']:.0e} | "
                     f"{errors['router']:.0e} | {errors['gates']:.0e} |")
    return "\n".join(lines)


def put(page, text, mark="parity"):
    with open(page, encoding="utf-8") as file:
        before = file.read()
    marks = re.compile(rf"(<!-- {mark} -->\n).*?(\n<!-- /{mark} -->)", re.S)
    with open(page, "w", encoding="utf-8") as file:
        file.write(marks.sub(lambda m: m.group(1) + text + m.group(2), before))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("directory")
    parser.add_argument("--family", action="append")
    parser.add_argument("--table")
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    cases = [case for case in CASES if not arguments.family or case[0] in arguments.family]
    rows, failed = [], []
    for number, (family, what, changes, shape, *store) in enumerate(cases):
        directory = os.path.join(arguments.directory, f"checkpoint-{number}-{family}")
        try:
            logits, seen = write(family, changes, shape, directory, *store)
        except storing_quantised.Missing as missing:
            print(f"{family:12} {what:50} skipped: {missing}")
            continue
        subprocess.run([arguments.binary, directory], check=True)
        errors = compare(family, logits, seen, directory)
        good = max(errors["logits"], errors["router"], errors["gates"]) <= TOLERANCE and errors["decisions"] == 0
        rows.append((family, what, shape, errors))
        print(f"{family:12} {what or 'plain':50} logits {errors['logits']:.1e} of {logits.abs().max().item():.2f}, "
              f"router {errors['router']:.1e}, gates {errors['gates']:.1e}, other decisions {errors['decisions']}"
              f"{'' if good else '  <- FAILED'}")
        if not good:
            failed.append((family, what))
    if arguments.table:
        put(arguments.table, table(rows))
    if failed or not rows:
        sys.exit(f"not the same as transformers: {failed}")
    print(f"{len(rows)} checkpoints agree with transformers {transformers.__version__} to {TOLERANCE}")


if __name__ == "__main__":
    main()
