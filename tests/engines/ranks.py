"""Two processes hold one model: what is gathered is held against one process, then audited as a whole.

    ranks.py ENGINE      deepspeed, megatron or olmo_core

The reference has all weights in one process. Where ranks share the rows, it runs each rank's rows by themselves: their
capacities are those of the rank. Where ranks share the positions, it runs all.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

import plans

RANKS = 2
TOKENS = np.random.default_rng(3).integers(0, 64, (8, 64))


class Setting:
    """One way to share a model. `start` and `build` run in every process, with `ranks` = 1 for the reference."""

    def __init__(self, name, start, build, verdict, shares_rows=True):
        self.name, self.start, self.build, self.verdict, self.shares_rows = name, start, build, verdict, shares_rows


def reference(setting, folder):
    setting.start(0, 1, str(folder / "alone"))
    model = setting.build(0, 1, None)
    torch.save(model.model.state_dict(), folder / "weights.pt")
    parts = np.split(TOKENS, RANKS if setting.shares_rows else 1)
    runs = [model(part, None, 0) for part in parts]
    torch.save({name: run if name.endswith(".bias") else torch.cat([run[name] for run in runs])
                for name, run in runs[0].items()}, folder / "expected.pt")


def shared(rank, setting, folder):
    setting.start(rank, RANKS, str(folder / "together"))
    model = setting.build(rank, RANKS, torch.load(folder / "weights.pt", weights_only=False))
    if rank:
        model.follow()
        return
    found, expected = model(TOKENS, None, 0), torch.load(folder / "expected.pt", weights_only=False)
    faults = [] if set(found) == set(expected) else [f"arrays {sorted(found)}; expected {sorted(expected)}"]
    for name in expected:
        if name.endswith("mask"):
            moved = int((found[name] != expected[name]).sum())
            if moved:
                faults.append(f"{name}: {moved} entries differ")
        elif not torch.allclose(found[name], expected[name], atol=1e-4, equal_nan=True):
            faults.append(f"{name}: apart by {(found[name] - expected[name]).abs().nan_to_num().max():.2g}")
    report, code, text, recorded, audited = plans.audit(model)
    model.close()
    named = report["layers"][0]["rule"]["id"]
    if report["verdict"] != setting.verdict:
        faults.append(f"verdict {report['verdict']}; expected {setting.verdict}\n{text}")
    faults += [f["message"] for f in report["findings"] if f["claim"] == "broken-declaration"]
    print(f"{'wrong' if faults else 'right'}  {setting.name}: {report['verdict']}, {named}, "
          f"{recorded:.1f} + {audited:.1f} s", flush=True)
    (folder / "faults").write_text("".join(f"  {fault}\n" for fault in faults))


def settings_of(engine):
    return __import__(f"ranks_{engine}").SETTINGS


def work(rank, engine, number, folder, alone):
    setting, folder = settings_of(engine)[number], Path(folder)
    reference(setting, folder) if alone else shared(rank, setting, folder)


def main():
    engine, wrong = sys.argv[1], 0
    for number in range(len(settings_of(engine))):
        with tempfile.TemporaryDirectory(prefix="pastonly-ranks-") as folder:
            for alone in (True, False):
                torch.multiprocessing.spawn(work, (engine, number, folder, alone), nprocs=1 if alone else RANKS)
            faults = (Path(folder) / "faults").read_text()
            print(faults, end="", flush=True)
            wrong += bool(faults)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
