"""llama.cpp with tiny GGUF files on the CPU."""

import os
import subprocess
import sys
import tempfile

import llama_cpp
import numpy as np
from pastonly.adapters.llama_cpp import LlamaCpp
from pastonly.plan import record

import cases
import gguf_models
import plans
from cases import Case

FOLDER = tempfile.mkdtemp(prefix="pastonly-gguf-")
F32 = 0


def loaded(architecture, experts=gguf_models.EXPERTS, piece=gguf_models.POSITIONS, exact=False):
    path = os.path.join(FOLDER, f"{architecture}-{experts}.gguf")
    weights = gguf_models.write(path, architecture, experts)
    more = {"type_k": F32, "type_v": F32} if exact else {}
    return weights, llama_cpp.Llama(path, n_ctx=gguf_models.POSITIONS, n_batch=piece, n_ubatch=piece, logits_all=True, verbose=False,
                                    n_threads=1, n_threads_batch=1, **more)


def served(architecture, causal=True, **how):
    def build():
        adapted = LlamaCpp(loaded(architecture, **how)[1])
        llama_cpp.llama_set_causal_attn(adapted._context, causal)
        return adapted
    return build


CASES = [
    Case("OLMoE", "eval", "each prompt alone", served("olmoe"), (), "top-k"),
    Case("OLMoE", "eval", "each prompt alone, in pieces of 16 tokens", served("olmoe", piece=16), (), "top-k"),
    Case("Mixtral", "eval", "each prompt alone", served("llama"), (), "top-k"),
    Case("MiniMax-M2", "eval", "each prompt alone; selection bias", served("minimax-m2"), (), "biased-top-k"),
    Case("Llama", "eval", "each prompt alone", served("llama", experts=0), (), cases.ANY),
    # The attention leaks; routers follow what they are given.
    Case("OLMoE, attention both ways", "eval", "each prompt alone", served("olmoe", causal=False), ("future", "length"), "top-k"),
    Case("Llama, attention both ways", "eval", "each prompt alone", served("llama", experts=0, causal=False), ("future", "length"),
         cases.ANY),
]


def as_numpy():
    """The same prompts by arithmetic written out: selections that differ, and log-probabilities apart."""
    weights, llm = loaded("olmoe", exact=True)
    adapted = LlamaCpp(llm)
    tokens = np.random.default_rng(5).integers(0, gguf_models.VOCAB, (4, 40))
    valid = np.ones(tokens.shape, np.uint8)
    valid[1, 25:] = 0
    found = adapted(tokens, valid)
    routes, apart = 0, 0.0
    for row, length in enumerate(valid.sum(1).tolist()):
        logits, scores = gguf_models.olmoe(weights, tokens[row, :length])
        said = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        apart = max(apart, np.abs(found["logprobs"][row, 1:length] - said[np.arange(length - 1), tokens[row, 1:length]]).max())
        for layer, expected in enumerate(scores):
            ids = np.argsort(-expected)[:, :gguf_models.K]
            routes += int((np.sort(found[f"layers.{layer}.experts"][row, :length]) != np.sort(ids)).any(-1).sum())
            apart = max(apart, np.abs(found[f"layers.{layer}.scores"][row, :length] - expected).max(),
                        np.abs(np.sort(found[f"layers.{layer}.gates"][row, :length])
                               - np.sort(np.take_along_axis(expected, ids, -1))).max())
    print(f"llama_cpp: {routes} selections differ from those of NumPy, and log-probabilities, scores and gates by {apart:.2g}")
    before = llm.n_tokens
    adapted.close()
    weights, llm = loaded("minimax-m2")
    adapted = LlamaCpp(llm)
    found = adapted(tokens[:, :8])
    biases = all(np.array_equal(found[f"layers.{layer}.bias"], weights[f"blk.{layer}.{gguf_models.BIAS}"])
                 for layer in range(gguf_models.LAYERS))
    print(f"llama_cpp: the selection bias is {'the' if biases else 'not the'} one of the file, {adapted.facts.remarks}")
    return biases and not adapted.facts.remarks and routes == 0 and apart < 1e-5 and before == llm.n_tokens


def as_pastonly():
    """The same files run by pastonly: what llama.cpp recorded must agree with them, route by route."""
    good = True
    for architecture in ("olmoe", "minimax-m2", "llama"):
        adapted = LlamaCpp(loaded(architecture, exact=True)[1])
        plan = os.path.join(FOLDER, f"{architecture}-plan")
        plans.write_plan(plan, gguf_models.VOCAB)
        record(adapted, plan, log=lambda _: None)
        adapted.close()
        file = os.path.join(FOLDER, f"{architecture}-{gguf_models.EXPERTS}.gguf")
        done = subprocess.run([plans.BINARY, "compare", plan, file], capture_output=True, text=True)
        print(f"llama_cpp: {architecture}, recorded against its file run by pastonly: {done.stdout.splitlines()[0] if done.stdout else done.stderr}")
        good = good and done.returncode == 0
    return good


if __name__ == "__main__":
    result = cases.run("llama_cpp", CASES)
    sys.exit(result or (0 if sys.argv[1:] or (as_numpy() and as_pastonly()) else 1))
