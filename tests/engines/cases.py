"""A case: an engine's model, what its routing truly depends on, and what the audit has to say of it.

What is true follows from the engine's source, and is stated beside each case; nothing here was set to what the audit
said. Rows of the results are written to $PASTONLY_ENGINES_ROWS/ENGINE.json for `table`.
"""

import json
import os
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Optional, Sequence

import plans

EXIT_CODES = {"pass": 0, "fail": 1, "error": 2, "inconclusive": 3}
ANY = "any"  # rule: several explain it as well
# What a finding of these checks says that routing depends on.
DEPENDENCE = {"causal-mask": "future", "future-information": "future", "batch-isolation": "others", "order-invariance": "order",
              "length-invariance": "length"}


@dataclass
class Case:
    model: str               # what the engine's layers stand in
    mode: str                # train or eval
    rule: str                # the engine's options, in its own words
    build: Callable[[], object]
    depends: Sequence[str]   # of future, others, order, length: all of them and no more
    named: Optional[str]     # the rule to be named, and a candidate in later layers; None: no rule explains it; ANY
    also: Sequence[str] = ()  # may show beside `depends`: what the draw of a few runs need not provoke
    plan: dict = field(default_factory=dict)
    experts: Optional[Callable[[object], tuple]] = None  # model -> (last MoE layer, weights of each expert), for masks
    broken: bool = False     # whether the engine does something else than the rule that it states

    def title(self) -> str:
        return f"{self.model}, {self.mode}, {self.rule}"


def run(engine: str, cases: Sequence[Case]) -> int:
    """Audits every case, or those whose title holds the words given. 0, or 1 where one is judged wrongly."""
    wanted, rows, wrong = sys.argv[1:], [], []
    for case in cases:
        if not all(word in case.title() for word in wanted):
            continue
        try:
            row, faults, text = judge(engine, case)
        except Exception:
            row, faults, text = None, [traceback.format_exc()], ""
        if row:
            rows.append(row)
        print(f"{'wrong' if faults else 'right'}  {engine}: {case.title()}: {row and row['verdict']}, "
              f"{row and row['named']}, {row and row['depends']}", flush=True)
        if faults:
            wrong.append(case)
            print("".join(f"  {fault}\n" for fault in faults) + text, flush=True)
    target = os.environ.get("PASTONLY_ENGINES_ROWS")
    if target and not wanted:
        Path(target).mkdir(parents=True, exist_ok=True)
        (Path(target) / f"{engine}.json").write_text(json.dumps(rows, indent=1))
    print(f"{engine}: {len(rows) - len(wrong)} of {len(rows)} cases are judged as they are")
    return 1 if wrong or not rows else 0


def state_of(model):
    """All that a recording must leave as it was: weights, buffers, modes, hooks, and functions put in place of others."""
    module = getattr(model, "model", None)
    if module is None:
        return {}
    state = {name: value.detach().clone() for name, value in [*module.named_parameters(), *module.named_buffers()]}
    for name, part in module.named_modules():
        state[f"{name} is"] = (part.training, len(part._forward_hooks), len(part._forward_pre_hooks),
                               sorted(key for key, value in vars(part).items() if callable(value)))
    return state


def _same(one, other):
    return one.equal(other) if hasattr(one, "equal") else one == other


def judge(engine, case):
    began = time.monotonic()
    model = case.build()
    built = time.monotonic() - began
    before = state_of(model)
    kept = os.environ.get("PASTONLY_ENGINES_KEEP")
    name = "".join(c if c.isalnum() else "-" for c in f"{engine} {case.title()}")
    report, code, text, recorded, audited = plans.audit(model, keep=Path(kept) / name if kept else None, **case.plan)
    named = [layer["rule"]["id"] if layer.get("rule") else None for layer in report["layers"]]
    depends = sorted({DEPENDENCE[f["check"]] for f in report["findings"]
                      if f["check"] in DEPENDENCE and f["claim"] in ("flip", "change", "routing-leak")})
    leaks = [layer["leak"] for layer in report["layers"] if layer.get("leak")]
    verdict = "fail" if "future" in case.depends else "pass"
    faults = []

    def expect(what, found, wanted):
        if found != wanted:
            faults.append(f"{what}: {found}; expected {wanted}")

    after = state_of(model)
    expect("left otherwise", [name for name in before if not _same(before[name], after.get(name))], [])
    expect("mode", report["subject"]["mode"], case.mode)
    expect("verdict", report["verdict"], verdict)
    expect("exit code", code, EXIT_CODES[verdict])
    if case.named != ANY:
        expect("named rule of the first layer", named[0] if named else "no layer", case.named)
    # What reaches later layers moves with the first, and may leave two rules that both explain it.
    told = [{rule["id"] for rule in layer["rule"]["candidates"]} for layer in report["layers"]]
    expect("layers that the rule explains", [case.named in (None, ANY) or case.named in ids for ids in told], [True] * len(told))
    if not set(case.depends) <= set(depends) <= set(case.depends) | set(case.also):
        faults.append(f"depends on {depends}; expected {sorted(case.depends)}")
    if case.experts:
        import masks  # of torch
        expect("masks and what the experts did", masks.check(model, *case.experts(model), model.facts.vocab), [])
    broken = [f["message"] for f in report["findings"] if f["claim"] == "broken-declaration"]
    expect("declarations shown to be broken", bool(broken), case.broken)
    row = {"engine": model.facts.producer, "model": case.model, "mode": case.mode, "rule": case.rule,
           "declared": model.facts.rule, "verdict": report["verdict"], "named": named[0] if named else None,
           "depends": depends, "bits": max((leak["bits"] for leak in leaks if leak["bits"] is not None), default=None),
           "lower": max((leak["lower"] for leak in leaks if leak["lower"] is not None), default=None),
           "seconds": [round(built, 1), round(recorded, 2), round(audited, 2)]}
    return row, faults, text
