"""The experts that a server says it used: decoded, checked, and made into the masks of a trace."""
from __future__ import annotations

import base64
import binascii
import io
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from ..trace import ModelError


def npy(told: Any) -> Optional[np.ndarray]:
    """vLLM: base64 of a .npy file, (tokens - 1, layers, k) of 8 to 32 bits."""
    if told is None:
        return None
    try:
        found = np.load(io.BytesIO(_bytes(told)), allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ModelError(f"routed_experts: no .npy file in base64: {error}") from None
    if not isinstance(found, np.ndarray) or found.ndim != 3 or found.dtype.kind not in "iu":
        raise ModelError("routed_experts: expected whole numbers (tokens, layers, k)")
    return found.astype(np.int64)


def int32(told: Any, tokens: int) -> Optional[np.ndarray]:
    """SGLang: base64 of int32 without a shape; (tokens - 1, layers * k), as nothing tells layers from choices here."""
    if told is None:
        return None
    data = _bytes(told)
    if len(data) % 4 or not data or len(data) // 4 % (tokens - 1):
        raise ModelError(f"routed_experts: {len(data)} bytes are no int32 for {tokens - 1} tokens")
    return np.frombuffer(data, "<i4").reshape(tokens - 1, -1).astype(np.int64)


def of_prompt(routed: np.ndarray, tokens: int) -> np.ndarray:
    """Those of the prompt, of rows for it and for what was generated."""
    if len(routed) not in (tokens, tokens + 1):
        raise ModelError(f"routed_experts: {len(routed)} rows for a prompt of {tokens} tokens and one more; expected {tokens}")
    return routed[:tokens]


def _bytes(told: Any) -> bytes:
    try:
        return base64.b64decode(told, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise ModelError(f"routed_experts: expected base64, got {str(told)[:40]!r}") from None


@dataclass(frozen=True)
class Routing:
    """What routes mean: which of the layers that are told have experts, how many, and how many of them a token takes."""

    told: int             # layers in every answer
    layers: Tuple[int, ...]
    experts: int
    top_k: int
    remarks: List[Tuple[str, str]]

    def masks(self, rows: Sequence[np.ndarray], positions: int) -> Dict[str, np.ndarray]:
        """layers.<l>.mask (B, positions, experts) of the routes of every prompt. Behind a shorter one stands nothing."""
        out = {layer: np.zeros((len(rows), positions, self.experts), np.uint8) for layer in self.layers}
        for at, row in enumerate(rows):
            ids = self.shaped(row)
            if ids[:, [layer for layer in range(self.told) if layer not in out]].any():
                raise ModelError(f"routed_experts: a layer other than {list(self.layers)} names experts, and named none before")
            for layer, mask in out.items():
                self._check(ids[:, layer], at, layer)
                np.put_along_axis(mask[at, :len(ids)], ids[:, layer], 1, -1)
        return {f"layers.{layer}.mask": mask for layer, mask in out.items()}

    def shaped(self, row: np.ndarray) -> np.ndarray:
        """(tokens, layers, k)"""
        if row.size != len(row) * self.told * self.top_k:
            raise ModelError(f"routed_experts: {row.size // len(row)} ids a token; expected {self.told} layers of {self.top_k}")
        return row.reshape(len(row), self.told, self.top_k)

    def _check(self, ids: np.ndarray, row: int, layer: int) -> None:
        if ids.size and not 0 <= ids.min() <= ids.max() < self.experts:
            raise ModelError(f"routed_experts: layer {layer} names expert {ids.max() if ids.min() >= 0 else ids.min()}; "
                             f"expected ids from 0 to {self.experts - 1} (--experts)")
        twice = (np.diff(np.sort(ids, -1), axis=-1) == 0).any(-1)
        if twice.any():
            raise ModelError(f"routed_experts: layer {layer} names an expert twice for token {int(twice.argmax())} of row {row}, "
                             "as engines do for tokens that were not run")


def routing_of(row: np.ndarray, experts: int, top_k: Optional[int]) -> Routing:
    """From a first answer. A layer of nothing but zeros is one without experts, where a token takes several: engines leave its
    place empty."""
    if row.ndim == 3:
        told, found = row.shape[1:]
        if top_k not in (None, found):
            raise ModelError(f"routed_experts: {found} experts a token; expected {top_k} (--top-k)")
    elif top_k is None or row.shape[1] % top_k:
        raise ModelError(f"routed_experts: {row.shape[1]} ids a token, layers and choices alike; say how many experts a token "
                         "takes (--top-k)")
    else:
        told, found = row.shape[1] // top_k, top_k
    ids = row.reshape(len(row), told, found)
    silent = [layer for layer in range(told) if not ids[:, layer].any()]
    remarks = []
    if silent and found > 1:
        remarks.append(("layer-skipped", f"layers {', '.join(map(str, silent))} name no experts, as layers without any"))
    elif silent:
        remarks.append(("layer-silent", f"layers {', '.join(map(str, silent))} named expert 0 alone, as layers without do"))
    layers = tuple(layer for layer in range(told) if found == 1 or layer not in silent)
    if not layers:
        raise ModelError("routed_experts: no layer names experts")
    return Routing(told, layers, experts, found, remarks)
