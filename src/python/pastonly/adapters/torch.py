"""Any torch module: you name the modules, or functions, that route, and say how their outputs are read.

    Torch(model, vocab=50304, routers={"layers.0.moe.router": ("logits", "gates", "experts")})
"""
from __future__ import annotations

import importlib
from contextlib import ExitStack, contextmanager
from typing import Callable, Dict, Mapping, Optional, Sequence, Union

import torch

from ..facts import Facts
from .torch_module import (compute_type, device_of, draws_of, log_probabilities, noise_remarks, passing, predictions,
                           successor_log_probabilities)

# Names for the outputs in their order, None for those that are not read; or a function of (module, inputs, output) that
# returns {"scores": tensor, ...} with the names of a trace: logits, scores, mask, experts, gates, bias.
Reader = Union[Sequence[Optional[str]], Callable[..., Mapping[str, "torch.Tensor"]]]


PROBED = 8  # rows and tokens of the passes that show whether a model draws


class Torch:
    """A torch module as a model that answers.

    routers   name of a module, or "package.module:function", -> Reader. Layers are numbered by the first number in the name of
              a module, else in the order given. A function is a layer anew at each of its calls in a pass.
    logits    what of the output are logits (B, S, V): a function, or None if the output is it, or has it as `.logits`
              or at [0]. False: log-probabilities are not recorded.
    call      how to run it: call(model, tokens, valid), tensors (B, S); valid is None or 1 for real tokens. By default
              model(tokens), which takes no padding. In a packed row (pastonly.packed) it is the number of a token's document.
    mode      train or eval: the routing that is in force
    facts     anything else that is known, as keywords of Facts
    """

    def __init__(self, model: "torch.nn.Module", vocab: int, routers: Optional[Mapping[str, Reader]] = None, logits=None, call=None,
                 mode: str = "eval", **facts) -> None:
        self.model, self._routers, self._logits, self._call = model, dict(routers or {}), logits, call
        layers = {} if any(":" in name for name in self._routers) else {"layers": sorted(self._numbers().values())}
        self.facts = Facts(vocab=vocab, mode=mode, **{"compute": compute_type(model), "name": type(model).__name__,
                                                      "producer": f"torch {torch.__version__} {type(model).__name__}",
                                                      "remarks": noise_remarks(model, mode), **layers, **facts})
        if "noisy" not in facts:
            self._say_draws()

    def _say_draws(self) -> None:
        """Whether something draws that is not switched off; the model may take no such batch, and then that is said."""
        try:
            tokens = torch.arange(PROBED * PROBED).remainder(self.facts.vocab).view(PROBED, PROBED).numpy()
            self.facts.noisy, drawn = draws_of(self, tokens[:, :self.facts.max_positions])
        except Exception as error:
            drawn = [("draws-untested", f"whether the model draws at random is not known: {PROBED} rows of {PROBED} tokens gave "
                                        f"{type(error).__name__}: {str(error)[:200]}")]
        self.facts.remarks = [*self.facts.remarks, *drawn]

    def __call__(self, tokens, valid=None, seed=0, successors=None, segments=None) -> Dict[str, "torch.Tensor"]:
        device = device_of(self.model)
        ids = torch.tensor(tokens, device=device)
        real = None if valid is None or valid.all() else torch.as_tensor(valid, device=device)
        if segments is not None:
            real = torch.as_tensor(segments, device=device)
        found: Dict[str, torch.Tensor] = {}
        with passing(self.model, self.facts.mode), ExitStack() as stack:
            for name, reader in self._routers.items():
                watch = self._watch_function if ":" in name else self._watch_module
                stack.enter_context(watch(name, reader, found))
            output = self._run(ids, real)
        if self._logits is not False:
            logits = self._logits_of(output)
            found["logprobs"] = log_probabilities(logits, ids)
            found["predictions"] = predictions(logits)
            if successors is not None:
                found["successor_logprobs"] = successor_log_probabilities(logits, successors)
        return found

    def packed_row(self, tokens, segments) -> Dict[str, "torch.Tensor"]:
        """Of several documents in one row (pastonly.packed)."""
        if self._call is None:
            raise ValueError("a packed row needs Torch(..., call=lambda model, tokens, documents: ...), documents counted from 1")
        return self(tokens, segments=segments)

    def _run(self, ids, real):
        if self._call is not None:
            return self._call(self.model, ids, real)
        if real is not None:
            raise ValueError("the run has padding; expected Torch(..., call=lambda model, tokens, valid: ...)")
        return self.model(ids)

    def _logits_of(self, output):
        found = self._logits(output) if callable(self._logits) else getattr(output, "logits", output)
        found = found[0] if isinstance(found, (tuple, list)) else found
        if not hasattr(found, "dim") or found.dim() != 3:
            raise ValueError("logits: expected a tensor (rows, positions, vocab); say where it is, Torch(..., logits=lambda output: ...)")
        return found

    def _numbers(self) -> Dict[str, int]:
        """Name of a module -> layer. Order, where names have no number or two have the same."""
        names = [name for name in self._routers if ":" not in name]
        for name in names:
            self.model.get_submodule(name)  # AttributeError names what is missing
        found = [next((int(part) for part in name.split(".") if part.isdigit()), None) for name in names]
        numbers = [number for number in found if number is not None]
        return dict(zip(names, numbers if len(set(numbers)) == len(names) else range(len(names))))

    @contextmanager
    def _watch_module(self, name, reader, found):
        layer = self._numbers()[name]

        def keep(module, inputs, output):
            _keep(found, layer, name, reader, (module, inputs, output))
        handle = self.model.get_submodule(name).register_forward_hook(keep)
        try:
            yield
        finally:
            handle.remove()

    @contextmanager
    def _watch_function(self, name, reader, found):
        module_name, function_name = name.split(":")
        module = importlib.import_module(module_name)
        original, calls = getattr(module, function_name), []

        def watched(*inputs, **named):
            output = original(*inputs, **named)
            _keep(found, len(calls), name, reader, (original, inputs, output))
            calls.append(None)
            return output
        setattr(module, function_name, watched)
        try:
            yield
        finally:
            setattr(module, function_name, original)


def _keep(found, layer: int, name: str, reader: Reader, seen) -> None:
    if callable(reader):
        read = reader(*seen)
    else:
        output = seen[2] if isinstance(seen[2], (tuple, list)) else (seen[2],)
        if len(output) != len(reader):
            raise ValueError(f"{name} returned {len(output)} values; expected {len(reader)}: {', '.join(map(str, reader))}")
        read = {kind: values for kind, values in zip(reader, output) if kind is not None}
    if any(key.startswith(f"layers.{layer}.") for key in found):
        raise ValueError(f"{name} ran twice in one pass, and what it chose first would be lost; expected one call, or a function "
                         f"(\"package.module:function\"), whose calls are a layer each")
    for kind, values in read.items():
        found[f"layers.{layer}.{kind}"] = values.detach().clone()
