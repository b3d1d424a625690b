"""Audits a model of this process: starts the C++ program and answers its questions."""
from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import List, Optional, Sequence

from .adapters import adapted
from .binary import find_binary
from .facts import Facts, facts_of
from .protocol import serve
from .report import Report
from .seeding import generators_kept


class AuditError(RuntimeError):
    """The program ended without a report. The message is what it said."""


def audit(model, vocab: Optional[int] = None, policy: str = "ci", positions: Optional[int] = None,
          batch: Optional[int] = None, limit: Optional[float] = None, tokens: Optional[str] = None,
          checks: Optional[Sequence[str]] = None, seed: int = 0, quiet: bool = False, facts: Optional[Facts] = None) -> Report:
    """Asks the model as many runs as the audit needs. `model` maps token ids to what a trace holds, or is of transformers.

    vocab       number of token ids, where the model does not say it
    policy      ci, release, or a file
    positions, batch   tokens of a row, and rows; limit: the share of trials that a leak must touch to be found
    tokens      FORMAT:FILE of token ids to draw from; else uniform ones
    checks      only these
    quiet       no progress on standard error
    Raises AuditError where there is no report: wrong usage, or a model that fails.
    """
    options = {"--policy": policy, "--positions": positions, "--batch": batch, "--limit": limit, "--tokens": tokens,
               "--seed": seed}
    command = [word for name, value in options.items() if value is not None for word in (name, str(value))]
    listed = [checks] if isinstance(checks, str) else checks or ()
    command += [word for check in listed for word in ("--check", check)] + (["--quiet"] if quiet else [])
    with tempfile.TemporaryDirectory(prefix="pastonly-") as folder:
        return _attached(adapted(model), facts, vocab, command, Path(folder))


def assert_causal(model, **options) -> Report:
    """For tests: raises AssertionError with the report unless the verdict is pass. Takes what `audit` takes."""
    report = audit(model, **{"quiet": True, **options})
    if report.verdict != "pass":
        raise AssertionError(f"the verdict is {report.verdict}\n\n{report.text}")
    return report


def _attached(model, facts, vocab, command: List[str], folder: Path) -> Report:
    """The program reads answers from one pipe and writes questions into another; both ends of ours stay here."""
    asks_read, asks_write = os.pipe()
    answers_read, answers_write = os.pipe()
    written = folder / "report.json", folder / "report.txt"
    words = [find_binary(), "audit", "--attach", f"{answers_read},{asks_write}", *command,
             "-o", f"json={written[0]}", "-o", f"text={written[1]}", "--color", "never"]
    # Standard error goes through a file, so that an error can show it and nothing waits for a reader.
    with open(folder / "stderr", "w+b") as errors:
        loud, ran = "--quiet" not in command, []
        program = subprocess.Popen(words, pass_fds=(answers_read, asks_write), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=None if loud else errors)
        os.close(answers_read)
        os.close(asks_write)
        try:
            with generators_kept():
                serve(model, facts, vocab, in_fd=asks_read, out_fd=answers_write, ran=ran if _has_module(model) else None)
        except BaseException:
            program.terminate()
            raise
        finally:
            exit_code = program.wait()
        errors.seek(0)
        said = errors.read().decode(errors="replace")[-4000:].strip()
    if not written[0].exists():
        raise AuditError(f"pastonly ended with exit code {exit_code} and no report" + (f":\n{said}" if said else ""))
    report = Report(json.loads(written[0].read_text(encoding="utf-8")), written[1].read_text(encoding="utf-8"), exit_code)
    return _with_place(report, model, facts_of(model, facts, vocab), ran)


def _has_module(model) -> bool:
    return hasattr(getattr(model, "model", None), "named_modules")


def _with_place(report: Report, model, facts: Facts, ran: list) -> Report:
    """Of a torch model without routers that looks ahead, the report names the first module that does."""
    witness = next((found["witness"] for found in report.findings if found["check"] == "causal-mask" and found["witness"]
                    and found["witness"].get("type") == "change"), None)
    if witness is None or facts.layers or not ran:
        return report
    from .adapters.torch_locate import located
    place, line = None, "First layer: not located."
    try:
        with generators_kept():
            place = located(model, facts, witness, ran)
        line = line if place is None else place.line()
    except Exception as error:  # the report stands without it
        line = f"First layer: not located, {type(error).__name__}: {error}"
    first = None if place is None or place.head else place.module
    return replace(report, text=f"{report.text.rstrip()}\n\n{line}\n", first_layer=first)
