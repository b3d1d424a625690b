"""Plans of a small made-up model, written without pastonly: what it is told is then known to the byte."""

import json
import random
import struct

EXPERTS = 8
LAYERS = (0, 1)
VOCAB = 64


def safetensors(path, tensors, metadata):
    """tensors: name -> (type, shape, bytes)."""
    header, data = {"__metadata__": metadata}, b""
    for name, (kind, shape, raw) in tensors.items():
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def own_scores(layer, token):
    """What a token's scores are by itself: distinct, summing to 1."""
    draw = random.Random(1000 * layer + token)
    raw = [draw.random() + 0.05 for _ in range(EXPERTS)]
    return [x / sum(raw) for x in raw]


def two_best(scores):
    best = sorted(range(EXPERTS), key=lambda e: -scores[e])[:2]
    return [int(e in best) for e in range(EXPERTS)]


def causal(rows, valid):
    """Every token takes its two best experts."""
    def route(layer, row, position):
        scores = own_scores(layer, rows[row][position])
        return scores, two_best(scores)
    return route


def whole_row(rows, valid):
    """A leak: every token's scores move with the sum of all tokens of its row."""
    sums = [sum(row) for row in rows]

    def route(layer, row, position):
        scores = own_scores(layer, (rows[row][position] + sums[row]) % VOCAB)
        return scores, two_best(scores)
    return route


def late_positions(rows, valid):
    """A leak at the last quarter of a row alone."""
    leaking, honest = whole_row(rows, valid), causal(rows, valid)
    first = 3 * len(rows[0]) // 4
    return lambda layer, row, position: (leaking if position >= first else honest)(layer, row, position)


def expert_choice(width, shift=0):
    """A leak: within chunks of a row, from position `shift` on, each expert takes its best quarter."""
    def model(rows, valid):
        chosen = {}
        for row, tokens in enumerate(rows):
            for layer in LAYERS:
                for first in range(shift, len(tokens), width):
                    chunk = range(first, min(first + width, len(tokens)))
                    for expert in range(EXPERTS):
                        ranked = sorted(chunk, key=lambda p: (-own_scores(layer, tokens[p])[expert], p))
                        for position in ranked[:max(1, len(chunk) // 4)]:
                            chosen.setdefault((layer, row, position), set()).add(expert)

        def route(layer, row, position):
            taken = chosen.get((layer, row, position), {0} if position < shift else set())
            return own_scores(layer, rows[row][position]), [int(e in taken) for e in range(EXPERTS)]
        return route
    return model


class MadePlan:
    """Runs are added one by one; write() makes the directory."""

    def __init__(self, folder, model=causal, sequences=4, positions=64, left_padding=0, right_padding=0,
                 layout="batch-major", seed=1, said=None, mode="train", layers=LAYERS, first=None):
        self.folder, self.model, self.layout, self.said = folder, model, layout, said
        self.mode, self.layers = mode, layers
        self.draw = random.Random(seed)
        self.base = [self.tokens(positions) for _ in range(sequences)]
        if first is not None:
            self.base = [[first] + row[1:] for row in self.base]
        self.valid = [[int(left_padding <= p < positions - right_padding) for p in range(positions)]
                      for _ in range(sequences)]
        self.runs, self.drawn = [], []
        folder.mkdir()
        self.add(self.base, kind="base")
        self.add(self.base, kind="repeat", base=0)

    def tokens(self, count):
        return [self.draw.randrange(VOCAB) for _ in range(count)]

    def redrawn(self, row, cut):
        """The base with one row redrawn; the first token differs for certain."""
        rows = [list(tokens) for tokens in self.base]
        rows[row][cut:] = self.tokens(len(rows[row]) - cut)
        rows[row][cut] = (self.base[row][cut] + 1 + self.draw.randrange(VOCAB - 1)) % VOCAB
        return rows

    def suffix(self, row, cut, rows=None, resample=0, **more):
        self.add(rows or self.redrawn(row, cut), kind="suffix", base=0, cut=cut, rows=[row], resample=resample, **more)

    def grouped(self, cuts, resample=0):
        """Row i is redrawn from cuts[i] on, all in one run."""
        rows = [self.redrawn(row, cut)[row] for row, cut in enumerate(cuts)]
        self.add(rows, kind="suffix", base=0, cuts=list(cuts), rows=list(range(len(cuts))), resample=resample)

    def suffixes(self, cuts, draws=2):
        for i, cut in enumerate(cuts):
            for resample in range(draws):
                self.suffix(i % len(self.base), cut, resample=resample)

    def batch(self, rows=None, keep=(0,)):
        if rows is None:
            rows = [tokens if row in keep else self.tokens(len(tokens)) for row, tokens in enumerate(self.base)]
        self.add(rows, kind="batch", base=0, keep=list(keep))

    def add(self, rows, /, **what):
        number = len(self.runs)
        self.drawn.append(rows)
        self.runs.append({"id": number, **what})
        shape = (len(rows), len(rows[0]))
        tokens = ("I32", shape, b"".join(struct.pack(f"<{shape[1]}i", *row) for row in rows))
        valid = [row + [1] * (shape[1] - len(row)) for row in self.valid]
        valid = ("U8", shape, b"".join(bytes(row) for row in valid))
        safetensors(self.folder / f"{number:04}.in.safetensors", {"tokens": tokens, "valid": valid},
                    {"schema": "pastonly.tokens/1"})
        route, tensors = self.model(rows, self.valid), {"tokens": tokens, "valid": valid}
        for layer in self.layers:
            scores, mask = b"", b""
            for row in range(shape[0]):
                for position in range(shape[1]):
                    values, chosen = route(layer, row, position)
                    scores += struct.pack(f"<{EXPERTS}f", *values)
                    mask += bytes(chosen)
            tensors[f"layers.{layer}.scores"] = ("F32", (*shape, EXPERTS), scores)
            tensors[f"layers.{layer}.mask"] = ("U8", (*shape, EXPERTS), mask)
        safetensors(self.folder / f"{number:04}.out.safetensors", tensors,
                    {"schema": "pastonly.trace/1", "mode": self.mode, "stage": "dispatched", "layout": self.layout,
                     "vocab": str(2 * VOCAB)})

    def write(self):
        plan = {"schema": "pastonly.plan/1", "runs": self.runs}
        if self.said:
            plan["model"] = self.said
        (self.folder / "plan.json").write_text(json.dumps(plan))
        return self.folder
