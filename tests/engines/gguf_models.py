"""Tiny models of random weights as GGUF files, and in NumPy what such a model computes."""

import gguf
import numpy as np

VOCAB, WIDTH, HEADS, LAYERS, EXPERTS, K, POSITIONS, EPSILON = 64, 64, 2, 2, 8, 2, 128, 1e-5
BIAS = "exp_probs_b"
NORMS = ("attn_norm", "attn_q_norm", "attn_k_norm", "ffn_norm")


def write(path, architecture, experts=EXPERTS, seed=0):
    """olmoe: norms of queries and keys, gates as they are; minimax-m2: with a bias for the choice, sigmoid, gates that sum to 1;
    llama: no such norms, softmax, gates that sum to 1. Returns the weights by name."""
    draw, weights = np.random.default_rng(seed), {}

    def add(name, *shape, scale=None, around=0.0):
        weights[name] = (around + draw.normal(size=shape) * (scale or shape[-1] ** -0.5)).astype(np.float32)

    add("token_embd", VOCAB, WIDTH, scale=1.0)
    add("output", VOCAB, WIDTH)
    add("output_norm", WIDTH, scale=0.1, around=1.0)
    for layer in range(LAYERS):
        for name in (NORMS[0], NORMS[3]) if architecture == "llama" else NORMS:
            add(f"blk.{layer}.{name}", WIDTH, scale=0.1, around=1.0)
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            add(f"blk.{layer}.{name}", WIDTH, WIDTH)
        many, kind = ((experts,), "_exps") if experts else ((), "")
        if experts:
            add(f"blk.{layer}.ffn_gate_inp", experts, WIDTH, scale=0.3)
        if architecture == "minimax-m2":
            add(f"blk.{layer}.{BIAS}", experts, scale=0.05)
        for name in ("gate", "up", "down"):
            add(f"blk.{layer}.ffn_{name}{kind}", *many, WIDTH, WIDTH)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(POSITIONS)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(VOCAB)
    writer.add_tokenizer_model("none")
    if experts:
        writer.add_expert_count(experts)
        writer.add_expert_used_count(K)
    if architecture == "minimax-m2":
        writer.add_expert_feed_forward_length(WIDTH)
        writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
    for name, values in weights.items():
        writer.add_tensor(f"{name}.bias" if name.endswith(BIAS) else f"{name}.weight", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return weights


def olmoe(weights, tokens):
    """(logits (S, VOCAB), scores (S, EXPERTS) of every layer) of one prompt, in double."""
    w = {name: values.astype(np.float64) for name, values in weights.items()}
    x, routed = w["token_embd"][tokens], []
    for layer in range(LAYERS):
        part = {name.split(".")[2]: values for name, values in w.items() if name.startswith(f"blk.{layer}.")}
        x = x + _attention(part, _norm(x, part["attn_norm"]))
        h = _norm(x, part["ffn_norm"])
        scores = _softmax(h @ part["ffn_gate_inp"].T)
        routed.append(scores)
        for at, row in enumerate(scores):
            for expert in np.argsort(-row)[:K]:
                gate, up = h[at] @ part["ffn_gate_exps"][expert].T, h[at] @ part["ffn_up_exps"][expert].T
                x[at] += row[expert] * ((gate / (1 + np.exp(-gate)) * up) @ part["ffn_down_exps"][expert].T)
    return _norm(x, w["output_norm"]) @ w["output"].T, routed


def _attention(part, h):
    size = WIDTH // HEADS
    q, k = (_norm(h @ part[f"attn_{name}"].T, part[f"attn_{name}_norm"]) for name in "qk")
    q, k, v = (values.reshape(-1, HEADS, size) for values in (_turned(q), _turned(k), h @ part["attn_v"].T))
    scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(size)
    scores[:, ~np.tri(len(h), dtype=bool)] = -np.inf
    return np.einsum("hqk,khd->qhd", _softmax(scores), v).reshape(-1, WIDTH) @ part["attn_output"].T


def _turned(x):
    """Rotary positions, halves of a head as pairs."""
    size = WIDTH // HEADS
    first, second = np.split(x.reshape(-1, HEADS, size), 2, -1)
    angles = np.arange(len(x))[:, None, None] * 10000.0 ** (-np.arange(size // 2) * 2 / size)
    return np.concatenate([first * np.cos(angles) - second * np.sin(angles), second * np.cos(angles) + first * np.sin(angles)], -1)


def _norm(x, weight):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPSILON) * weight


def _softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)
