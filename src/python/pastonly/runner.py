"""One run of a model: tokens in, the tensors of a trace out."""
from __future__ import annotations

import inspect
from typing import Dict, Optional

import numpy as np

from .facts import Facts
from .seeding import reseed
from .trace import ModelError, trace_of


class Runner:
    """Calls `model` as its signature allows: f(tokens), f(tokens, valid) or f(tokens, valid, seed).

    A model that takes `successors` too, (B) token ids, may return `successor_logprobs`, (B): ln p of the token that
    follows each row. It is asked for in streams alone.
    """

    def __init__(self, model, facts: Facts) -> None:
        self.model, self.facts = model, facts
        self._takes = _arguments(model)

    def run(self, tokens: np.ndarray, valid: Optional[np.ndarray] = None, seed: int = 0) -> Dict[str, np.ndarray]:
        """`tokens` (B, S) of any integers, `valid` (B, S) or None = all real. Raises ModelError, or what the model raises."""
        tokens = np.ascontiguousarray(tokens, np.int64)
        self._check_tokens(tokens, valid)
        returned = self._call(tokens, valid, seed)
        return trace_of(_without_successors(returned), tokens, valid, self.facts)

    def stream(self, tokens: np.ndarray, rows, every: int, seed: int = 0) -> Dict[str, np.ndarray]:
        """Positions every - 1, 2 * every - 1, ... of these rows, each run alone, with only the tokens up to it."""
        out = self.run(tokens, None, seed)  # for its names and shapes; every kept token is replaced
        out["valid"] = np.zeros(tokens.shape, np.uint8)
        if "logprobs" in out:
            out["logprobs"] = np.full(tokens.shape, np.nan, out["logprobs"].dtype)
        for row in rows:
            for position in range(every - 1, tokens.shape[1], every):
                self._stream_token(tokens, row, position, seed, out)
        if "logprobs" in out and np.isnan(out["logprobs"]).all():
            del out["logprobs"]  # the model tells no successor
        return out

    def _stream_token(self, tokens, row: int, position: int, seed: int, out: Dict[str, np.ndarray]) -> None:
        past = np.ascontiguousarray(tokens[row:row + 1, :position + 1], np.int64)
        successor = tokens[row, position + 1:position + 2].astype(np.int64)
        returned = self._call(past, None, seed, successor if successor.size else None)
        if successor.size and isinstance(returned, dict) and "successor_logprobs" in returned and "logprobs" in out:
            out["logprobs"][row, position + 1] = float(returned["successor_logprobs"][0])
        for name, values in trace_of(_without_successors(returned), past, None, self.facts).items():
            if name == "predictions" or (name.startswith("layers.") and not name.endswith(".bias")):
                if name not in out or out[name].shape[2:] != values.shape[2:]:
                    raise ModelError(f"{name}: shape {values.shape} of {position + 1} tokens alone; expected what the whole row gives")
                out[name][row, position] = values[0, position]
        out["valid"][row, position] = 1

    def _call(self, tokens, valid, seed: int, successors=None):
        reseed(self.model, seed)
        given = {"valid": valid, "seed": seed, "successors": successors}
        if "valid" not in self._takes and valid is not None and not np.all(valid):
            raise ModelError("the run has padding, and the model takes no `valid`; expected model(tokens, valid, seed)")
        return self.model(tokens, **{name: value for name, value in given.items() if name in self._takes})

    def _check_tokens(self, tokens: np.ndarray, valid) -> None:
        if tokens.ndim != 2 or not tokens.size:
            raise ModelError(f"tokens: shape {tokens.shape}; expected (rows, positions)")
        if valid is not None and np.shape(valid) != tokens.shape:
            raise ModelError(f"valid: shape {np.shape(valid)}; expected {tokens.shape}, as tokens")
        if tokens.min() < 0 or tokens.max() >= self.facts.vocab:
            raise ModelError(f"tokens: ids from {tokens.min()} to {tokens.max()}; expected 0 to {self.facts.vocab - 1}")


def _without_successors(returned):
    if isinstance(returned, dict) and "successor_logprobs" in returned:
        return {name: values for name, values in returned.items() if name != "successor_logprobs"}
    return returned


def _arguments(model) -> set:
    """Which of valid, seed and successors the model takes, by name. A plain f(tokens) takes none."""
    try:
        parameters = inspect.signature(model).parameters
    except (TypeError, ValueError):
        return set()
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return {"valid", "seed"} | ({"successors"} & set(parameters))
    return {"valid", "seed", "successors"} & set(parameters)


def is_out_of_memory(error: BaseException) -> bool:
    """torch.OutOfMemoryError, known by name since torch may be absent; allocators of processors speak in a message."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)
