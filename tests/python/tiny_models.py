"""Tiny models of transformers with random weights, one of every causal type that has experts."""

import inspect
import re
import sys
from pathlib import Path

import torch
import transformers
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

VOCAB = 64
torch.set_num_threads(1)  # tiny models: threads would only wait for each other
HAS_EXPERTS = re.compile(r"class \w*(Experts|Router|MoE|Moe|SparseMoeBlock)\w*\(")
ELSEWHERE = ("sarvam_moe", "sarvam_mla")  # their code is that of another type

# Values for every configuration that has such a key. Sizes divide each other.
SMALL = {
    "vocab_size": VOCAB, "hidden_size": 32, "intermediate_size": 48, "moe_intermediate_size": 24, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 256,
    "num_experts": 8, "num_local_experts": 8, "n_routed_experts": 8, "moe_num_experts": 8, "num_experts_per_tok": 2,
    "moe_topk": 2, "moe_k": 2, "top_k_experts": 2, "moe_top_k": 2, "n_shared_experts": 1, "num_shared_experts": 1,
    "moe_num_shared_experts": 1, "shared_expert_intermediate_size": 24,
    "first_k_dense_replace": 1, "moe_layer_start_index": 1, "num_dense_layers": 1, "n_group": 2, "topk_group": 1,
    "pad_token_id": None, "bos_token_id": None, "eos_token_id": None,
    "q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8,
    "expert_ffn_hidden_size": 24, "ffn_hidden_size": 48, "zero_expert_num": 2, "num_layers": 2,
    "mamba_d_state": 8, "mamba_d_head": 8, "mamba_n_heads": 8, "mamba_n_groups": 1, "mamba_expand": 2, "mamba_dt_rank": 4,
    "shared_intermediate_size": 24, "linear_num_value_heads": 4, "linear_num_key_heads": 2, "linear_key_head_dim": 8,
    "linear_value_head_dim": 8, "attn_layer_offset": 0, "attn_layer_period": 2, "expert_layer_offset": 1, "expert_layer_period": 2,
    "sliding_window": 16, "router_hidden_size": 16, "index_n_heads": 2, "index_head_dim": 16, "index_topk": 256,
    "linear_head_dim": 8, "linear_num_heads": 4, "ssm_state_size": 8, "mamba_num_heads": 8, "mamba_head_dim": 8, "chunk_size": 16,
    "mamba_chunk_size": 16, "swa_num_attention_heads": 4, "swa_num_key_value_heads": 2, "swa_head_dim": 8, "rel_extent": 64,
    "vocab_size_per_layer_input": VOCAB, "hidden_size_per_layer_input": 8, "block_size": 16, "n_groups": 2,
    "d_model": 32, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256, "n_ctx": 256, "n_inner": 48,
    "encoder_layers": 1, "decoder_layers": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "rotary_dim": 8, "embedding_size": 32, "attention_hidden_size": 32, "state_size": 8, "time_step_rank": 4,
}

# What single types need beside that, as they say themselves.
FULL = {"num_key_value_heads": 4}  # multi-head latent attention shares no keys
MORE = {
    **dict.fromkeys(("axk1", "axk2", "deepseek_v2", "deepseek_v3", "deepseek_v32", "dots3_note_text", "glm4_moe_lite", "glm_moe_dsa",
                     "longcat_flash", "minicpm3", "sarvam_mla", "youtu"), FULL),
    "dbrx": {"d_model": 32, "n_heads": 4, "n_layers": 2, "max_seq_len": 256,
             "attn_config": {"kv_n_heads": 2, "rope_theta": 10000.0, "clip_qkv": 8},
             "ffn_config": {"ffn_hidden_size": 24, "moe_num_experts": 8, "moe_top_k": 2, "hidden_size": 32}},
    "inkling2_text": {"unpadded_vocab_size": VOCAB}, "inkling2_loop_text": {"unpadded_vocab_size": VOCAB},
    "lfm2": {"layer_types": ["full_attention", "conv"]},
    "lfm2_moe": {"layer_types": ["full_attention", "conv"], "num_dense_layers": 1},
    "beam": {"mlp_layer_types": ["sparse", "sparse"]}, "flint": {"mlp_only_layers": []}, "gemma4_text": {"enable_moe_block": True},
    "doge": {"is_moe": True, "num_experts": 16, "num_experts_per_tok": 4},
    "deepseek_v4": {"mlp_layer_types": ["hash_moe", "moe"]},
    "zaya": {"num_experts_per_tok": 1},
}


def moe_types():
    """Model types of causal language models whose code has experts; where a type has a text part of its own, that."""
    found = []
    for name in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        if name not in CONFIG_MAPPING or f"{name}_text" in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
            continue
        folder = Path(inspect.getfile(CONFIG_MAPPING[name])).parent
        source = "".join(path.read_text() for path in folder.glob("modeling_*.py"))
        if HAS_EXPERTS.search(source) or name in ELSEWHERE:
            found.append(name)
    return sorted(found)


def dense_types():
    """All the others."""
    names = set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES) & set(CONFIG_MAPPING)
    return sorted(name for name in names - set(moe_types()) if f"{name}_text" not in names)


def parameters_of(name, **more):
    """How many a model would have."""
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config_of(name, **more))
    return sum(values.numel() for values in model.parameters())


def config_of(name, **more):
    cls = CONFIG_MAPPING[name]
    keys = set(inspect.signature(cls.__init__).parameters) | set(getattr(cls, "__annotations__", {}))
    wanted = {**SMALL, **MORE.get(name, {}), **more}
    keys |= set(MORE.get(name, {})) | set(more)
    return cls(**{key: value for key, value in wanted.items() if key in keys})


def build(name, seed=0, dtype=torch.float32, **more):
    """A model in evaluation mode. Norms and biases are drawn too, so that none is idle; routers are wide awake."""
    transformers.logging.set_verbosity_error()
    torch.manual_seed(seed)
    config = config_of(name, **more)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    with torch.no_grad():
        for key, values in model.named_parameters():
            if values.dim() >= 2:
                values.normal_(0, 0.15 if "embed_tokens" not in key else 1.0)
            elif "norm" in key.lower() and "bias" not in key:
                values.add_(0.1 * torch.randn_like(values))
        for key, values in [*model.named_buffers(), *model.named_parameters()]:
            if re.search("correction_bias|expert_bias|balancing", key):
                values.normal_(0, 0.05)
            elif key.endswith("tid2eid"):  # a table of token ids: two experts each
                values.copy_(torch.rand(VOCAB, 8).argsort(-1)[:, :values.shape[1]])
    return model.to(dtype).eval()


if __name__ == "__main__":
    for name in sys.argv[1:] or moe_types():
        try:
            model = build(name)
            out = model(torch.arange(12)[None] % VOCAB, use_cache=False)
            print(name, "ok", tuple(out.logits.shape), flush=True)
        except Exception as error:  # noqa: BLE001
            print(name, type(error).__name__, str(error)[:200].replace("\n", " "), flush=True)
