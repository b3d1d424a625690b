"""Documents that share a row: packed, as models are trained, and audited as if each were a row of its own."""
from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any, Dict, Optional

import numpy as np

from .adapters import adapted
from .facts import Facts, facts_of
from .trace import LAYER, ModelError, array_of

GIVEN = ("segments", "positions", "cu_seqlens", "seed")


class Packed:
    """(tokens, valid, seed) -> what a model says of these rows as documents of packed rows.

    model       of transformers, or adapted, or a function that takes `tokens` (1, T) and, by these names, what it needs of:
                segments (1, T)     the document of every token, numbered from 1
                positions (1, T)    of every token in its document, from 0
                cu_seqlens (D + 1)  where documents begin, and T; int32
                seed
                and returns what a trace holds, of one row of T tokens
    documents   of a packed row; None: all rows of a run go into one

    Rows of a run are then documents: batch-isolation is between documents of a row. Padding is left out of the packed row, so
    documents may differ in length. ln p of a document's first token is nobody's, and is left out.
    """

    def __init__(self, model, documents: Optional[int] = None, facts: Optional[Facts] = None,
                 vocab: Optional[int] = None) -> None:
        model = adapted(model)
        if documents is not None and documents < 2:
            raise ValueError(f"documents: {documents} in a row are not packed; expected 2 or more, or None for all rows of a run")
        self._row, self._documents = getattr(model, "packed_row", model), documents
        parameters = inspect.signature(self._row).parameters.values()
        self._takes = [name for name in GIVEN if any(p.name == name or p.kind is p.VAR_KEYWORD for p in parameters)]
        if not {"segments", "positions", "cu_seqlens"} & set(self._takes):
            name = getattr(model, "__name__", type(model).__name__)
            raise ValueError(f"{name} takes neither segments nor positions nor cu_seqlens: it could not tell its documents apart")
        if hasattr(model, "reseed"):
            self.reseed = model.reseed
        known = facts_of(model, facts, vocab)
        share = "all rows of a run" if documents is None else f"{documents} rows at a time"
        said = ("packed", f"rows are documents of packed rows, {share}: what isolates sequences is held to isolate documents")
        self.facts = replace(known, layout="batch-major", remarks=[*known.remarks, said])

    def __call__(self, tokens: np.ndarray, valid: Optional[np.ndarray] = None, seed: int = 0) -> Dict[str, np.ndarray]:
        real = np.ones(tokens.shape, bool) if valid is None else np.asarray(valid, bool)
        count = self._documents or len(tokens)
        parts = [self._run(tokens[at:at + count], real[at:at + count], seed) for at in range(0, len(tokens), count)]
        return {name: values if name.endswith(".bias") else np.concatenate([part[name] for part in parts])
                for name, values in parts[0].items()}

    def _run(self, tokens: np.ndarray, real: np.ndarray, seed: int) -> Dict[str, np.ndarray]:
        lengths = real.sum(1)
        ends = np.cumsum(lengths)
        positions = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
        segments = np.repeat(np.arange(1, len(tokens) + 1), lengths)
        given: Dict[str, Any] = {"segments": segments[None], "positions": positions[None],
                                 "cu_seqlens": np.concatenate([[0], ends]).astype(np.int32), "seed": seed}
        returned = self._row(tokens[real][None], **{name: given[name] for name in self._takes})
        if not hasattr(returned, "items"):
            raise ModelError(f"the model returned {type(returned).__name__}; expected a dict of arrays named as in a trace")
        return {name: array_of(values) if name.endswith(".bias") else _unpacked(name, array_of(values), real, positions)
                for name, values in returned.items() if name != "successor_logprobs"}


def _unpacked(name: str, values: np.ndarray, real: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """(B, S, ...) of (1, T, ...), or of (T, N) as routers see it. Nothing stands at padding."""
    count = len(positions)
    if values.shape[:2] == (1, count):
        values = values[0]
    elif not (LAYER.fullmatch(name) and values.ndim == 2 and len(values) == count):
        raise ModelError(f"{name}: shape {values.shape}; expected (1, {count}, ...), a packed row of {count} tokens")
    if name == "logprobs":
        values = np.where(positions == 0, np.nan, values).astype(values.dtype)
    empty = np.nan if name == "logprobs" else -1 if name.endswith(".experts") else 0
    out = np.full((*real.shape, *values.shape[1:]), empty, values.dtype)
    out[real] = values
    return out


def packed(model, documents: Optional[int] = None, facts: Optional[Facts] = None, vocab: Optional[int] = None) -> Packed:
    """`model`, which runs packed rows, as one whose rows are documents of them. See Packed."""
    return Packed(model, documents, facts, vocab)
