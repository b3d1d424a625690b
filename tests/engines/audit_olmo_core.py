"""OLMo-core's Transformer with its own MoE layers, and the fused path's routers in a small model.

Truths from olmo_core/nn/moe/{router,parallel_mlp}.py and v2/{router,emo_router}.py.
"""

import os
import subprocess
import sys

import torch
from olmo_core.nn.attention import AttentionBackendName
from olmo_core.nn.moe.emo import EmoRouterConfig
from olmo_core.nn.moe.parallel_mlp import ParallelMLP
from olmo_core.nn.moe.router import MoERouterGatingFunction
from olmo_core.nn.moe.v2.router import MoERouterConfigV2
from olmo_core.nn.transformer import TransformerConfig
from olmo_core.ops import moe as engine_ops

import cases
import olmo_kernels
import toy
from cases import Case
from pastonly.adapters.olmo_core import OlmoCore


def transformer(mode, dropless, top_k=2, capacity_factor=None, sharpness=0.3, **router):
    def build():
        torch.manual_seed(0)
        config = TransformerConfig.llama_like_moe(
            d_model=toy.WIDTH, vocab_size=toy.VOCAB, n_layers=2, n_heads=2, num_experts=toy.EXPERTS, top_k=top_k,
            expert_hidden_size=2 * toy.WIDTH, dropless=dropless, capacity_factor=capacity_factor,
            attn_backend=AttentionBackendName.torch)
        for name, value in router.items():
            setattr(config.block.feed_forward_moe.router, name, value)
        model = config.build(init_device="cpu")
        model.init_weights(device=torch.device("cpu"), max_seq_len=128)
        routers = [block.feed_forward_moe.router for block in model.blocks.values()]
        toy.sharpen([router.weight for router in routers], scale=sharpness)
        if "bias_gamma" in router:
            toy.sharpen([router.score_bias for router in routers], seed=4, scale=0.05)
        return OlmoCore(model.train(mode == "train"), vocab=toy.VOCAB)
    return build


def last_experts(model):
    if isinstance(model.model, toy.Toy):
        layer = model.model.blocks[-1].moe
        return layer, [expert[2].weight for expert in layer.experts]
    layer = list(model.model.blocks.values())[-1].feed_forward_moe
    return layer, list(layer.experts.mlp.w2.view(toy.EXPERTS, -1, toy.WIDTH))


class StableSort(ParallelMLP):
    """As a fix would have it."""

    def indices_and_bins(self, chosen, counts):
        experts, order = torch.sort(chosen.int(), stable=True)
        return order.int(), experts, counts.cumsum(0).int()


def stable(build):
    def built():
        model = build()
        for layer in model.layers.values():
            layer.experts.__class__ = StableSort
        model.facts.rule = model.facts.rule.replace("unstable-capacity", "token-major-capacity")
        return model
    return built


class RoutedExperts(torch.nn.Module):
    """A router of the fused path, whose own experts need a GPU, before plain ones."""

    def __init__(self, router):
        super().__init__()
        self.routed_experts_router = router.build(init_device="cpu")
        self.experts = torch.nn.ModuleList(toy.expert() for _ in range(toy.EXPERTS))

    def forward(self, x):
        router = self.routed_experts_router
        told = {"segment_ids": torch.zeros(x.shape[:2], dtype=torch.long)} if hasattr(router, "emo") else {}
        weights, chosen, _, _ = router(x, False, **told)
        share = torch.zeros(*x.shape[:2], toy.EXPERTS).scatter(-1, chosen, weights)
        return sum(share[..., e, None] * expert(x) for e, expert in enumerate(self.experts))


def fused(mode, **options):
    def build():
        torch.manual_seed(0)
        config = MoERouterConfigV2(d_model=toy.WIDTH, num_experts=toy.EXPERTS, top_k=2, **options)
        model = toy.Toy(lambda: RoutedExperts(config))
        toy.sharpen([block.moe.routed_experts_router.weight for block in model.blocks])
        return OlmoCore(model.train(mode == "train"), vocab=toy.VOCAB)
    return build


EMO = dict(emo=EmoRouterConfig(eos_token_id=0, min_document_expert_pool=3, max_document_expert_pool=5))
CASES = []
for mode in ("train", "eval"):
    def add(model, rule, build, depends, named, **more):
        CASES.append(Case(model, mode, rule, build, depends, named, experts=last_experts, **more))

    add("Transformer", "dropless, top-2", transformer(mode, True), (), "top-k")
    add("Transformer", "dropless, top-2, loss-free bias, sigmoid",
        transformer(mode, True, bias_gamma=0.001, gating_function=MoERouterGatingFunction.sigmoid), (), "biased-top-k")
    # Choices are sorted by expert without stable=True, which keeps no order among equals, on this CPU neither.
    for k in (1, 2):
        add("Transformer", f"capacity 1, top-{k}", transformer(mode, False, top_k=k, capacity_factor=1.0),
            ("future", "others", "order", "length"), "unstable-capacity")
    # With a stable sort the first of the batch keep their slots: causal, and still a matter of the batch.
    add("Transformer with a stable sort", "capacity 1, top-2", stable(transformer(mode, False, capacity_factor=1.0)),
        ("others", "order", "length"), "token-major-capacity")
    add("fused routers in a toy", "top-2 of 4 groups, 1 group", fused(mode, n_group=4, topk_group=1), (),
        "group-limited-top-k")
    # A document's pool of experts is that of the largest sums of scores over the whole document.
    add("fused routers in a toy", "EMO, one document a row", fused(mode, **EMO), ("future", "length"), None,
        plan={"redraw": mode == "train"})

if __name__ == "__main__":
    torch.set_num_threads(1)
    same = subprocess.run([sys.executable, olmo_kernels.__file__], env={**os.environ, "TRITON_INTERPRET": "1"},
                          cwd=os.path.dirname(olmo_kernels.__file__))
    if same.returncode:
        sys.exit("the stand-ins for the engine's kernels do not compute what these do")
    engine_ops.kernels = olmo_kernels
    sys.exit(cases.run("olmo_core", CASES))
