"""Megatron-core: every `TopKRouter` inside any model.

Looked at: megatron-core 0.16.1 (megatron/core/transformer/moe/router.py, moe_utils.py, token_dispatcher.py).

Recorded per layer: logits as the routing function gets them (after the input jitter), scores by the router's score
function, the map after capacity drops, gates, and the bias of loss-free balancing. Routers see the batch sequence-major.
Under torch.no_grad(), as here, training mode routes as in training, and neither losses nor the counts for the bias are
touched. Layers of multi-token prediction (`mtp`) look ahead by design: they are left out and named.

Ranks: with sequence parallelism each tensor parallel rank routes its part of the positions, which is gathered here; give
`rows=` the group of data and expert parallel ranks, whose routers see the rows of their rank alone. Context parallelism
is refused. The capacity per rank of the flex dispatcher (moe_expert_rank_capacity_factor) drops after the router, on a
GPU, and is not seen here.
"""

from __future__ import annotations

import contextlib
from typing import Any, Iterator, List, Optional, Tuple

import torch
from megatron.core import package_info, parallel_state, tensor_parallel
from megatron.core.transformer.moe.router import TopKRouter
from torch import Tensor, nn

from .engine import Arrays, Engine, replaced


class Megatron(Engine):
    """See Engine. Without `forward`, a GPTModel is called with positions and its own causal mask."""

    producer = f"megatron-core {package_info.__version__}"
    layout = "sequence-major"

    def __init__(self, model: nn.Module, *, vocab: int, forward: Any = None, **more: Any) -> None:
        if parallel_state.is_initialized() and parallel_state.get_context_parallel_world_size() > 1:
            raise ValueError("context parallel ranks hold parts of the positions out of order; use a size of 1")
        super().__init__(model, vocab=vocab, forward=forward or _gpt_forward(model), **more)

    def find(self) -> Iterator[Tuple[str, nn.Module]]:
        return ((name, module) for name, module in self.model.named_modules() if isinstance(module, TopKRouter))

    def experts(self, layer: nn.Module) -> int:
        return layer.config.num_moe_experts

    def top_k(self, layer: nn.Module) -> int:
        return layer.topk

    def rule(self, layer: nn.Module) -> Optional[str]:
        config, k = layer.config, layer.topk
        grouped, biased, capped = (config.moe_router_group_topk, layer.enable_expert_bias,
                                   config.moe_expert_capacity_factor is not None)
        if getattr(config, "moe_router_force_load_balancing", False) or sum(map(bool, (grouped, biased, capped))) > 1:
            return None
        if layer.routing_type == "sinkhorn":
            return None if capped else f"sinkhorn,k={k}" if layer.training else f"top-k,k={k}"
        if capped:
            room = f"capacity_factor={config.moe_expert_capacity_factor:g}"
            if config.moe_token_drop_policy == "position":
                return f"unstable-capacity,k={k},{room}"  # torch.topk of ones: the kernel decides
            # Gates that the choice was normalised for, or the scores themselves.
            raw = config.moe_router_score_function == "softmax" and config.moe_router_pre_softmax
            return f"drop-by-score,k={k},{room},rank={'score' if raw else 'renormalised'}"
        if grouped:
            # Groups are ranked by the sum of their k / topk_groups best experts.
            rank = {1: "max", 2: "top2"}.get(k // grouped)
            return rank and (f"group-limited-top-k,k={k},groups={config.moe_router_num_groups},"
                             f"topk_groups={grouped},group_score={rank}")
        return f"biased-top-k,k={k}" if biased else f"top-k,k={k}"

    @contextlib.contextmanager
    def watch(self, layer: nn.Module, seen: List[Arrays]) -> Iterator[None]:
        def routing(logits: Tensor, *more: Any, **named: Any) -> Tuple[Tensor, Tensor]:
            flat = logits.detach().reshape(-1, logits.shape[-1]).clone()
            gates, chosen = type(layer).routing(layer, logits, *more, **named)
            # Sinkhorn's gates of a single choice are sigmoids, whatever the score function says.
            sigmoid = layer.score_function == "sigmoid" or (layer.routing_type == "sinkhorn" and layer.topk == 1)
            scores = torch.sigmoid(flat.float()) if sigmoid else torch.softmax(flat, dim=-1, dtype=torch.float32)
            taken = {"logits": flat, "scores": scores, "mask": chosen.to(torch.uint8), "gates": gates.detach()}
            if layer.expert_bias is not None:
                taken["bias"] = layer.expert_bias.detach().float().clone()
            seen.append(taken)
            return gates, chosen

        with contextlib.ExitStack() as stack:
            stack.enter_context(replaced(layer, routing=routing))
            if layer.config.moe_input_jitter_eps == 0:  # switched off; the engine knows None alone as off
                stack.enter_context(replaced(layer, apply_input_jitter=lambda hidden: hidden))
            yield

    def whole_sequence(self, array: Tensor) -> Tensor:
        if not (parallel_state.is_initialized() and self._config().sequence_parallel):
            return array
        group = parallel_state.get_tensor_model_parallel_group()
        parts = [torch.empty_like(array) for _ in range(torch.distributed.get_world_size(group))]
        torch.distributed.all_gather(parts, array.contiguous(), group=group)
        return torch.cat(parts)

    def whole_logits(self, logits: Tensor) -> Tensor:
        if logits.shape[-1] >= self.facts.vocab:
            return logits
        return tensor_parallel.gather_from_tensor_model_parallel_region(logits)

    def _config(self) -> Any:
        return next(iter(self.layers.values())).config


def _gpt_forward(model: nn.Module) -> Any:
    # Multi-token prediction wants labels, and looks ahead by design: it is left out of the pass.
    ahead = [part for part in model.modules() if getattr(part, "mtp_process", False)]

    def forward(tokens: Tensor) -> Any:
        positions = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
        with contextlib.ExitStack() as stack:
            for part in ahead:
                stack.enter_context(replaced(part, mtp_process=False))
                stack.enter_context(replaced(part.config, mtp_num_layers=None))
            return model(tokens, positions, None)

    return forward
