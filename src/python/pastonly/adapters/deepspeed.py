"""DeepSpeed: `MoE` layers (TopKGate, MOELayer) and AutoEP's TokenChoiceTopKRouter inside any model.

Looked at: DeepSpeed 0.19.8 (deepspeed/moe/sharded_moe.py, layer.py, ep_router.py).

Recorded per layer: logits as the gating functions get them (after the jitter of noisy_gate_policy="Jitter", before any
Gumbel noise), softmax scores, the experts that kept a slot, and their gates. Both forms of the gate's result are read,
one triple per route and the dense combine weights. A gate draws in evaluation too: random token selection (use_rts) and
the sampled second expert have no other setting there. Seeds hold the draws equal from run to run.

Expert and data parallel ranks: give `rows=` the process group; every rank's gate sees the rows of its rank alone.
"""

from __future__ import annotations

import contextlib
from typing import Any, Callable, Iterator, List, Optional, Tuple

import deepspeed
import torch
from deepspeed.moe import sharded_moe
from deepspeed.moe.sharded_moe import TopKGate
from torch import Tensor, nn

from .engine import Arrays, Engine, replaced, spread

try:
    from deepspeed.moe.ep_router import TokenChoiceTopKRouter
except ImportError:  # before AutoEP
    TokenChoiceTopKRouter = ()  # type: ignore[assignment,misc]


class DeepSpeed(Engine):
    """See Engine; `model` may be the module or the engine that deepspeed.initialize returned."""

    producer = f"deepspeed {deepspeed.__version__}"

    def find(self) -> Iterator[Tuple[str, nn.Module]]:
        for name, module in self.model.named_modules():
            if isinstance(module, TopKGate) or (TokenChoiceTopKRouter and isinstance(module, TokenChoiceTopKRouter)):
                yield name, module

    def experts(self, layer: nn.Module) -> int:
        return layer.num_experts if not isinstance(layer, TopKGate) else layer.wg.weight.shape[0]

    def top_k(self, layer: nn.Module) -> int:
        return layer.k if isinstance(layer, TopKGate) else layer.top_k

    def rule(self, layer: nn.Module) -> Optional[str]:
        if not isinstance(layer, TopKGate):
            return _auto_ep_rule(layer)
        if layer.training and layer.noisy_gate_policy == "RSample" and layer.k == 1:
            return None  # Gumbel noise on the choice
        draws_second = layer.k == 2 and layer.top2_2nd_expert_sampling
        if not layer.drop_tokens:
            return None if draws_second else f"top-k,k={layer.k}"
        factor = layer.capacity_factor if layer.training else layer.eval_capacity_factor
        room = f"capacity_factor={factor:g},capacity_formula=deepspeed,min_capacity={layer.min_capacity}"
        if layer.k == 1:
            return f"{'random-token' if layer.use_rts else 'unstable-capacity'},k=1,{room}"
        if layer.k == 2:
            return f"gshard-top-2(random-second),{room},second=drawn" if draws_second else f"gshard-top-2,{room}"
        return f"drop-by-score,k={layer.k},{room},rank=score"

    @contextlib.contextmanager
    def watch(self, layer: nn.Module, seen: List[Arrays]) -> Iterator[None]:
        if isinstance(layer, TopKGate):
            watched = _watch_gate(layer, self.experts(layer), seen)
        else:
            watched = _watch_auto_ep(layer, seen)
        with watched:
            yield


@contextlib.contextmanager
def _watch_gate(gate: TopKGate, experts: int, seen: List[Arrays]) -> Iterator[None]:
    """The logits exist only between the gate's own forward and its gating function: that is where they are taken."""

    def forward(*args: Any, **kwargs: Any) -> Any:
        taken: Arrays = {}

        def taking(gating: Callable[..., Any]) -> Callable[..., Any]:
            def run(logits: Tensor, *more: Any, **named: Any) -> Any:
                taken["logits"] = logits.detach().clone()  # top2gating adds its noise in place
                return gating(logits, *more, **named)
            return run

        with replaced(sharded_moe, **{name: taking(getattr(sharded_moe, name))
                                      for name in ("top1gating", "top2gating", "topkgating")}):
            result = type(gate).forward(gate, *args, **kwargs)
        taken["scores"] = torch.softmax(taken["logits"], dim=1)
        if len(result) == 7:  # (loss, capacity, experts, ids (k, tokens), slots, gates (k, tokens), counts)
            chosen, gates = result[3].t(), result[5].t()
            taken["mask"] = spread(chosen, torch.ones_like(chosen, dtype=torch.uint8), experts)
            taken["gates"] = spread(chosen, gates.float(), experts)
        else:  # (loss, combine weights (tokens, experts, slots), dispatch mask, counts)
            taken["mask"] = result[2].any(-1).to(torch.uint8)
            taken["gates"] = result[1].sum(-1)
        seen.append(taken)
        return result

    with replaced(gate, forward=forward):
        yield


@contextlib.contextmanager
def _watch_auto_ep(router: nn.Module, seen: List[Arrays]) -> Iterator[None]:
    logits: List[Tensor] = []

    def after(module: nn.Module, args: Any, kwargs: Any, result: Tuple[Tensor, Tensor, Tensor]) -> None:
        weights, chosen, _ = result
        raw = logits.pop().float()
        scores = torch.sigmoid(raw) if router.score_func == "sigmoid" else torch.softmax(raw, dim=1)
        taken = {"logits": raw, "scores": scores, "gates": spread(chosen, weights.float(), router.num_experts),
                 "mask": spread(chosen, torch.ones_like(chosen, dtype=torch.uint8), router.num_experts)}
        added = [bias for bias in (args[1] if len(args) > 1 else kwargs.get("expert_bias"),
                                   router.e_score_correction_bias) if bias is not None]
        if added:
            taken["bias"] = sum(bias.float() for bias in added)
        seen.append(taken)

    hooks = [router.gate.register_forward_hook(lambda module, args, result: logits.append(result.detach().clone())),
             router.register_forward_hook(after, with_kwargs=True)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _auto_ep_rule(router: nn.Module) -> Optional[str]:
    if router.e_score_correction_bias is not None:
        return None  # and forward() may add another
    if router.num_expert_groups is None:
        return f"top-k,k={router.top_k}"
    rank = {"max": "max", "top2_sum": "top2"}[router.group_score_func]
    return (f"group-limited-top-k,k={router.top_k},groups={router.num_expert_groups},"
            f"topk_groups={router.num_limited_groups},group_score={rank}")
