"""Causal types of transformers without experts: each is audited by its log-probabilities, where a tiny configuration builds it.

The lists of docs/python.md are written from it: PASTONLY_WRITE_TABLE=1.
"""

import tempfile
import unittest
from pathlib import Path

from transformers.models.auto.configuration_auto import CONFIG_MAPPING

import tiny_models
import toy  # noqa: F401: the path of the package
from pastonly.adapters.hf import HF
from torch_families import BINARY, audit, write_or_compare

BEGIN, END = "<!-- dense: written by tests/python/torch_dense.py -->\n", "<!-- /dense -->\n"
MOST_PARAMETERS = 8_000_000

# See the whole row unless a call says otherwise: xlnet takes a perm_mask, cpmant a prefix.
LEAKS = {"cpmant", "xlnet"}


def build(name):
    """None where the tiny configuration does not fit: keys of its own, a tower for pictures, millions of parameters."""
    more = {"is_decoder": True} if "is_decoder" in dir(CONFIG_MAPPING[name]) else {}
    try:
        if tiny_models.parameters_of(name, **more) > MOST_PARAMETERS:
            return None
        return HF(tiny_models.build(name, **more))
    except Exception:  # noqa: BLE001: transformers raises what it likes
        return None


@unittest.skipUnless(BINARY, "PASTONLY_BINARY names no program")
class Dense(unittest.TestCase):
    def test_all(self):
        found = {"pass": [], "fail": [], "not tried": []}
        for name in tiny_models.dense_types():
            adapter = build(name)
            if adapter is None:
                found["not tried"].append(name)
                continue
            self.assertEqual(list(adapter.facts.layers), [], name)
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                report = audit(adapter, Path(folder) / "plan")
                found.setdefault(report["verdict"], []).append(name)
                self.assertEqual(report["verdict"], "fail" if name in LEAKS else "pass", report["verdict_reasons"])
        self.assertGreater(len(found["pass"]), 80)
        lines = [f"- {verdict} ({len(names)}): {', '.join(f'`{name}`' for name in names)}" for verdict, names in found.items()]
        write_or_compare(BEGIN, END, "\n".join(lines) + "\n")


if __name__ == "__main__":
    unittest.main()
