"""The child's side of the process protocol (docs/formats.md): the C++ program asks, the model answers.

One JSON object a line; tensors travel as safetensors files by path. Pipes are named by PASTONLY_IN_FD and PASTONLY_OUT_FD,
so that standard output stays the model's own.
"""
from __future__ import annotations

import json
import os
import traceback
from typing import Optional

import numpy as np

from . import safetensors
from .facts import Facts, facts_of
from .runner import Runner, is_out_of_memory
from .trace import metadata_of

VERSION = 1
MOST_BYTES = 1 << 20  # of a line


class ProtocolError(RuntimeError):
    """The other side said what this one cannot understand."""


def hello_of(facts: Facts) -> dict:
    """What is unknown is left out."""
    said = {"v": VERSION, "type": "hello", "vocab": facts.vocab, "layers": list(facts.layers), "experts": facts.experts,
            "top_k": facts.top_k, "special": list(facts.special), "max_positions": facts.max_positions,
            "max_tokens": facts.max_tokens, "max_batch": facts.max_batch, "mode": facts.mode, "name": facts.name or None,
            "producer": facts.producer, "layout": facts.layout, "compute": facts.compute, "stage": facts.stage,
            "rule": facts.rule, "noisy": facts.noisy, "streams": facts.streams,
            "remarks": [{"id": name, "message": message} for name, message in facts.remarks]}
    return {name: value for name, value in said.items() if value is not None and value != []}


def serve(model, facts: Optional[Facts] = None, vocab: Optional[int] = None, in_fd: Optional[int] = None,
          out_fd: Optional[int] = None, ran: Optional[list] = None) -> int:
    """Answers until the other side closes its pipe. Returns how many runs were answered. Closes both descriptors. What was run
    goes into `ran`, (tokens, valid, seed)."""
    in_fd = int(os.environ["PASTONLY_IN_FD"]) if in_fd is None else in_fd
    out_fd = int(os.environ["PASTONLY_OUT_FD"]) if out_fd is None else out_fd
    runner = Runner(model, facts_of(model, facts, vocab))
    answered = 0
    with os.fdopen(in_fd, "rb") as asks, os.fdopen(out_fd, "wb") as answers:
        try:
            _say(answers, hello_of(runner.facts))
            while line := asks.readline(MOST_BYTES + 1):
                _say(answers, _answer(runner, _parse(line), ran))
                answered += 1
        except BrokenPipeError:
            pass  # the program ended and wants no more
    return answered


def _say(pipe, message: dict) -> None:
    text = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    if len(text) > MOST_BYTES:
        raise ProtocolError(f"a message of {len(text)} bytes; at most {MOST_BYTES} fit")
    pipe.write(text)
    pipe.flush()


def _parse(line: bytes) -> dict:
    if len(line) > MOST_BYTES:
        raise ProtocolError(f"a line of more than {MOST_BYTES} bytes")
    try:
        asked = json.loads(line)
    except ValueError as error:
        raise ProtocolError(f"expected a JSON object in a line, got {line[:80]!r}") from error
    if not isinstance(asked, dict) or asked.get("type") != "run":
        raise ProtocolError(f"expected an object of type run, got {line[:80]!r}")
    missing = [key for key in ("id", "in", "out") if key not in asked]
    if missing:
        raise ProtocolError(f"a run without {', '.join(missing)}")
    return asked


def _answer(runner: Runner, asked: dict, ran: Optional[list]) -> dict:
    """done, or error: what the model raises ends this run and not the audit."""
    try:
        given, _ = safetensors.read(asked["in"])
        valid = None if given.get("valid") is None else given["valid"].astype(np.uint8)
        seed, streamed = int(asked.get("seed", 0)), asked.get("stream")
        if streamed:
            out = runner.stream(given["tokens"], streamed["rows"], streamed["every"], seed)
        else:
            out = runner.run(given["tokens"], valid, seed)
        if ran is not None and not streamed:
            ran.append((given["tokens"].astype(np.int32), valid, seed))
        safetensors.write(asked["out"], out, metadata_of(runner.facts))
        return {"type": "done", "id": asked["id"]}
    except Exception as error:
        code = "oom" if is_out_of_memory(error) else "failed"
        if code == "failed":
            traceback.print_exc()  # to standard error, whose tail the program shows
        return {"type": "error", "id": asked["id"], "code": code, "message": f"{type(error).__name__}: {error}"[:4000]}
