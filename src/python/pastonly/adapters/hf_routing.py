"""Finds the routers of a transformers model and sees what they decide, without knowing their classes.

A routing block is the parent of experts. While a block runs, calls of softmax, sigmoid, topk and the like are seen
(torch.overrides), so scores are those that the code computed; the experts' own inputs say which were used, with which gates.
"""
from __future__ import annotations

import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

import torch
from torch.overrides import TorchFunctionMode

EXPERTS = re.compile(r"Experts$|NaiveMoe$")
SHARED = re.compile(r"shared")  # experts of every token are not routed to
BLOCK = re.compile(r"(MoE|Moe|MoeBlock|MoEBlock|MoELayer|SparseMLP)$")
ROUTER = re.compile(r"(Router|Gate|Gating)$")
BIAS = re.compile(r"correction_bias|expert_bias|balancing_bias|routing_bias")
SCORES = ("softmax", "sigmoid", "softplus", "sqrt")  # score functions; sqrt of softplus is one


class Call(NamedTuple):
    """A call of a torch function that was seen in a block."""

    name: str
    input: "torch.Tensor"
    output: "torch.Tensor"  # of topk, the ids
    values: Optional["torch.Tensor"] = None  # of topk


class _Seen(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: List[Call] = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        output = function(*args, **(kwargs or {}))
        name = getattr(function, "__name__", "").rstrip("_")
        if name in SCORES and isinstance(output, torch.Tensor):
            self.calls.append(Call(name, args[0] if args else kwargs["input"], output))
        elif name == "topk":
            self.calls.append(Call(name, args[0] if args else kwargs["input"], output[1], output[0]))
        elif name == "embedding":
            weight = args[1] if len(args) > 1 else kwargs["weight"]
            self.calls.append(Call(name, args[0] if args else kwargs["input"], weight))
        return output


@dataclass
class Block:
    """A module that routes, the experts and the router in it where they are modules of their own, its layer's number."""

    name: str
    module: "torch.nn.Module"
    experts: Optional["torch.nn.Module"]
    router: Optional["torch.nn.Module"]
    layer: int = 0


def find_blocks(model) -> List[Block]:
    """All that look like routing blocks."""
    modules = dict(model.named_modules())
    parents: Dict[str, Optional[torch.nn.Module]] = {}
    for name, module in modules.items():
        is_list = isinstance(module, torch.nn.ModuleList) and name.endswith("experts")
        kind = type(module).__name__
        if (is_list or EXPERTS.search(kind)) and not SHARED.search(name.rsplit(".", 1)[-1]):
            parents.setdefault(name.rpartition(".")[0], module)
    for name, module in modules.items():
        holds_one = any(parent == name or parent.startswith(name + ".") for parent in parents)
        if BLOCK.search(type(module).__name__) and hasattr(module, "num_experts") and not holds_one:
            parents[name] = None
    blocks = [Block(name, modules[name], experts, _router_of(modules[name])) for name, experts in parents.items()]
    number(blocks)
    return blocks


def _router_of(block):
    found = [part for part in block.modules() if part is not block and ROUTER.search(type(part).__name__)]
    return found[0] if found else None


def number(blocks: List[Block]) -> List[Tuple[str, str]]:
    """Gives every block its layer's number, or its place where two have the same. Returns remarks."""
    named = [re.search(r"(?:^|\.)(\d+)(?:\.|$)", block.name) for block in blocks]
    numbers = [int(found.group(1)) for found in named if found]
    if len(set(numbers)) == len(blocks):
        for block, layer in zip(blocks, numbers):
            block.layer = layer
        return []
    for place, block in enumerate(blocks):
        block.layer = place
    return [("layer-numbers", "two routers of one layer, so they are counted: "
             + ", ".join(f"{block.layer} = {block.name}" for block in blocks))]


Seen = Tuple[Block, Dict[str, "torch.Tensor"]]  # one call of a block: what it decided, flattened, (tokens, N) or (tokens, K)


@contextmanager
def watching(blocks: List[Block], seen: List[Seen]):
    """Within, every call of a block that routes is appended to `seen`, in the order in which they end."""
    undo = []
    try:
        for block in blocks:
            undo.append(_watch(block, seen))
        yield
    finally:
        for restore in undo:
            restore()


def runs_again(seen: List[Seen]) -> bool:
    """Whether a block ran more than once in the pass, as in models of recurrent depth: each call is a decision of its own."""
    return len({id(block) for block, _ in seen}) < len(seen)


def as_trace(seen: List[Seen], counted: bool) -> Dict[str, "torch.Tensor"]:
    """layers.<l>.<kind>; `counted`: every call is a layer, numbered in their order, else a block is, by its number."""
    if not counted and runs_again(seen):
        calls = Counter(block.name for block, _ in seen)
        again = ", ".join(name for name, count in calls.items() if count > 1)
        raise ValueError(f"{again} ran more than once in one pass, and once in the pass that showed the layers: what it chose "
                         "first would be lost")
    return {f"layers.{place if counted else block.layer}.{kind}": values
            for place, (block, read_) in enumerate(seen) for kind, values in read_.items()}


def _watch(block: Block, seen: List[Seen]) -> Callable[[], object]:
    """The block is watched, and its router where that is called by itself (experts in attention)."""
    used: dict = {}
    open_calls: List[None] = []

    def watched(original):
        def forward(*args, **kwargs):
            if open_calls:  # the router within its block
                return original(*args, **kwargs)
            used.clear()
            open_calls.append(None)
            try:
                with _Seen() as watch:
                    output = original(*args, **kwargs)
            finally:
                open_calls.pop()
            decided = read(watch.calls, used, output, block)
            if decided:
                seen.append((block, {kind: values.detach().clone() for kind, values in decided.items()}))
            return output
        return forward

    def keep_inputs(module, args, kwargs):
        tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor)]
        ids = next((value for value in tensors if not value.is_floating_point() and value.dim() == 2), None)
        if ids is not None:
            used["experts"] = ids
            used["gates"] = next((value for value in tensors if value.is_floating_point() and value.shape == ids.shape), None)

    def keep_outputs(module, args, output):
        used["output"] = _tensors(output)

    undo = [_replace_forward(module, watched) for module in (block.module, block.router) if module is not None]
    if block.experts is not None:
        undo.append(block.experts.register_forward_pre_hook(keep_inputs, with_kwargs=True).remove)
    if block.router is not None:
        undo.append(block.router.register_forward_hook(keep_outputs).remove)
    return lambda: [restore() for restore in undo]


