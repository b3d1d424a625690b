"""Whole-model gradients against PyTorch autograd on an equivalent model, in float64.

usage: gradients.py DIRECTORY   (written by dump_model)
Selection is taken from the file, as a constant; everything else is computed anew from the parameters.
"""
import glob
import json
import os
import sys

import torch
import torch.nn.functional as F
from safetensors import safe_open

TOLERANCE = 1e-9  # of the largest gradient of the tensor, plus as much absolutely


def rms_norm(x, gain, epsilon):
    return gain * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + epsilon)


def rotate(x, theta):
    """x (batch, heads, positions, width), the Hugging Face arrangement."""
    width, positions = x.shape[-1], x.shape[-2]
    frequencies = theta ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angles = torch.arange(positions, dtype=torch.float64)[:, None] * frequencies
    cosines, sines = angles.cos().repeat(1, 2), angles.sin().repeat(1, 2)
    half = torch.cat([-x[..., width // 2:], x[..., :width // 2]], -1)
    return x * cosines + half * sines


class Peer:
    def __init__(self, tensors, config, objectives):
        self.c, self.r, self.o = config, config["router"], objectives
        self.t = tensors
        self.p = {k[len("parameters."):]: v.clone().requires_grad_(True)
                  for k, v in tensors.items() if k.startswith("parameters.")}

    def attention(self, x, prefix):
        c, p = self.c, self.p
        batch, positions, _ = x.shape
        heads, kv, width = c["heads"], c["kv_heads"], c["head_width"]
        qkv = x @ p[prefix + "qkv"].T
        if c["qkv_bias"]:
            qkv = qkv + p[prefix + "qkv_bias"]
        q, k, v = qkv.split([heads * width, kv * width, kv * width], -1)
        if c["qk_norm"] == "whole":
            q = rms_norm(q, p[prefix + "q_norm"], c["norm_epsilon"])
            k = rms_norm(k, p[prefix + "k_norm"], c["norm_epsilon"])
        q, k, v = (a.view(batch, positions, -1, width).transpose(1, 2) for a in (q, k, v))
        if c["qk_norm"] == "per_head":
            q = rms_norm(q, p[prefix + "q_norm"], c["norm_epsilon"])
            k = rms_norm(k, p[prefix + "k_norm"], c["norm_epsilon"])
        q, k = rotate(q, c["rope_theta"]), rotate(k, c["rope_theta"])
        k, v = (a.repeat_interleave(heads // kv, 1) for a in (k, v))
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return out.transpose(1, 2).reshape(batch, positions, -1) @ p[prefix + "attention"].T

    def scores(self, x, prefix):
        """Scores and the logits that z reads, (tokens, experts); autonomy: also the first activations."""
        p, kind = self.p, self.r["score"]
        if kind == "cosine":
            return F.normalize(x, dim=-1) @ self.t[prefix + "centroids"].T, None, None
        if kind == "autonomy":
            down = torch.einsum("td,erd->ter", x, p[prefix + "expert_down"])
            return down.norm(dim=-1), None, down
        logits = x @ p[prefix + "router"].T
        if kind == "noisy":
            logits = logits + self.t[prefix + "draws"] * F.softplus(x @ p[prefix + "noise"].T)
        return (logits.sigmoid() if kind == "sigmoid" else logits.softmax(-1)), logits, None

    def gates(self, scores, mask, selected):
        over = (mask if self.r["gate_over"] == "kept" else selected).bool()
        if self.r["gate"] == "raw":
            gates = scores
        elif self.r["gate"] == "renormalised":
            gates = scores / (scores * over).sum(-1, keepdim=True).clamp_min(1e-300)
        elif self.r["gate"] == "column_normalised":
            gates = scores / (scores * mask).sum(0) * (mask.sum() / mask.shape[1])
        else:
            gates = scores.masked_fill(~over, float("-inf")).softmax(-1).nan_to_num(0.0)
        return gates * mask * self.r["gate_scale"]

    def experts(self, x, layer, prefix):
        p, mask, selected = self.p, self.t[prefix + "mask"].double(), self.t[prefix + "selected"].double()
        scores, logits, down = self.scores(x, prefix)
        gates = self.gates(scores, mask, selected)
        w_in, w_out = p[prefix + "expert_in"], p[prefix + "expert_out"]
        if self.r["rule"]["id"] == "soft-moe":
            slots = logits.softmax(0).T @ x
            gate, up = torch.einsum("ed,efd->ef", slots, w_in).chunk(2, -1)
            out = scores @ torch.einsum("ef,edf->ed", F.silu(gate) * up, w_out)
            return out, self.objectives(scores, logits, selected, prefix)
        if down is not None:
            gate = torch.einsum("ter,efr->tef", down, p[prefix + "expert_gate"])
            up = torch.einsum("td,efd->tef", x, w_in)
        else:
            gate, up = torch.einsum("td,efd->tef", x, w_in).chunk(2, -1)
        out = torch.einsum("tef,edf,te->td", F.silu(gate) * up, w_out, gates)
        return out, self.objectives(scores, logits, selected, prefix)

    def objectives(self, scores, logits, selected, prefix):
        o, p, total = self.o, self.p, 0.0
        if o["balance"]:
            if self.r["score"] in ("softmax", "noisy"):
                probabilities = scores
            elif self.r["score"] == "sigmoid":
                probabilities = scores / scores.sum(-1, keepdim=True)
            else:
                probabilities = scores.softmax(-1)
            share = selected.sum(0) / selected.sum()
            total = total + o["balance"] * scores.shape[1] * (share * probabilities.mean(0)).sum()
        if o["z"]:
            total = total + o["z"] * logits.logsumexp(-1).pow(2).mean()
        if o["orthogonality"]:
            rows = F.normalize(p[prefix + "router"], dim=-1)
            n = len(rows)
            cosines = rows @ rows.T * (1 - torch.eye(n, dtype=torch.float64))
            total = total + o["orthogonality"] * cosines.pow(2).sum() / (n * (n - 1))
        if o["coupling"]:
            proxies = p[prefix + "router"] * self.t[prefix + "coupling_noise"]
            gate_rows = p[prefix + "expert_in"][:, : self.c["expert_width"]]
            norms = torch.einsum("id,jfd->ijf", proxies, gate_rows).norm(dim=-1)
            own = self.o["coupling_alpha"] * norms.diag()[:, None]
            off = 1 - torch.eye(len(norms), dtype=torch.float64)
            excess = ((norms - own).relu() + (norms.T - own).relu()) * off
            total = total + o["coupling"] * excess.sum() / len(norms) ** 2
        return total

    def swiglu(self, x, w_in, w_out):
        gate, up = (x @ self.p[w_in].T).chunk(2, -1)
        return (F.silu(gate) * up) @ self.p[w_out].T

    def loss(self):
        c, p, tokens = self.c, self.p, self.t["tokens"]
        x, extra = p["embedding"][tokens], 0.0
        for layer in range(c["layers"]):
            prefix = f"layers.{layer}."
            x = x + self.attention(rms_norm(x, p[prefix + "norm1"], c["norm_epsilon"]), prefix)
            normed = rms_norm(x, p[prefix + "norm2"], c["norm_epsilon"])
            if layer < c["dense_layers"]:
                x = x + self.swiglu(normed, prefix + "dense_in", prefix + "dense_out")
                continue
            flat = normed.reshape(-1, c["width"])
            routed, objectives = self.experts(flat, layer, prefix)
            if c["shared_width"]:
                shared = self.swiglu(flat, prefix + "shared_in", prefix + "shared_out")
                if c["shared_gate"]:
                    shared = shared * (flat @ p[prefix + "shared_gate"].T).sigmoid()
                routed = routed + shared
            x = x + routed.view_as(x)
            extra = extra + objectives / (c["layers"] - c["dense_layers"])
        x = rms_norm(x, p["final_norm"], c["norm_epsilon"])
        logits = x @ p["embedding" if c["tied_embeddings"] else "head"].T
        cross_entropy = F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())
        return cross_entropy + extra


def check(path):
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    peer = Peer(tensors, json.loads(metadata["model"]), json.loads(metadata["training"])["objectives"])
    loss = peer.loss()
    loss.backward()
    worst = abs(loss.item() - tensors["loss"].item())
    for name, parameter in peer.p.items():
        ours, theirs = tensors["gradients." + name], parameter.grad
        theirs = torch.zeros_like(ours) if theirs is None else theirs
        error = (ours - theirs).abs().max().item() / (1.0 + theirs.abs().max().item())
        if error > TOLERANCE:
            print(f"  {name}: off by {error:.2e}")
        worst = max(worst, error)
    print(f"{os.path.basename(path)}: loss {loss.item():.6f}, largest error {worst:.1e}")
    return worst <= TOLERANCE


def main():
    paths = sorted(glob.glob(os.path.join(sys.argv[1], "*.safetensors")))
    results = [check(path) for path in paths]
    if not results or not all(results):
        sys.exit("gradients differ from PyTorch's")
    print(f"{len(results)} models agree with autograd to {TOLERANCE}")


if __name__ == "__main__":
    main()
