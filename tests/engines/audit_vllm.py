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
from vllm.model_executor.layers.fused_moe.router.cpu_router import CPURouter

import cases
import toy
from cases import Case

# One engine for each checkpoint: a process holds its memory until it ends.
LOADED, FOLDERS = {}, {}


class SeesTheBatch(CPURouter):
    """A planted leak: the mean over all tokens of the step moves the choice."""

    def _compute_routing(self, hidden, logits, *more, **named):
        return super()._compute_routing(hidden, logits - 2 * logits.mean(0), *more, **named)


def served(config, company, budget=None, planted=False):
    def build():
        key = (config.model_type, budget)
        if key not in LOADED:
            torch.manual_seed(0)
            folder = tempfile.mkdtemp(prefix="pastonly-served-")
            model = transformers.AutoModelForCausalLM.from_config(config)
            toy.sharpen([weight for name, weight in model.named_parameters() if name.endswith("gate.weight")])
            toy.sharpen([bias for name, bias in model.named_buffers() if name.endswith("correction_bias")], seed=4, scale=0.05)
            model.save_pretrained(folder)
            more = dict(max_num_batched_tokens=budget) if budget else {}
            LOADED[key] = vllm.LLM(folder, skip_tokenizer_init=True, dtype="float32", enforce_eager=True,
                                   max_model_len=128, **more)
            FOLDERS[key] = folder
        adapted = VLLM(LOADED[key], company=company)
        for router in adapted.routers.values():
            router.__class__ = SeesTheBatch if planted else CPURouter
        return adapted
    return build


SIZES = dict(vocab_size=toy.VOCAB, hidden_size=64, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
             num_key_value_heads=2, max_position_embeddings=256, bos_token_id=None, eos_token_id=0, pad_token_id=None)
OLMOE = transformers.OlmoeConfig(num_experts=8, num_experts_per_tok=2, **SIZES)
MIXTRAL = transformers.MixtralConfig(num_local_experts=8, num_experts_per_tok=2, **SIZES)
GLM = transformers.Glm4MoeConfig(n_routed_experts=8, num_experts_per_tok=2, n_group=4, topk_group=1, n_shared_experts=1,
                                 moe_intermediate_size=64, first_k_dense_replace=1, head_dim=32, **SIZES)
CASES = [
    Case("OLMoE", "eval", "each prompt alone", served(OLMOE, False), (), "top-k"),
    Case("OLMoE", "eval", "all prompts in one batch", served(OLMOE, True), (), "top-k"),
    Case("GLM-4 MoE", "eval", "all prompts in one batch; selection bias, 1 of 4 groups", served(GLM, True), (),
         "group-limited-top-k"),
    # Logits are recorded as the router got them. An offset for every expert that a whole batch shares is a rule of
    # the table; one that every prompt has for itself is none.
    Case("OLMoE, leak planted", "eval", "each prompt alone", served(OLMOE, False, planted=True),
         ("future", "length"), None, broken=True),
    Case("OLMoE, leak planted", "eval", "all prompts in one batch", served(OLMOE, True, planted=True),
         ("future", "others", "length"), cases.ANY, also=("order",), broken=True),
    Case("Mixtral", "eval", "all prompts in one batch", served(MIXTRAL, True), (), "top-k"),
    Case("Mixtral", "eval", "all prompts, in pieces of 96 tokens", served(MIXTRAL, True, budget=96), (), "top-k"),
]


def as_transformers():
    """The same prompts alone, together, and by transformers: routes that differ, and log-probabilities apart."""
    tokens = torch.randint(1, toy.VOCAB, (8, 64), generator=torch.Generator().manual_seed(5))
    alone, together = (served(OLMOE, company)()(tokens.numpy()) for company in (False, True))
    model = transformers.AutoModelForCausalLM.from_pretrained(FOLDERS["olmoe", None], dtype=torch.float32)
    with torch.no_grad():
        out = model(tokens, output_router_logits=True)
    told = out.logits[:, :-1].log_softmax(-1).gather(-1, tokens[:, 1:, None])[..., 0]
    right = True
    for name, seen in (("alone", alone), ("in company", together)):
        routes = sum(int((seen[f"layers.{layer}.mask"].view(-1, 8)
                          != torch.zeros(512, 8).scatter(1, logits.topk(2)[1], 1)).sum())
                     for layer, logits in enumerate(out.router_logits))
        apart = float((seen["logprobs"][:, 1:] - told).abs().max())
        print(f"vllm: {name}, {routes} entries of masks differ from those of transformers, and log-probabilities by {apart:.2g}")
        right = right and routes == 0 and apart < 1e-3
    return right


if __name__ == "__main__":
    result = cases.run("vllm", CASES)
    sys.exit(result or (0 if sys.argv[1:] or as_transformers() else 1))