def _tensors(output) -> list:
    return [value for value in (output if isinstance(output, tuple) else (output,)) if isinstance(value, torch.Tensor)]


def _replace_forward(module, watched):
    original, own = module.forward, "forward" in vars(module)
    module.forward = watched(original)

    def restore():
        if own:
            module.forward = original
        else:
            del module.forward
    return restore


def read(calls: List[Call], used: dict, output, block: Block) -> Dict[str, "torch.Tensor"]:
    """kind -> values of one pass of a block, or of its router alone. Empty if it did not route."""
    used.setdefault("output", _tensors(output) if block.router is not None else [])
    experts, gates = _selection(calls, used, block)
    if experts is None:
        return {}
    out = {"experts": experts}
    choice = _choice(calls, experts)
    width = _width(calls, choice, used, block)
    if gates is None:
        gates = _gates_after(calls, choice, used, width)
    if gates is not None:
        out["gates"] = gates.reshape(-1, gates.shape[-1])
    logits, scores = _logits(calls, choice, used, width)
    if out.get("gates", experts).shape != experts.shape or (logits is None and width):
        # One gate for every expert has a mask beside it; and ids alone do not say how many experts there are.
        out["mask"] = experts.new_zeros(experts.shape[0], width, dtype=torch.uint8).scatter_(1, experts, 1)
        del out["experts"]
    if logits is not None:
        out["logits"] = logits
    if scores is not None:
        out["scores"] = scores
    bias = selection_bias(block.module, width)
    if bias is not None:
        out["bias"] = bias.float()
    return out


