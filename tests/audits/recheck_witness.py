#!/usr/bin/env python3
"""Re-checks the flip witnesses of a report by hand, from the raw tensors. Standard library only.

    recheck_witness.py REPORT.json [CHECK ...]

Reads the two trace files that each witness names and shares no code with pastonly. Prints a line per
witness; exit code 0 if there is one (of the checks named, where any are) and all hold, else 1.
"""

import json
import struct
import sys

FORMATS = {"BOOL": "?", "U8": "B", "I8": "b", "I16": "h", "U16": "H", "I32": "i", "U32": "I", "I64": "q",
           "U64": "Q", "F32": "f", "F64": "d"}


class Trace:
    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        length = struct.unpack("<Q", data[:8])[0]
        self.header = json.loads(data[8:8 + length])
        self.body = data[8 + length:]

    def tensor(self, name):
        """(shape, flat values), or None."""
        entry = self.header.get(name)
        if entry is None:
            return None
        begin, end = entry["data_offsets"]
        raw = self.body[begin:end]
        kind = entry["dtype"]
        if kind == "BF16":
            values = [struct.unpack("<f", b"\0\0" + raw[i:i + 2])[0] for i in range(0, len(raw), 2)]
        elif kind == "F16":
            values = [x[0] for x in struct.iter_unpack("<e", raw)]
        else:
            values = [x[0] for x in struct.iter_unpack("<" + FORMATS[kind], raw)]
        return entry["shape"], values

    def decision(self, layer, row, position, expert):
        """1 if the expert processed the token with a gate other than 0."""
        gates = self.tensor(f"layers.{layer}.gates")
        mask = self.tensor(f"layers.{layer}.mask")
        if mask:
            (_, positions, experts), values = mask
            token = row * positions + position
            chosen = values[token * experts + expert] != 0
            if chosen and gates:
                chosen = gates[1][token * experts + expert] != 0
            return int(chosen)
        (_, positions, k), values = self.tensor(f"layers.{layer}.experts")
        token = row * positions + position
        for j in range(k):
            if values[token * k + j] == expert:
                return int(gates is None or gates[0][2] != k or gates[1][token * k + j] != 0)
        return 0

    def score(self, layer, row, position, expert):
        scores = self.tensor(f"layers.{layer}.scores") or self.tensor(f"layers.{layer}.logits")
        if scores is None:
            return None
        (_, positions, experts), values = scores
        return values[(row * positions + position) * experts + expert]


def threshold(trace, layer, row, position, expert, chunk):
    """The lowest score that the expert took in the token's chunk of a flattened batch."""
    rows, positions, _ = trace.header[f"layers.{layer}.scores"]["shape"]
    at = (row * positions + position) // chunk
    taken = [trace.score(layer, t // positions, t % positions, expert)
             for t in range(at * chunk, min((at + 1) * chunk, rows * positions))
             if trace.decision(layer, t // positions, t % positions, expert)]
    return min(taken)


def problems(witness, chunk):
    base, run = Trace(witness["base"]), Trace(witness["run"])
    layer, row, position, expert = (witness[key] for key in ("layer", "row", "position", "expert"))
    run_row = witness.get("run_row", row)
    if base.decision(layer, row, position, expert) != witness["before"]:
        yield "the decision before is not as stated"
    if run.decision(layer, run_row, position, expert) != witness["after"]:
        yield "the decision after is not as stated"
    if witness["before"] == witness["after"]:
        yield "nothing flipped"
    for key, trace, at in (("score_before", base, row), ("score_after", run, run_row)):
        if key in witness and trace.score(layer, at, position, expert) != witness[key]:
            yield key + " is not as stated"
    (rows, positions), before = base.tensor("tokens")
    (_, run_positions), after = run.tensor("tokens")
    if witness["kind"] == "suffix":
        changed = [(r, s) for r in range(rows) for s in range(positions)
                   if before[r * positions + s] != after[r * positions + s]]
        if run_positions != positions:
            yield "the runs differ in shape"
        if any(r not in witness["rows_changed"] or s < witness["cut"] for r, s in changed):
            yield "a token changed that should not have"
        if len(changed) != witness.get("tokens_changed", len(changed)):
            yield f"{len(changed)} tokens changed, not {witness['tokens_changed']}"
        if row in witness["rows_changed"] and position >= witness["cut"]:
            yield "the decision is not before the cut"
    own = before[row * positions:row * positions + position + 1]
    if after[run_row * run_positions:run_row * run_positions + position + 1] != own:
        yield "the token's own past changed"
    for key, trace, at in (("threshold_before", base, row), ("threshold_after", run, run_row)):
        if key in witness and chunk and threshold(trace, layer, at, position, expert, chunk) != witness[key]:
            yield key + " is not as stated"


def chunk_of(report, layer):
    for entry in report["layers"]:
        rule = entry.get("rule") or {}
        if entry["index"] == layer and rule.get("id"):
            return (rule.get("parameters") or {}).get("chunk")
    return None


def main(arguments):
    with open(arguments[0], encoding="utf-8") as file:
        report = json.load(file)
    seen, wrong = 0, 0
    for finding in report["findings"]:
        witness = finding["witness"]
        if not witness or witness.get("type") != "flip" or (arguments[1:] and finding["check"] not in arguments[1:]):
            continue
        seen += 1
        found = list(problems(witness, chunk_of(report, witness["layer"])))
        wrong += bool(found)
        print(finding["check"], "run", witness["run_id"], "layer", witness["layer"], "row", witness["row"], "position",
              witness["position"], "expert", witness["expert"], "holds" if not found else "; ".join(found))
    return 0 if seen and not wrong else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
