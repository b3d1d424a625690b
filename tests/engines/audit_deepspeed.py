"""DeepSpeed's own MoE layers in a small model. Truths from deepspeed/moe/sharded_moe.py."""

import sys

import torch
from deepspeed.moe.ep_router import TokenChoiceTopKRouter
from deepspeed.moe.layer import MoE

import cases
import toy
from cases import Case
from pastonly.adapters.deepspeed import DeepSpeed


def moe_layers(mode, **options):
    def build():
        torch.manual_seed(0)
        model = toy.Toy(lambda: MoE(toy.WIDTH, toy.expert(), num_experts=toy.EXPERTS, **options))
        toy.sharpen([block.moe.deepspeed_moe.gate.wg.weight for block in model.blocks])
        return DeepSpeed(model.train(mode == "train"), vocab=toy.VOCAB)
    return build


def last_experts(model):
    moe = model.model.blocks[-1].moe
    if isinstance(moe, MoE):
        return moe, [expert[2].weight for expert in moe.deepspeed_moe.experts.deepspeed_experts]
    return moe, [expert[2].weight for expert in moe.experts]


class RoutedExperts(torch.nn.Module):
    """AutoEP's router, which needs a GPU's kernels for its own experts, before plain ones."""

    def __init__(self, **options):
        super().__init__()
        self.router = TokenChoiceTopKRouter(toy.WIDTH, toy.EXPERTS, top_k=2, score_func="softmax", route_norm=True,
                                            route_scale=1.0, gate_bias=False, **options)
        self.experts = torch.nn.ModuleList(toy.expert() for _ in range(toy.EXPERTS))

    def forward(self, x):
        flat = x.reshape(-1, x.shape[-1])
        weights, chosen, _ = self.router(flat)
        share = torch.zeros(len(flat), toy.EXPERTS).scatter(1, chosen, weights)
        return sum(share[:, e, None] * expert(flat) for e, expert in enumerate(self.experts)).view(x.shape)


def auto_ep(mode, **options):
    def build():
        torch.manual_seed(0)
        model = toy.Toy(lambda: RoutedExperts(**options))
        toy.sharpen([block.moe.router.gate.weight for block in model.blocks])
        return DeepSpeed(model.train(mode == "train"), vocab=toy.VOCAB)
    return build


ALL = ("future", "others", "order", "length")
NO_GROUPS = dict(num_expert_groups=None, num_limited_groups=None)
CASES = []
for mode in ("train", "eval"):
    def add(rule, depends, named, build=None, **more):
        CASES.append(Case("MoE layers in a toy", mode, rule, build, depends, named, experts=last_experts, **more))

    # Uniform draws rank the tokens of an expert: a later token of larger draw takes the slot.
    add("k=1, capacity 1, random token selection (default)", ("future", "others", "length"), "random-token",
        moe_layers(mode, k=1), also=("order",), plan={"redraw": True})
    # torch.topk of a column of zeros and ones: the kernel decides which of the ties stay.
    add("k=1, capacity 1, use_rts=False", ALL, "unstable-capacity", moe_layers(mode, k=1, use_rts=False))
    # All first choices take slots before any second one. The default draws the second with Gumbel noise.
    add("k=2, capacity 1, second expert sampled (default)", ALL, "gshard-top-2(random-second)",
        moe_layers(mode, k=2), plan={"redraw": True})
    add("k=2, capacity 1, top2_2nd_expert_sampling=False", ALL, "gshard-top-2",
        moe_layers(mode, k=2, top2_2nd_expert_sampling=False))
    # Three choices: slots go to the largest gates.
    add("k=3, capacity 1", ("future", "others", "length"), "drop-by-score", moe_layers(mode, k=3))
    for k in (1, 2):
        add(f"k={k}, drop_tokens=False", (), "top-k",
            moe_layers(mode, k=k, drop_tokens=False, use_rts=False, top2_2nd_expert_sampling=False))
CASES += [
    # Gumbel noise per place of the batch: with held seeds it is no dependence, and no rule without noise explains it.
    Case("MoE layers in a toy", "train", "k=1, drop_tokens=False, noisy_gate_policy=RSample",
         moe_layers("train", k=1, drop_tokens=False, use_rts=False, noisy_gate_policy="RSample"), (), None,
         plan={"redraw": True}, experts=last_experts),
    Case("AutoEP routers in a toy", "train", "top_k=2", auto_ep("train", **NO_GROUPS), (), "top-k", experts=last_experts),
    Case("AutoEP routers in a toy", "train", "top_k=2, 2 of 4 groups",
         auto_ep("train", num_expert_groups=4, num_limited_groups=2), (), "group-limited-top-k",
         experts=last_experts),
]

if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(cases.run("deepspeed", CASES))
