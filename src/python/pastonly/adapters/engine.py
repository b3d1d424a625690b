"""What the adapters of training engines share: seeds, noise, log-probabilities, layer numbers, ranks.

An adapter finds the engine's own MoE modules inside any model and says, for one of them, what to watch while it runs.
Everything is put back after each run: the model can go on training.
"""

from __future__ import annotations

import contextlib
import inspect
import random
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import torch
from torch import Tensor, nn

from ..facts import Facts
from ..quiet import noise_of, quiet

Arrays = Dict[str, Tensor]


class Engine:
    """A model of a training engine as pastonly asks it: (tokens, valid, seed) -> arrays of a trace.

    model      holds the engine's MoE modules anywhere inside. Its mode, `model.train()` or `.eval()`, is the one audited.
    forward    tokens (B, S) -> logits (B, S, V), or None for none; `model` itself by default. A second parameter takes
               `valid` (B, S), a third one nothing.
    rows       process group whose ranks each run a share of the rows (data and expert parallel ranks); None = this
               process runs all of them. Rank 0 asks, the others `follow()`.
    """

    producer = "torch"
    layout = "batch-major"

    def __init__(self, model: nn.Module, *, vocab: int, forward: Optional[Callable[..., Any]] = None,
                 rows: Optional["torch.distributed.ProcessGroup"] = None, special: Sequence[int] = (),
                 max_positions: Optional[int] = None) -> None:
        self.model, self.forward, self.rows = model, forward or model, rows
        self.takes_valid = len(_parameters(self.forward)) > 1 if forward else False
        self.remarks: List[Tuple[str, str]] = []
        self.layers = self._numbered()
        if not self.layers:
            raise ValueError(f"no MoE layer of {self.producer} was found in {type(model).__name__}")
        first = next(iter(self.layers.values()))
        parameter = next(model.parameters())
        self.remarks += noise_of(model)
        self.facts = Facts(
            vocab=vocab, layers=sorted(self.layers), experts=self.experts(first), top_k=self.top_k(first),
            mode="train" if model.training else "eval", stage="dispatched",
            compute=str(parameter.dtype).replace("torch.", ""), layout=self.layout, rule=self._rule(),
            special=tuple(special), max_positions=max_positions, remarks=self.remarks, producer=self.producer)

    # What an adapter answers.

    def find(self) -> Iterator[Tuple[str, nn.Module]]:
        """The engine's MoE modules with their names, in the order of the model."""
        raise NotImplementedError

    def experts(self, layer: nn.Module) -> int:
        raise NotImplementedError

    def top_k(self, layer: nn.Module) -> int:
        raise NotImplementedError

    def rule(self, layer: nn.Module) -> Optional[str]:
        """The rule as `--rule` takes it, or None where it is not certain."""
        return None

    def watch(self, layer: nn.Module, seen: List[Arrays]) -> "contextlib.AbstractContextManager[None]":
        """While open, every run of the layer appends its arrays, (tokens, experts) each, in the router's order."""
        raise NotImplementedError

    def whole_logits(self, logits: Tensor) -> Tensor:
        """The logits of the whole vocabulary, where ranks hold parts of it."""
        return logits

    def whole_sequence(self, array: Tensor) -> Tensor:
        """The arrays of whole rows, where ranks hold parts of the positions."""
        return array

    # What pastonly calls.

    def __call__(self, tokens: np.ndarray, valid: Optional[np.ndarray] = None, seed: int = 0) -> Arrays:
        if self.rows is None:
            return self._run(tokens, valid, seed)
        import torch.distributed as dist
        self._said([(tokens, valid, seed)])
        ranks, rank = dist.get_world_size(self.rows), dist.get_rank(self.rows)
        return self._joined(self._share(tokens, valid, seed, rank, ranks))

    def follow(self) -> None:
        """On the ranks that do not ask: answers until rank 0 closes."""
        import torch.distributed as dist
        ranks, rank = dist.get_world_size(self.rows), dist.get_rank(self.rows)
        while (asked := self._said([None])) is not None:
            self._joined(self._share(*asked, rank, ranks))

    def close(self) -> None:
        """Lets the other ranks go."""
        if self.rows is not None:
            self._said([None])

    # How.

    def _said(self, box: List[Any]) -> Any:
        import torch.distributed as dist
        dist.broadcast_object_list(box, src=dist.get_global_rank(self.rows, 0), group=self.rows)
        return box[0]

    def _share(self, tokens: np.ndarray, valid: Optional[np.ndarray], seed: int, rank: int, ranks: int) -> Arrays:
        if len(tokens) % ranks:
            raise ValueError(f"{len(tokens)} rows cannot be divided over {ranks} ranks")
        mine = slice(rank * len(tokens) // ranks, (rank + 1) * len(tokens) // ranks)
        return self._run(tokens[mine], None if valid is None else valid[mine], seed * ranks + rank)

    def _joined(self, arrays: Arrays) -> Arrays:
        import torch.distributed as dist
        parts: List[Any] = [None] * dist.get_world_size(self.rows)
        dist.all_gather_object(parts, arrays, group=self.rows)
        # A bias has no rows: every rank holds the same.
        return {name: part if name.endswith(".bias") else torch.cat([p[name] for p in parts])
                for name, part in parts[0].items()}

    def _run(self, tokens: np.ndarray, valid: Optional[np.ndarray], seed: int) -> Arrays:
        device = next(self.model.parameters()).device
        batch = torch.as_tensor(np.asarray(tokens, dtype=np.int64), device=device)
        if valid is not None and not np.all(valid) and not self.takes_valid:
            raise ValueError("the batch has padding and `forward` takes no second parameter, valid")
        inputs = (batch,) if not self.takes_valid else (
            batch, None if valid is None else torch.as_tensor(np.asarray(valid, dtype=np.uint8), device=device))
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
        seen: Dict[int, List[Arrays]] = {number: [] for number in self.layers}
        with contextlib.ExitStack() as stack:
            stack.enter_context(torch.no_grad())
            stack.enter_context(quiet(self.model))
            for number, layer in self.layers.items():
                stack.enter_context(self.watch(layer, seen[number]))
            logits = self.forward(*inputs)
        out: Arrays = {}
        for number, calls in seen.items():
            for name in calls[0] if calls else ():
                out[f"layers.{number}.{name}"] = self._shaped(name, [call[name] for call in calls], batch)
        logits = getattr(logits, "logits", logits[0] if isinstance(logits, tuple) else logits)
        if logits is not None:
            out["logprobs"] = log_probabilities(self.whole_logits(logits), batch)
        return {name: array.detach().to("cpu") for name, array in out.items()}

    def _shaped(self, name: str, calls: List[Tensor], batch: Tensor) -> Tensor:
        """(B, S, experts), whatever order the router saw the tokens in."""
        if name == "bias":
            return calls[-1]
        flat = torch.cat([self.whole_sequence(call.reshape(-1, call.shape[-1])) for call in calls])
        rows, positions = batch.shape
        if len(flat) != rows * positions:
            raise ValueError(f"a router saw {len(flat)} tokens of {rows} x {positions}; packed, padded or "
                             "context-parallel batches have to be unpacked by `forward`")
        if self.layout == "sequence-major":
            return flat.view(positions, rows, -1).transpose(0, 1).contiguous()
        return flat.view(rows, positions, -1)

    def _numbered(self) -> Dict[int, nn.Module]:
        """Layers by the last number in their names, or counted where those are missing or meet twice."""
        found = []
        for name, layer in self.find():
            if "mtp" in name.split("."):
                self.remarks.append(("layer-skipped", f"{name} predicts tokens further ahead and is not recorded"))
            else:
                found.append((name, layer))
        numbers = [[int(part) for part in name.split(".") if part.isdigit()] for name, _ in found]
        named = [number[-1] for number in numbers if number]
        if len(named) == len(found) == len(set(named)):
            return {number: layer for number, (_, layer) in zip(named, found)}
        return {number: layer for number, (_, layer) in enumerate(found)}

    def _rule(self) -> Optional[str]:
        rules = {self.rule(layer) for layer in self.layers.values()}
        return rules.pop() if len(rules) == 1 else None


def log_probabilities(logits: Tensor, tokens: Tensor) -> Tensor:
    """ln p(token t given those before), (B, S), the first column NaN; logits (B, S, V), in float32."""
    told = torch.log_softmax(logits[:, :-1].float(), dim=-1).gather(-1, tokens[:, 1:, None])[..., 0]
    return torch.cat([torch.full_like(told[:, :1], float("nan")), told], dim=1)


def spread(chosen: Tensor, values: Tensor, experts: int) -> Tensor:
    """(tokens, experts) from expert ids (tokens, K), negative = none, and values of the same shape."""
    out = torch.zeros(len(chosen), experts + 1, dtype=values.dtype, device=values.device)
    out.scatter_(1, torch.where(chosen < 0, experts, chosen).long(), values)
    return out[:, :experts]


@contextlib.contextmanager
def replaced(owner: Any, **functions: Callable[..., Any]) -> Iterator[None]:
    """Attributes of an object or a module stand for others for a while."""
    missing = object()
    before = {name: vars(owner).get(name, missing) for name in functions}
    for name, function in functions.items():
        setattr(owner, name, function)
    try:
        yield
    finally:
        for name, function in before.items():
            if function is missing:
                delattr(owner, name)
            else:
                setattr(owner, name, function)


def _parameters(function: Callable[..., Any]) -> Sequence[str]:
    return list(inspect.signature(function).parameters)
