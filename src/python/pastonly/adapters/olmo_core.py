"""OLMo-core: `MoEBase` layers (dropless and with capacity), and the fused path's `MoERouterV2` with its EMO variant.

Looked at: ai2-olmo-core 3.0.0 (olmo_core/nn/moe/router.py, parallel_mlp.py, v2/router.py, v2/emo_router.py).

Recorded per layer: logits (after the jitter of training), scores as the router makes them, the experts that process the
token, gates, and the bias of loss-free balancing. A layer with capacity sorts the choices by expert and keeps the first
of each: what it kept is read from its own sort. Under torch.no_grad(), as here, counts for the bias and losses stay
untouched. EMO routers draw the size of a document's pool in training; seeds hold the draw.

Expert parallel ranks: give `rows=` the group; a rank sorts and drops within its own rows. Tensor parallel ranks hold
parts of the positions of every row and are refused. Drops of the fused path's row-wise dispatch happen on a GPU and are
not seen here.
"""

from __future__ import annotations

import contextlib
from importlib import metadata
from typing import Any, Iterator, List, Optional, Tuple

import torch
from olmo_core.nn.moe.moe import MoEBase
from olmo_core.nn.moe.parallel_mlp import ParallelMLP
from olmo_core.nn.moe.router import MoERouterGatingFunction
from torch import Tensor, nn

from .engine import Arrays, Engine, replaced, spread

try:
    from olmo_core.nn.moe.v2.router import MoERouterV2
except ImportError:  # before 3.0
    MoERouterV2 = ()  # type: ignore[assignment,misc]


class OlmoCore(Engine):
    """See Engine; `model` may be an olmo_core Transformer."""

    producer = f"ai2-olmo-core {metadata.version('ai2-olmo-core')}"

    def find(self) -> Iterator[Tuple[str, nn.Module]]:
        for name, module in self.model.named_modules():
            # Routers of shared experts weigh all of them: there is no choice to record.
            v2 = MoERouterV2 and isinstance(module, MoERouterV2) and not name.endswith("shared_experts_router")
            if v2 or isinstance(module, MoEBase):
                if getattr(_router(module), "tp_mesh", None) is not None:
                    raise ValueError(f"{name} is tensor parallel: its ranks hold parts of the positions")
                yield name, module

    def experts(self, layer: nn.Module) -> int:
        return layer.num_experts

    def top_k(self, layer: nn.Module) -> int:
        return layer.top_k

    def rule(self, layer: nn.Module) -> Optional[str]:
        router = _router(layer)
        if router.uniform_expert_assignment or router.random_expert_assignment or getattr(router, "emo", None):
            return None
        capped, biased = isinstance(getattr(layer, "experts", None), ParallelMLP), router.score_bias is not None
        if capped:
            # torch.sort without stable=True: the kernel decides which of an expert's choices come first.
            return None if biased else (f"unstable-capacity,k={router.top_k},capacity_factor={layer.experts.capacity_factor:g},"
                                        "capacity_formula=olmo-core")
        if getattr(router, "n_group", None) is not None:
            return (f"group-limited-top-k,k={router.top_k},groups={router.n_group},topk_groups={router.topk_group},"
                    "group_score=top2")
        return f"{'biased-top-k' if biased else 'top-k'},k={router.top_k}"

    @contextlib.contextmanager
    def watch(self, layer: nn.Module, seen: List[Arrays]) -> Iterator[None]:
        router, logits, kept = _router(layer), [], []

        def raw(x: Tensor) -> Tensor:
            logits.append(type(router).get_expert_logits(router, x))
            return logits[-1]

        def after(module: nn.Module, args: Any, result: Tuple[Tensor, ...]) -> None:
            if result[1] is None:
                return  # scores alone were asked for
            weights, chosen = result[0].reshape(-1, router.top_k), result[1].reshape(-1, router.top_k)
            flat = logits.pop().detach().reshape(-1, router.num_experts).float()
            taken = {"logits": flat, "scores": _scores(router, flat), "gates": weights.detach().float(),
                     "mask": chosen.detach().clone()}
            if router.score_bias is not None:
                taken["bias"] = router.score_bias.detach().float().clone()
            seen.append(taken)

        with contextlib.ExitStack() as stack:
            stack.enter_context(replaced(router, get_expert_logits=raw))
            stack.callback(router.register_forward_hook(after).remove)
            if isinstance(getattr(layer, "experts", None), ParallelMLP):
                stack.enter_context(replaced(layer.experts, indices_and_bins=_keeping(layer.experts, kept)))
            yield
        for number, taken in enumerate(seen):
            chosen = torch.where(kept[number], taken["mask"], -1) if kept else taken["mask"]
            taken["gates"] = spread(chosen, taken["gates"], router.num_experts)
            taken["mask"] = spread(chosen, torch.ones_like(chosen, dtype=torch.uint8), router.num_experts)


def _router(layer: nn.Module) -> Any:
    return layer.router if isinstance(layer, MoEBase) else layer


def _scores(router: Any, logits: Tensor) -> Tensor:
    if router.gating_function != MoERouterGatingFunction.sigmoid:
        return logits.softmax(dim=-1)
    return torch.sigmoid(logits) + getattr(router, "sigmoid_stability_epsilon", 1e-7)


def _keeping(experts: ParallelMLP, kept: List[Tensor]) -> Any:
    """indices_and_bins, noting which choices (tokens, K) lie among the first of their expert in its order."""

    def indices_and_bins(chosen: Tensor, counts: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        order, sorted_experts, ends = type(experts).indices_and_bins(experts, chosen, counts)
        room = experts.expert_capacity(len(chosen) // experts.top_k) // experts.ep_world_size
        starts = torch.cat([torch.zeros_like(ends[:1]), ends[:-1]])
        place = torch.arange(len(order), device=order.device) - starts[sorted_experts.long()]
        within = torch.zeros(len(order), dtype=torch.bool, device=order.device)
        within[order.long()] = place < room
        kept.append(within.view(-1, experts.top_k))
        return order, sorted_experts, ends

    return indices_and_bins
