"""Figures of router-geometry and expert-coupling on tiny checkpoints, against transformers' own norms and experts in float64.

usage: coupling.py PASTONLY DIRECTORY
"""
import json
import os
import subprocess
import sys

import torch

import storing
from checkpoints import EIGHT, LOCAL, QWEN3, WIDE, make

CASES = [
    ("mixtral", dict(LOCAL), storing.one_file),
    ("olmoe", dict(EIGHT), storing.in_type(torch.bfloat16)),
    ("qwen3_moe", dict(QWEN3), storing.fused),
    ("phimoe", dict(LOCAL, attention_bias=True, lm_head_bias=True), storing.one_file),
    ("gpt_oss", dict(LOCAL, head_dim=16), storing.one_file),
    ("gpt_oss", dict(LOCAL, head_dim=16, hidden_size=64, intermediate_size=96), storing.mxfp4),
    ("llama4_text", dict(LOCAL, intermediate_size_mlp=56, head_dim=16), storing.in_type(torch.float16)),
    ("deepseek_v3", dict(WIDE), storing.e4m3),
]


def block_of(layer):
    block = next(getattr(layer, name) for name in ("mlp", "block_sparse_moe", "feed_forward") if hasattr(layer, name))
    return block if hasattr(block, "experts") else None


def router_of(block):
    router = getattr(block, "gate", None)
    return (block.router if router is None else router).weight.double()


def matrices(family, experts):
    """Gate and up projections, (experts, outputs, inputs)."""
    both = experts.gate_up_proj.double()
    if family in ("gpt_oss", "llama4_text"):
        both = both.transpose(1, 2)
    if family == "gpt_oss":
        return both[:, ::2], both[:, 1::2]
    half = both.shape[1] // 2
    return both[:, :half], both[:, half:]


def outputs(family, experts, tokens, expert):
    if family == "llama4_text":
        every = tokens.repeat(experts.num_experts, 1)
        return experts(every).view(experts.num_experts, *tokens.shape)[expert]
    index = torch.full((len(tokens), 1), expert)
    return experts(tokens, index, torch.ones(len(tokens), 1, dtype=tokens.dtype))


def acts(family, experts, gates, ups, expert):
    if family != "gpt_oss":
        return torch.nn.functional.silu(gates) * ups
    bias = experts.gate_up_proj_bias.double()[expert]
    return experts._apply_gate(torch.stack((gates + bias[::2], ups + bias[1::2]), -1).flatten(1))


def responses(family, layer, block):
    norm, experts = layer.post_attention_layernorm.double(), block.experts.double()
    rows = router_of(block) * norm.weight
    if family == "phimoe":
        rows = rows - rows.mean(1, keepdim=True)
    tokens = norm(1e6 * rows / rows.norm(dim=1, keepdim=True))  # the norm's epsilon vanishes
    gate, up = matrices(family, experts)
    linear = rows * norm.weight
    found = {"gate": torch.stack([(linear @ one.T).norm(dim=1) for one in gate], 1),
             "up": torch.stack([(linear @ one.T).norm(dim=1) for one in up], 1)}
    all_acts = [acts(family, experts, tokens @ gate[e].T, tokens @ up[e].T, e) for e in range(len(gate))]
    found["act"] = torch.stack([one.norm(dim=1) for one in all_acts], 1)
    found["output"] = torch.stack([outputs(family, experts, tokens, e).norm(dim=1) for e in range(len(gate))], 1)
    return rows, found


def expected(rows, found):
    out, n = {}, len(rows)
    unit = rows / rows.norm(dim=1, keepdim=True)
    cosines = (unit @ unit.T)[~torch.eye(n, dtype=torch.bool)]
    nearest = (torch.cdist(rows[None], rows[None])[0] + 1e30 * torch.eye(n)).min(1).values
    separations = nearest / (2 * rows.norm(dim=1))
    centred = torch.linalg.svdvals(rows - rows.mean(0)) ** 2
    out.update(router_cosine=cosines.mean(), router_cosine_magnitude=cosines.abs().mean(), router_cosine_largest=cosines.max(),
               router_separation=separations.quantile(0.5), router_separation_smallest=separations.min(),
               router_norm=rows.norm(dim=1).quantile(0.5), router_plane_share=centred[:2].sum() / centred.sum(),
               router_common_share=rows.mean(0).square().sum() / rows.square().sum(1).mean())
    for what, norms in found.items():
        logs = norms.log()
        rest = logs - logs.mean(1, keepdim=True) - logs.mean(0, keepdim=True) + logs.mean()
        places = torch.arange(n)
        out[f"own_excess[{what}]"] = rest.diag().mean()
        for suffix, matrix in (("", norms), ("_rescaled", rest)):
            out[f"rows_won{suffix}[{what}]"] = (matrix.argmax(1) == places).double().mean()
            out[f"columns_won{suffix}[{what}]"] = (matrix.argmax(0) == places).double().mean()
    return out


def main():
    binary, directory = sys.argv[1:]
    worst, failed = 0.0, False
    for index, (family, changes, store) in enumerate(CASES):
        folder = os.path.join(directory, f"coupling-{index}")
        model = make(family, changes)
        model.config._experts_implementation = "eager"  # the others take no float64
        store(model, folder)
        report = os.path.join(directory, f"coupling-{index}.json")
        done = subprocess.run([binary, "audit", folder, "--check", "router-geometry", "--check", "expert-coupling", "--batch", "2",
                               "--positions", "8", "-o", f"json={report}"], capture_output=True, text=True)
        if done.returncode not in (0, 3):
            sys.exit(f"{family}: {done.stderr}")
        with open(report, encoding="utf-8") as file:
            figures = {(m["name"], m["layer"]): m["value"] for check in json.load(file)["checks"] for m in check["measurements"]}
        checked = 0
        for number, layer in enumerate(model.model.layers):
            block = block_of(layer)
            if block is None:
                continue
            with torch.no_grad():
                wanted = expected(*responses(family, layer, block))
            for name, value in wanted.items():
                difference = abs(figures[name, number] - value.item()) / max(1.0, abs(value.item()))
                worst, checked = max(worst, difference), checked + 1
                if difference > 1e-4:
                    failed = True
                    print(f"{family} layer {number} {name}: {figures[name, number]} and not {value.item()}")
        print(f"{family}, {store.__name__}: {checked} figures")
        failed = failed or checked == 0
    print(f"largest difference {worst:.1e}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
