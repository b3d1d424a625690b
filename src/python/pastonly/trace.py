"""What a model returned, checked and made into the tensors of a trace (docs/formats.md)."""
from __future__ import annotations

import json
import re
from typing import Dict, Mapping, Optional

import numpy as np

from .facts import Facts

KINDS = ("logits", "scores", "bias", "mask", "experts", "gates")  # what follows from others stands after them
LAYER = re.compile(rf"layers\.(\d+)\.({'|'.join(KINDS)})")


class ModelError(ValueError):
    """The model returned what no trace can hold. The message names the key and what was expected."""


def array_of(values) -> np.ndarray:
    """A NumPy array of what may be a tensor of torch. bfloat16, which NumPy lacks, becomes float32: the same numbers."""
    if hasattr(values, "detach"):
        values = values.detach().to("cpu")
        if str(values.dtype) == "torch.bfloat16":
            values = values.float()
        values = values.numpy()
    return np.asarray(values)


def metadata_of(facts: Facts) -> Dict[str, str]:
    said = {"schema": "pastonly.trace/1", "mode": facts.mode, "stage": facts.stage, "compute": facts.compute,
            "vocab": str(facts.vocab), "layout": facts.layout, "producer": facts.producer}
    if facts.rule is not None:
        said["rule"] = json.dumps(facts.rule)
    return said


def trace_of(returned: Mapping, tokens: np.ndarray, valid: Optional[np.ndarray], facts: Facts) -> Dict[str, np.ndarray]:
    """The tensors of a trace. `tokens` and `valid` are (B, S). Raises ModelError."""
    if not hasattr(returned, "items"):
        raise ModelError(f"the model returned {type(returned).__name__}; expected a dict of arrays named as in a trace")
    out: Dict[str, np.ndarray] = {"tokens": tokens.astype(np.int64)}
    if valid is not None:
        out["valid"] = valid.astype(np.uint8)
    real = np.ones(tokens.shape, bool) if valid is None else valid.astype(bool)
    for name, values in sorted(returned.items(), key=_order):
        if name == "logprobs":
            out[name] = _logprobs(array_of(values), real)
        elif name == "predictions":
            out[name] = _finite(name, _floats(name, _per_token(name, array_of(values), real.shape, facts.layout)), real)
        elif LAYER.fullmatch(str(name)):
            out[name] = _layer(name, array_of(values), real, facts)
        else:
            raise ModelError(f"{name}: unknown name; expected logprobs, predictions, or layers.<number>. and one of {', '.join(KINDS)}")
    _check_layers(out, facts)
    return out


def _order(item):
    """By layer, then by kind: an error names the first that is wrong, not what follows from it."""
    found = LAYER.fullmatch(str(item[0]))
    return (int(found.group(1)), KINDS.index(found.group(2))) if found else (1 << 30, 0)


def _check_layers(out: Mapping[str, np.ndarray], facts: Facts) -> None:
    layers = sorted({int(name.split(".")[1]) for name in out if name.startswith("layers.")})
    if not layers and "logprobs" not in out:
        raise ModelError("the model returned nothing to judge; expected routing (layers.<number>.mask or experts) or logprobs")
    if facts.layers and layers != sorted(facts.layers):
        raise ModelError(f"layers {layers} were returned; expected {sorted(facts.layers)}, as the facts say")
    for layer in layers:
        kinds = {kind: out[f"layers.{layer}.{kind}"] for kind in KINDS if f"layers.{layer}.{kind}" in out}
        if "mask" not in kinds and "experts" not in kinds:
            raise ModelError(f"layers.{layer}: expected mask or experts beside {', '.join(kinds)}")
        _check_widths(layer, kinds, facts)