def _selection(calls, used, block):
    """(ids (T, K), gates or None): what the experts were given; else what the router chose; else rows of embeddings."""
    if used.get("experts") is not None:
        return used["experts"], used.get("gates")
    ids = next((value for value in used.get("output", ()) if not value.is_floating_point() and value.dim() == 2), None)
    if ids is not None:
        return ids, None
    count = getattr(block.module, "num_experts", None)
    for call in calls:
        if call.name == "embedding" and call.output.shape[0] == count and call.input.dim() == 2:
            return call.input, None
    chosen = [call for call in calls if call.name == "topk" and call.output.dim() == 2]
    return (chosen[-1].output, None) if chosen else (None, None)


def _choice(calls, experts) -> Optional[int]:
    """Index of the topk that made the selection: the last that gave these ids."""
    found = [i for i, call in enumerate(calls) if call.name == "topk" and call.output.numel() == experts.numel()
             and torch.equal(_rows(call.output), _rows(experts))]
    return found[-1] if found else None


def _rows(values):
    return values.reshape(-1, values.shape[-1])


def _width(calls, choice, used, block) -> Optional[int]:
    """N, the number that a router chooses from (experts that compute nothing count)."""
    if choice is not None and calls[choice].input.shape[-1] > calls[choice].output.shape[-1]:
        return calls[choice].input.shape[-1]
    for module in (block.router, block.module):
        count = getattr(module, "num_experts", None)
        if isinstance(count, int):
            return count
    return None


def _logits(calls, choice, used, width):
    """(logits, scores), (T, N) each or None. Scores are what a score function made of these logits, before the choice."""
    wide = [call for call in calls[:choice] if call.name in SCORES and call.input.shape[-1] >= (width or 1)
            and call.input.dim() in (2, 3)]
    made = [_rows(call.output) for call in wide]
    told = [_rows(value) for value in used.get("output", ()) if value.is_floating_point() and value.shape[-1] == width]
    logits = next((value for value in told if not any(_same(value, score) for score in made) and not (value == 0).any()), None)
    if logits is None:
        same_width = [call for call in wide if call.input.shape[-1] == width]
        logits = _rows(same_width[0].input) if same_width else None
    if logits is None and choice is not None and not wide:
        logits = _rows(calls[choice].input)
    if logits is None:
        return None, None
    return logits, _scores(wide, logits)


def _scores(wide, logits):
    """Follows the logits through score functions, one after another. A router that scores shared experts too is wider."""
    at, found = logits, None
    for call in wide:
        whole = _rows(call.input)
        if _same(whole[:, :at.shape[1]], at) and (whole.shape == at.shape or call.name == "sigmoid"):
            found = at = _rows(call.output)[:, :at.shape[1]]
    return found


def _same(one, other) -> bool:
    return one.shape == other.shape and torch.equal(one.float(), other.float())


def _gates_after(calls, choice, used, width):
    """Where experts are given no gates: those of all experts that the router returned, zeros for the others; else the
    softmax of the values that were chosen."""
    for value in used.get("output", ()):
        if value.is_floating_point() and value.shape[-1] == width and (value == 0).any() and (value >= 0).all():
            return value
    if choice is not None:
        for call in calls[choice:]:
            if call.name == "softmax" and _same(_rows(call.input), _rows(calls[choice].values)):
                return call.output
    return None


def selection_bias(block, width):
    """The bias that the selection sees and the gate does not, (N), or None."""
    named = [*block.named_buffers(), *block.named_parameters()]
    return next((value.reshape(-1) for name, value in named if BIAS.search(name) and value.numel() == width), None)
