"""Answers a plan directory (docs/formats.md): makes the runs that nobody has made, beside other workers."""
from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Container, List, Optional, Tuple

import numpy as np

from . import safetensors
from .claims import LEASE, Claim, sweep
from .facts import Facts, facts_of
from .runner import Runner
from .seeding import generators_kept
from .trace import ModelError, metadata_of

UNANSWERED = {"shuffle": "the order in which the rule sees the tokens is not the model's to change",
              "reroute": "another rule would have to run inside the model"}


@dataclass
class Answered:
    """What one worker did with a plan. `skipped` are runs that no model in Python answers: (id, why)."""

    made: List[int] = field(default_factory=list)
    skipped: List[Tuple[int, str]] = field(default_factory=list)
    left: List[int] = field(default_factory=list)  # of other workers, not finished when this one ended


class RunError(RuntimeError):
    """A run of the plan failed. The message names the run; __cause__ is what the model raised."""


def record(model, plan_dir, facts: Optional[Facts] = None, vocab: Optional[int] = None, wait: bool = True,
           lease: float = LEASE, log: Optional[Callable[[str], None]] = None,
           only: Optional[Container[int]] = None) -> Answered:
    """Writes NNNN.out.safetensors for every run of the plan that has none and that no other worker is making; `only`: of these.

    With `wait` it ends when the whole plan is made, and takes over the runs of workers that died. Raises RunError
    with the first run that fails; runs that are made stay.
    """
    folder = Path(plan_dir)
    runs = _read_plan(folder)
    runner = Runner(model, facts_of(model, facts, vocab))
    _write_remarks(folder, runner.facts)
    say = log or (lambda text: print(text, file=sys.stderr, flush=True))
    answered = Answered()
    for run in runs:
        if run["kind"] in UNANSWERED and (only is None or run["id"] in only) and not _file(folder, run, "out").exists():
            answered.skipped.append((run["id"], f"{run['kind']}: {UNANSWERED[run['kind']]}"))
            say(f"run {run['id']} is skipped: {answered.skipped[-1][1]}")
    runs = [run for run in runs if run["kind"] not in UNANSWERED and (only is None or run["id"] in only)]
    while True:
        with generators_kept():
            for run in runs:
                if _make(folder, run, runner, lease, say):
                    answered.made.append(run["id"])
        answered.left = [run["id"] for run in runs if not _file(folder, run, "out").exists()]
        if not answered.left or not wait:
            return answered
        time.sleep(min(2.0, lease / 5))


def _read_plan(folder: Path) -> List[dict]:
    try:
        plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{folder / 'plan.json'}: {error}") from error
    if plan.get("schema") != "pastonly.plan/1":
        raise RunError(f"{folder / 'plan.json'}: schema {plan.get('schema')!r}; expected 'pastonly.plan/1'")
    return plan["runs"]


def _write_remarks(folder: Path, facts: Facts) -> None:
    """What was switched off belongs into the report, so into plan.json, where the planner left it open."""
    path = folder / "plan.json"
    plan = json.loads(path.read_text(encoding="utf-8"))
    said = [{"id": name, "message": message} for name, message in facts.remarks]
    if not said or plan.get("remarks"):
        return
    aside = path.with_name(f"plan.json.{id(facts)}.{time.time_ns()}.tmp")
    aside.write_text(json.dumps({**plan, "remarks": said}, indent=1), encoding="utf-8")
    aside.replace(path)


def _file(folder: Path, run: dict, what: str) -> Path:
    return folder / f"{run['id']:04}.{what}.safetensors"


def _make(folder: Path, run: dict, runner: Runner, lease: float, say) -> bool:
    """Whether this worker made the run."""
    out = _file(folder, run, "out")
    claimed = folder / f"{run['id']:04}.claim"
    if out.exists():
        sweep(claimed, lease)
        return False
    claim = Claim.take(claimed, lease)
    if claim is None:
        return False
    try:
        if out.exists():  # finished between the look and the claim
            return False
        began = time.monotonic()
        safetensors.write(out, _answer(folder, run, runner), metadata_of(runner.facts))
        say(f"run {run['id']} ({run['kind']}): {time.monotonic() - began:.2f} s")
        return True
    except Exception as error:
        raise RunError(f"run {run['id']} ({run['kind']}) of {folder}: {type(error).__name__}: {error}") from error
    finally:
        claim.release()


def _answer(folder: Path, run: dict, runner: Runner) -> dict:
    given, _ = safetensors.read(_file(folder, run, "in"))
    if "tokens" not in given:
        raise ModelError(f"{_file(folder, run, 'in')}: holds no tokens")
    # One seed for all runs, so that a token meets the same draws in each; a redraw has its own.
    seed = run["seed"] if run["kind"] == "redraw" else 0
    tokens = given["tokens"]
    if run["kind"] == "stream":
        rows = range(tokens.shape[0]) if run["rows"] == "all" else run["rows"]
        return runner.stream(tokens, rows, run["every"], seed)
    valid = given.get("valid")
    return runner.run(tokens, None if valid is None else valid.astype(np.uint8), seed)
