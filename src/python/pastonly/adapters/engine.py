"""What the adapters of training engines share: layer numbers, token order, ranks.

An adapter finds the engine's own MoE modules inside any model and says, for one of them, what to watch while it runs.
Everything is put back after each run: the model can go on training.
"""

from __future__ import annotations

import contextlib
import inspect
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import numpy as np
import torch
from torch import Tensor, nn

from ..facts import Facts
from ..seeding import reseed
from .torch_module import (compute_type, device_of, log_probabilities, noise_remarks, passing, predictions,
                           successor_log_probabilities)

Arrays = Dict[str, Tensor]


class Engine:
    """A model of a training engine as pastonly asks it: (tokens, valid, seed) -> arrays of a trace.

    model      holds the engine's MoE modules anywhere inside
    forward    tokens (B, S) -> logits (B, S, V), alone or first of a tuple, or None for none; by default `model` itself. A
               second parameter takes `valid` (B, S), or None where all tokens are real
    mode       train or eval: the routing that is in force; by default the mode that the model is in
    rows       process group whose ranks each run a share of the rows (data and expert parallel ranks); None = every
               rank runs all of them
    ranks      process group of all ranks that run the model together, by default `rows`. Its rank 0 asks, the others
               `follow()`. None = this process alone
    facts      anything else that is known, as keywords of Facts
    """

    producer = "torch"
    layout = "batch-major"

    def __init__(self, model: nn.Module, *, vocab: int, forward: Optional[Callable[..., Any]] = None,
                 mode: Optional[str] = None, rows: Optional["torch.distributed.ProcessGroup"] = None,
                 ranks: Optional["torch.distributed.ProcessGroup"] = None, **facts: Any) -> None:
        self.model, self._forward, self.rows, self.ranks = model, forward or model, rows, ranks or rows
        self._takes_valid = forward is not None and len(inspect.signature(forward).parameters) > 1
        self.remarks: List[Tuple[str, str]] = []
        self.layers = self._numbered()
        if not self.layers:
            raise ValueError(f"no MoE layer of {self.producer} was found in {type(model).__name__}")
        if self.rows is not None:
            ranks = torch.distributed.get_world_size(self.rows)
            self.remarks.append(("rows-shared", f"{ranks} ranks route a share of the rows each: what tokens compete for is a rank's"))
        first, mode = next(iter(self.layers.values())), mode or ("train" if model.training else "eval")
        with passing(model, mode):
            rule = self._rule()
        self.facts = Facts(vocab=vocab, **{
            "layers": sorted(self.layers), "experts": self.experts(first), "top_k": self.top_k(first), "mode": mode,
            "compute": compute_type(model), "layout": self.layout, "rule": rule, "producer": self.producer,
            "streams": self.ranks is None,  # ranks share rows or positions, of which there must be enough
            "remarks": self.remarks + noise_remarks(model, mode), "name": type(model).__name__, **facts})

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

    def __call__(self, tokens: np.ndarray, valid: Optional[np.ndarray] = None, seed: int = 0,
                 successors: Optional[np.ndarray] = None) -> Arrays:
        if self.ranks is not None:
            self._said([(tokens, valid, seed, successors)])
        return self._shared(tokens, valid, seed, successors)

    def follow(self) -> None:
        """On the ranks that do not ask: answers until rank 0 closes."""
        while True:
            asked = self._said([None])
            if asked is None:
                return
            self._shared(*asked)

    def close(self) -> None:
        """Lets the other ranks go."""
        if self.ranks is not None:
            self._said([None])

    # How.

    def _said(self, box: List[Any]) -> Any:
        import torch.distributed as dist
        dist.broadcast_object_list(box, src=dist.get_global_rank(self.ranks, 0), group=self.ranks)
        return box[0]

    def _shared(self, tokens: np.ndarray, valid: Optional[np.ndarray], seed: int, successors: Optional[np.ndarray]) -> Arrays:
        """Of all rows, though this rank may run a share of them."""
        if self.rows is None:
            return self._run(tokens, valid, seed, successors)
        import torch.distributed as dist
        ranks, rank = dist.get_world_size(self.rows), dist.get_rank(self.rows)
        if len(tokens) % ranks:
            raise ValueError(f"{len(tokens)} rows cannot be divided over {ranks} ranks")
        mine = slice(rank * len(tokens) // ranks, (rank + 1) * len(tokens) // ranks)
        return self._joined(self._run(tokens[mine], None if valid is None else valid[mine], seed * ranks + rank,
                                      None if successors is None else successors[mine]))

    def _joined(self, arrays: Arrays) -> Arrays:
        import torch.distributed as dist
        parts: List[Any] = [None] * dist.get_world_size(self.rows)
        dist.all_gather_object(parts, arrays, group=self.rows)
        # A bias has no rows: every rank holds the same.
        return {name: part if name.endswith(".bias") else torch.cat([p[name] for p in parts])
                for name, part in parts[0].items()}

    def _run(self, tokens: np.ndarray, valid: Optional[np.ndarray], seed: int, successors: Optional[np.ndarray]) -> Arrays:
        device = device_of(self.model)
        batch = torch.tensor(tokens, dtype=torch.int64, device=device)
        real = None if valid is None or valid.all() else torch.as_tensor(valid, device=device)
        if real is not None and not self._takes_valid:
            raise ValueError("the run has padding; expected forward(tokens, valid)")
        reseed(None, seed)
        seen: Dict[int, List[Arrays]] = {number: [] for number in self.layers}
        with contextlib.ExitStack() as stack:
            stack.enter_context(passing(self.model, self.facts.mode))
            for number, layer in self.layers.items():
                stack.enter_context(self.watch(layer, seen[number]))
            output = self._forward(batch, real) if self._takes_valid else self._forward(batch)
        out: Arrays = {}
        for number, calls in seen.items():
            for name in calls[0] if calls else ():
                out[f"layers.{number}.{name}"] = self._shaped(name, [call[name] for call in calls], batch)
        logits = getattr(output, "logits", output[0] if isinstance(output, (tuple, list)) else output)
        if logits is not None:
            logits = self.whole_logits(logits)
            out["logprobs"] = log_probabilities(logits, batch)
            out["predictions"] = predictions(logits)
            if successors is not None:
                out["successor_logprobs"] = successor_log_probabilities(logits, successors)
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
        rule = rules.pop() if len(rules) == 1 else None
        # No rule's text says that ranks compete among themselves: only those of a token's own scores hold then.
        own = rule is not None and rule.startswith(("top-k,", "biased-top-k,", "group-limited-top-k,"))
        return rule if own or self.ranks is None else None


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
