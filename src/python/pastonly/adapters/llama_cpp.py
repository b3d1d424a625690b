"""llama.cpp by llama-cpp-python: what a GGUF model in this process predicts and routes, each row of a batch alone.

Looked at: llama-cpp-python 0.3.36 (llama_cpp/llama_cpp.py; llama.cpp src/llama-graph.cpp, ggml/include/ggml.h).

The graph of llama.cpp is watched as it is computed (cb_eval). It names what its routers make: ffn_moe_logits-<layer>,
ffn_moe_probs, ffn_moe_topk and ffn_moe_weights. llama.cpp drops nothing.
"""

from __future__ import annotations

import ctypes
import re
from typing import Any, Dict, List, Optional, Set, Tuple

import llama_cpp
import numpy as np
from llama_cpp._ggml import libggml

from ..facts import Facts

WATCHED = re.compile(r"ffn_moe_(logits|probs|probs_biased|topk|weights|weights_softmax|weights_norm|weights_scaled)-(\d+)")
KINDS = {"logits": "logits", "probs": "scores", "topk": "experts"}  # weights of any name are gates, the last that is made
PROBED = 8   # tokens of the first prompt, which shows the layers
TOLD = 8     # token ids whose probability after every position is recorded
F32, I32 = 0, 26
BIAS = b"exp_probs_b"  # in the name of a weight


class _Tensor(ctypes.Structure):
    """The beginning of ggml_tensor, up to what it is made of."""

    _fields_ = [("type", ctypes.c_int), ("buffer", ctypes.c_void_p), ("ne", ctypes.c_int64 * 4), ("nb", ctypes.c_size_t * 4),
                ("op", ctypes.c_int), ("op_params", ctypes.c_int32 * 16), ("flags", ctypes.c_int32), ("src", ctypes.c_void_p * 10)]


libggml.ggml_get_name.argtypes, libggml.ggml_get_name.restype = [ctypes.c_void_p], ctypes.c_char_p
libggml.ggml_backend_tensor_get.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t]
libggml.ggml_backend_tensor_get.restype = None