def _check_widths(layer: int, kinds: Mapping[str, np.ndarray], facts: Facts) -> None:
    """All that is per expert has as many; ids lie among them; gates have the shape of mask or of experts."""
    widths = {kind: kinds[kind].shape[-1] for kind in ("scores", "logits", "mask", "bias") if kind in kinds}
    if facts.experts is not None:
        widths["facts.experts"] = facts.experts
    if len(set(widths.values())) > 1:
        said = ", ".join(f"{kind}: {width}" for kind, width in widths.items())
        raise ModelError(f"layers.{layer}: expected one number of experts, got {said}")
    if "experts" in kinds and widths and kinds["experts"].size:
        count, largest = next(iter(widths.values())), int(kinds["experts"].max())
        if largest >= count:
            raise ModelError(f"layers.{layer}.experts: holds {largest}; expected ids from 0 to {count - 1}, or -1 for none")
    if "gates" in kinds:
        allowed = [kinds[kind].shape for kind in ("mask", "experts") if kind in kinds]
        if kinds["gates"].shape not in allowed:
            raise ModelError(f"layers.{layer}.gates: shape {kinds['gates'].shape}; expected that of mask or experts, "
                             f"{' or '.join(map(str, allowed))}")


def _layer(name: str, values: np.ndarray, real: np.ndarray, facts: Facts) -> np.ndarray:
    kind = name.rsplit(".", 1)[1]
    if kind == "bias":
        return _bias(name, values)
    values = _per_token(name, values, real.shape, facts.layout)
    if kind == "mask":
        return _mask(name, values)
    if kind == "experts":
        if values.dtype.kind not in "iu":
            raise ModelError(f"{name}: type {values.dtype}; expected whole numbers")
        return values.astype(np.int32)
    return _finite(name, _floats(name, values), real)


def _per_token(name: str, values: np.ndarray, shape, layout: str) -> np.ndarray:
    """(B, S, N) of it, or of it flattened in the order in which the router saw the tokens."""
    rows, positions = shape
    if values.ndim == 3 and values.shape[:2] == (rows, positions):
        return values
    if values.ndim == 2 and values.shape[0] == rows * positions:
        if layout == "batch-major":
            return values.reshape(rows, positions, -1)
        return np.ascontiguousarray(values.reshape(positions, rows, -1).swapaxes(0, 1))
    raise ModelError(f"{name}: shape {values.shape}; expected ({rows}, {positions}, N) or ({rows * positions}, N)")


def _floats(name: str, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind != "f":
        raise ModelError(f"{name}: type {values.dtype}; expected floats")
    return values if values.dtype in (np.float16, np.float32, np.float64) else values.astype(np.float32)


def _bias(name: str, values: np.ndarray) -> np.ndarray:
    values = _floats(name, values)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ModelError(f"{name}: shape {values.shape}; expected (N), all finite")
    return values.astype(np.float32)


def _mask(name: str, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "biuf" or not np.isin(values, (0, 1)).all():
        raise ModelError(f"{name}: type {values.dtype}; expected zeros and ones")
    return values.astype(np.uint8)


def _finite(name: str, values: np.ndarray, real: np.ndarray) -> np.ndarray:
    """What stands at padding is nobody's, and attention over nothing makes it NaN: zeros there."""
    bad = ~np.isfinite(values).all(-1)
    if (bad & real).any():
        row, position = np.argwhere(bad & real)[0]
        raise ModelError(f"{name}: {values[row, position].tolist()[:8]} at row {row}, position {position}; expected finite numbers")
    return np.where(bad[..., None], values.dtype.type(0), values) if bad.any() else values


def _logprobs(values: np.ndarray, real: np.ndarray) -> np.ndarray:
    """NaN where nothing stands before a token: in the first column, and after padding."""
    values = _floats("logprobs", values)
    if values.shape != real.shape:
        raise ModelError(f"logprobs: shape {values.shape}; expected {real.shape}")
    told = np.zeros(real.shape, bool)
    told[:, 1:] = real[:, 1:] & real[:, :-1]
    bad = told & ~(values <= 1e-3)  # NaN too
    if bad.any():
        row, position = np.argwhere(bad)[0]
        raise ModelError(f"logprobs: {values[row, position]} at row {row}, position {position}; "
                         "expected natural logarithms of probabilities, 0 or less")
    return np.where(told, values, np.nan).astype(np.float32 if values.dtype == np.float16 else values.dtype)
