"""python -m pastonly.worker (PLAN | --serve) --model MODULE:FUNCTION

Answers a plan directory, or the C++ program over two pipes, with a model that MODULE:FUNCTION builds or is. Any number of
workers may share one plan (torchrun, a Slurm array, Ray): each makes the runs that nobody has.
"""
from __future__ import annotations

import argparse
import importlib
import inspect
import os
import sys
from typing import Any

from .claims import LEASE
from .plan import RunError, record
from .protocol import ProtocolError, serve


def load(target: str):
    """What MODULE:NAME is, or, where it is a function without required parameters, what it returns. hf:PLACE is a transformers
    model, of a directory or a hub."""
    module_name, _, name = target.partition(":")
    if not module_name or not name:
        raise ValueError(f"--model {target}: expected MODULE:FUNCTION, for example my_module:build, or hf:DIRECTORY")
    if module_name == "hf":
        from .adapters.hf import pretrained
        return pretrained(name)
    sys.path.insert(0, os.getcwd())
    found: Any = importlib.import_module(module_name)
    for part in name.split("."):
        found = getattr(found, part)
    return found() if _builds(found) else found


def _builds(found) -> bool:
    if not (inspect.isfunction(found) or inspect.isclass(found)):
        return False
    return all(p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
               for p in inspect.signature(found).parameters.values())


def _runs(text: str) -> set:
    """"0,15,19-22": numbers and ranges."""
    found: set = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if not first.isdigit() or not (last or first).isdigit() or int(last or first) < int(first):
            raise argparse.ArgumentTypeError(f"{text}: expected numbers and ranges of runs, for example 0,15,19-22")
        found.update(range(int(first), min(int(last or first), 1 << 20) + 1))
    return found


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(prog="python -m pastonly.worker", description=__doc__.split("\n\n")[1])
    parser.add_argument("plan", nargs="?", help="plan directory")
    parser.add_argument("--serve", action="store_true", help="answer the C++ program instead (PASTONLY_IN_FD, PASTONLY_OUT_FD)")
    parser.add_argument("--model", required=True, metavar="MODULE:FUNCTION",
                        help="builds the model, or is it; hf:DIRECTORY for a transformers checkpoint")
    parser.add_argument("--vocab", type=int, help="size of the vocabulary, where the model does not say it")
    parser.add_argument("--runs", type=_runs, metavar="RUNS", help="make these runs alone, 0,15,19-22: one part of a plan that several "
                                                                         "places record (pastonly report --merge)")
    parser.add_argument("--no-wait", action="store_true", help="end when every run is made or being made, and take over none")
    parser.add_argument("--lease", type=float, default=LEASE, help="seconds after which a claim that is not renewed counts as "
                                                                   "its worker's death (default: %(default)s)")
    asked = parser.parse_args(arguments)
    if asked.serve == bool(asked.plan):
        parser.error("expected a plan directory, or --serve")
    try:
        from .adapters import adapted
        model = adapted(load(asked.model))
        if asked.serve:
            serve(model, vocab=asked.vocab)
            return 0
        done = record(model, asked.plan, vocab=asked.vocab, wait=not asked.no_wait, lease=asked.lease,
                      only=asked.runs)
    except ModuleNotFoundError as error:
        print(f"pastonly.worker: the Python package {error.name} is not installed for {sys.executable}; what adapters need says "
              "docs/python.md", file=sys.stderr)
        return 2
    except (RunError, ProtocolError, ValueError, ImportError, AttributeError, OSError) as error:
        print(f"pastonly.worker: {error}", file=sys.stderr)
        return 2
    print(f"pastonly.worker: made {len(done.made)} runs; {len(done.skipped)} cannot be made, {len(done.left)} are others'",
          file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