class LlamaCpp:
    """A llama_cpp.Llama as pastonly asks it: (tokens, valid) -> arrays of a trace. Its own state stays: a context of the same
    parameters is made beside its own. Prompts longer than its n_batch run in pieces, as it runs them itself."""

    def __init__(self, llm: "llama_cpp.Llama", **facts: Any) -> None:
        self._llm = llm
        self._seen: Dict[str, List[np.ndarray]] = {}
        self._biases: Dict[str, np.ndarray] = {}
        self._unread: Set[int] = set()
        self._fault: Optional[Exception] = None
        parameters = llama_cpp.llama_context_params()
        ctypes.pointer(parameters)[0] = llm.context_params
        self._watch = llama_cpp.llama_cpp.ggml_backend_sched_eval_callback(self._looked_at)  # kept: C holds no reference
        parameters.cb_eval = self._watch
        self._context = llama_cpp.llama_init_from_model(llm._model.model, parameters)
        if not self._context:
            raise ValueError("llama.cpp made no second context of this model: is there memory for it?")
        self._piece = llama_cpp.llama_n_batch(self._context)
        self._batch = llama_cpp.llama_batch_init(self._piece, 0, 1)
        special = {llm.token_bos(), llm.token_eos(), llm._model.token_eot()}
        trained = next((int(value) for name, value in llm.metadata.items() if name.endswith(".context_length")), llm.n_ctx())
        exact = parameters.type_k == F32 and parameters.type_v == F32
        known = {"vocab": llm.n_vocab(), "mode": "eval",
                 "compute": "float32" if exact else "float16",  # what is cached is rounded
                 "special": sorted(token for token in special if 0 <= token < llm.n_vocab()),
                 "max_positions": min(llm.n_ctx(), trained), "name": llm.metadata.get("general.name", ""),
                 "producer": f"llama-cpp-python {llama_cpp.__version__} {llm.metadata.get('general.architecture', '')}"}
        self.facts = Facts(**{**known, **self._shown(known), **facts})

    def reseed(self, seed: int) -> None:
        """Nothing is drawn."""

    def close(self) -> None:
        """Frees the context."""
        if self._context:
            llama_cpp.llama_batch_free(self._batch)
            llama_cpp.llama_free(self._context)
            self._context = None

    def __call__(self, tokens: np.ndarray, valid: Optional[np.ndarray] = None) -> Dict[str, np.ndarray]:
        rows = [self._row(row[:_length(valid, at, len(row))]) for at, row in enumerate(tokens)]
        out: Dict[str, np.ndarray] = {}
        for name, values in rows[0].items():
            empty = np.nan if name == "logprobs" else -1 if name.endswith(".experts") else 0
            out[name] = np.full((*tokens.shape, *values.shape[1:]), empty, values.dtype)
            for at, row in enumerate(rows):
                out[name][at, :len(row[name])] = row[name]
        return {**out, **self._biases}

    def _shown(self, known: dict) -> dict:
        """One short prompt: which layers route, to how many of how many experts."""
        found = self._row(np.arange(min(PROBED, known["max_positions"])) % known["vocab"])
        layers = sorted({int(name.split(".")[1]) for name in found if name.startswith("layers.")})
        widths = {found[f"layers.{layer}.logits"].shape[1] for layer in layers}
        chosen = {found[f"layers.{layer}.experts"].shape[1] for layer in layers}
        biased = ", ".join(map(str, sorted(self._unread)))
        remarks = [("bias-unread", f"layers {biased} add a bias to their scores before the choice, which is not recorded")]
        return {"layers": layers, "experts": widths.pop() if len(widths) == 1 else None,
                "top_k": chosen.pop() if len(chosen) == 1 else None, "remarks": remarks if biased else []}

    def _row(self, tokens: np.ndarray) -> Dict[str, np.ndarray]:
        """One prompt from its beginning, with nothing cached."""
        self._seen, self._fault = {}, None
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._context), True)
        logits = np.concatenate([self._decode(tokens[first:first + self._piece], first)
                                 for first in range(0, len(tokens), self._piece)])
        if self._fault is not None:
            raise self._fault
        found = {name: np.concatenate(parts) for name, parts in self._seen.items()}
        short = [name for name, values in found.items() if len(values) != len(tokens)]
        if short:
            raise ValueError(f"{short[0]}: of {len(found[short[0]])} tokens; expected {len(tokens)}")
        logits = logits.astype(np.float64)
        logits -= logits.max(-1, keepdims=True)
        said = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        found["logprobs"] = np.concatenate([[np.nan], said[np.arange(len(tokens) - 1), tokens[1:]]]).astype(np.float32)
        found["predictions"] = said[:, np.linspace(0, said.shape[1] - 1, TOLD).astype(int)].clip(-1e4).astype(np.float32)
        return found

    def _decode(self, piece: np.ndarray, first: int) -> np.ndarray:
        """(tokens, vocab): logits after each token."""
        batch = self._batch
        batch.n_tokens = len(piece)
        for at, token in enumerate(piece):
            batch.token[at], batch.pos[at], batch.logits[at] = int(token), first + at, 1
            batch.n_seq_id[at], batch.seq_id[at][0] = 1, 0
        code = llama_cpp.llama_decode(self._context, batch)
        if code:
            raise RuntimeError(f"llama_decode returned {code} for {len(piece)} tokens from position {first}")
        width = self._llm.n_vocab()
        return np.stack([np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(self._context, at), (width,)).copy()
                         for at in range(len(piece))])

    def _looked_at(self, tensor: int, ask: bool, _: Any) -> bool:
        """Called twice for every node of the graph: is it wanted, and when it is there. No exception may pass through C."""
        try:
            found = WATCHED.fullmatch(libggml.ggml_get_name(tensor).decode("utf-8", "replace"))
            if ask or found is None:
                return found is not None
            self._keep(tensor, found.group(1), int(found.group(2)))
        except Exception as error:
            self._fault = error
        return True

    def _keep(self, tensor: int, what: str, layer: int) -> None:
        if what == "probs_biased":
            self._keep_bias(tensor, layer)
            return
        kind = KINDS.get(what, "gates")
        values, parts = _values(tensor), self._seen.setdefault(f"layers.{layer}.{kind}", [])
        if kind == "gates":
            values = values.reshape(self._seen[f"layers.{layer}.experts"][-1].shape)  # [1, k, tokens] or [k, tokens]
            if what != "weights":
                parts.pop()  # made of those before it
        parts.append(values.reshape(-1, values.shape[-1]))


    def _keep_bias(self, tensor: int, layer: int) -> None:
        """The sum is of the scores and the weight that is added, which is read; where another stands there, it is said."""
        added = [source for source in _Tensor.from_address(tensor).src[:2] if source and BIAS in libggml.ggml_get_name(source)]
        if added:
            self._biases[f"layers.{layer}.bias"] = _values(added[0]).reshape(-1)
        else:
            self._unread.add(layer)


def _values(tensor: int) -> np.ndarray:
    """The numbers of a tensor, its dimensions in NumPy's order. Rows may lie apart: what topk gives is a part of argsort's."""
    seen = _Tensor.from_address(tensor)
    out = np.empty(seen.ne[::-1], np.float32 if seen.type == F32 else np.int32)
    if seen.type not in (F32, I32) or seen.nb[0] != 4:
        raise ValueError(f"{libggml.ggml_get_name(tensor).decode()}: type {seen.type}; expected float32 or int32")
    whole = all(seen.nb[dimension] == out.strides[3 - dimension] for dimension in range(4))
    for place in [()] if whole else np.ndindex(out.shape[:3]):
        part = out[place]
        offset = sum(at * seen.nb[3 - dimension] for dimension, at in enumerate(place))
        libggml.ggml_backend_tensor_get(tensor, part.ctypes.data, offset, part.nbytes)
    return out


def _length(valid: Optional[np.ndarray], row: int, positions: int) -> int:
    count = positions if valid is None else int(np.count_nonzero(valid[row]))
    if valid is not None and not np.all(valid[row, :count]):
        raise ValueError(f"row {row} has padding before or between its tokens, which no prompt can have")
    return count
