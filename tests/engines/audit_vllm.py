"""vLLM serving small checkpoints on the CPU, every prompt alone and all in company."""

import os
import sys
import tempfile

os.environ.update(VLLM_CPU_KVCACHE_SPACE="1", VLLM_ENABLE_V1_MULTIPROCESSING="0", VLLM_LOGGING_LEVEL="ERROR",
                  VLLM_NO_USAGE_STATS="1", HF_HUB_OFFLINE="1")

import torch
import transformers
import vllm
from pastonly.adapters.vllm import VLLM

import cases
import toy
from cases import Case

# One engine for each checkpoint: a process holds its memory until it ends.
LOADED = {}


def served(config, company, budget=None):
    def build():
        key = (config.model_type, budget)
        if key not in LOADED:
            torch.manual_seed(0)
            folder = tempfile.mkdtemp(prefix="pastonly-served-")
            model = transformers.AutoModelForCausalLM.from_config(config)
            toy.sharpen([weight for name, weight in model.named_parameters() if name.endswith("gate.weight")])
            model.save_pretrained(folder)
            more = dict(max_num_batched_tokens=budget) if budget else {}
            LOADED[key] = vllm.LLM(folder, skip_tokenizer_init=True, dtype="float32", enforce_eager=True,
                                   max_model_len=128, **more)
        return VLLM(LOADED[key], company=company)
    return build


SIZES = dict(vocab_size=toy.VOCAB, hidden_size=64, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
             num_key_value_heads=2, max_position_embeddings=256, bos_token_id=None, eos_token_id=0, pad_token_id=None)
OLMOE = transformers.OlmoeConfig(num_experts=8, num_experts_per_tok=2, **SIZES)
MIXTRAL = transformers.MixtralConfig(num_local_experts=8, num_experts_per_tok=2, **SIZES)
CASES = [
    Case("OLMoE", "eval", "each prompt alone", served(OLMOE, False), (), "top-k"),
    Case("OLMoE", "eval", "all prompts in one batch", served(OLMOE, True), (), "top-k"),
    Case("Mixtral", "eval", "all prompts in one batch", served(MIXTRAL, True), (), "top-k"),
    Case("Mixtral", "eval", "all prompts, in pieces of 96 tokens", served(MIXTRAL, True, budget=96), (), "top-k"),
]


def company_moves():
    """The same prompts alone and together: routes that differ, and how far log-probabilities are apart."""
    tokens = torch.randint(1, toy.VOCAB, (8, 64), generator=torch.Generator().manual_seed(5)).numpy()
    alone, together = (served(OLMOE, company)()(tokens) for company in (False, True))
    routes = sum(int((alone[name] != together[name]).sum()) for name in alone if name.endswith("mask"))
    apart = float((alone["logprobs"] - together["logprobs"])[:, 1:].abs().max())
    print(f"vllm: alone and in company, {routes} entries of masks differ and log-probabilities by {apart:.2g} at most")
    return routes == 0 and apart < 1e-4


if __name__ == "__main__":
    result = cases.run("vllm", CASES)
    sys.exit(result or (0 if sys.argv[1:] or company_moves() else 1))
