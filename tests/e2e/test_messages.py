"""What a person reads on the terminal: the head of a report, what a file that is not what it seems is told, the help."""

import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

import made_plan
import test_checkpoint
from program import BINARY, COMMANDS, ROOT, SHARED, compare, run

POINTER = ("version https://git-lfs.github.com/spec/v1\n"
           "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n")


def floats(values):
    return struct.pack(f"<{len(values)}f", *values)


class Messages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def trace(self, name, zero_rows=(), kind="F32", scores="scores", rows=4, positions=32):
        """A trace of top-2 routing, with some rows of scores left at zero."""
        tokens = [[(7 * row + 3 * at * at) % made_plan.VOCAB for at in range(positions)] for row in range(rows)]
        route = made_plan.causal(tokens, None)
        tensors = {"tokens": ("I32", (rows, positions), b"".join(struct.pack(f"<{positions}i", *row) for row in tokens))}
        for layer in made_plan.LAYERS:
            told, mask = b"", b""
            for row in range(rows):
                for at in range(positions):
                    values, chosen = route(layer, row, at)
                    values = [0.0] * len(values) if (row, at) in zero_rows else values
                    told += (floats(values) if kind == "F32" else
                             b"".join(struct.pack("<I", struct.unpack("<I", struct.pack("<f", v))[0] + 0x8000)[2:] for v in values))
                    mask += bytes(chosen)
            shape = (rows, positions, made_plan.EXPERTS)
            tensors[f"layers.{layer}.{scores}"] = (kind, shape, told)
            tensors[f"layers.{layer}.mask"] = ("U8", shape, mask)
        path = self.root / name
        made_plan.safetensors(path, tensors, {"schema": "pastonly.trace/1", "mode": "eval", "stage": "dispatched",
                                              "layout": "batch-major", "vocab": str(made_plan.VOCAB)})
        return path

    def test_a_failure_says_what_to_do_before_its_details(self):
        said = run("audit", ROOT / "audits/examples/leaky", "--color", "never").stdout
        head = " ".join(said.split("\n\nFindings")[0].split())
        self.assertIn("Checks that fail this policy: causal-mask", head)
        self.assertIn("What to do: Layers 0-1 are routed by expert-choice, which is not causal.", head)
        self.assertIn("`pastonly explain expert-choice` says more.", head)
        self.assertLess(len(said.split("\n\nFindings")[0].splitlines()), 9)
        clean = run("audit", ROOT / "audits/examples/clean", "--color", "never").stdout
        self.assertNotIn("What to do", clean)

    def test_no_cell_is_cut(self):
        for path in ("audits/examples/leaky", "audits/examples/clean"):
            self.assertNotIn("…", run("audit", ROOT / path).stdout)
        if SHARED.exists():
            said = run("audit", SHARED / "gshard-top2").stdout
            self.assertNotIn("…", said)
            self.assertIn("gshard-top-2 k=2, capacity=256, capacities, order=batch-major", said)

    def test_several_recordings_are_summed_up_in_a_line_each(self):
        plans = []
        for name, model in (("a", made_plan.whole_row), ("b", made_plan.causal)):
            plan = made_plan.MadePlan(self.root / name, model, positions=300, mode="eval" if name == "a" else "train")
            plan.suffixes([19, 36, 47, 53, 131, 200])
            plan.batch()
            plans.append(plan.write())
        said = run("audit", *plans, "--color", "never").stdout
        head = said.split("\n\n")[0].splitlines()
        self.assertLess(len(head), 10, head)
        self.assertIn("fails: causal-mask", " ".join(head))
        self.assertNotIn("Witness", " ".join(head))

    def test_compare_says_how_far_apart_the_two_are(self):
        a = self.trace("a.safetensors")
        said = run("compare", a, self.trace("b.safetensors", rows=4), "--color", "never").stdout
        self.assertIn("agrees as far as the policy asks", said)
        other = ROOT / "audits/examples"
        said = " ".join(run("compare", other / "leaky", other / "clean", "--color", "never").stdout.split())
        self.assertRegex(said, r"The two do not agree: [a-z-]+")
        self.assertRegex(said, r"Of [\d,]+ tokens, [\d.]+% take other experts beyond near ties; the second keeps [\d.]+%")

    def test_compare_names_rows_of_zeros_and_stored_types(self):
        whole = self.trace("whole.safetensors")
        holes = self.trace("holes.safetensors", {(1, at) for at in range(10, 20)})
        report = compare(whole, holes)
        said = json.dumps(report["findings"])
        self.assertIn("20 rows of scores of the second are zero throughout, and none of the first's", said)
        self.assertNotIn("scores are not recorded in both", json.dumps(report))
        swapped = json.dumps(compare(holes, whole)["findings"])
        self.assertIn("20 rows of scores of the first are zero throughout, and none of the second's", swapped)
        self.assertNotIn("zero throughout", json.dumps(compare(holes, holes)["findings"]))
        self.assertNotIn("stored as", json.dumps(compare(whole, holes)["findings"]))
        coarse = self.trace("coarse.safetensors", kind="BF16")
        self.assertIn("scores are stored as F32, the second's as BF16", json.dumps(compare(whole, coarse)["findings"]))

    def test_pointers_of_git_lfs_are_told(self):
        checkpoint = test_checkpoint.write(self.root / "model")
        (checkpoint / "model.safetensors").write_text(POINTER)
        trace = self.root / "trace.safetensors"
        trace.write_text(POINTER)
        gguf = self.root / "model.gguf"
        gguf.write_text(POINTER)
        ids = self.root / "ids.npy"
        ids.write_text(POINTER)
        for arguments in (("audit", checkpoint), ("audit", trace), ("audit", gguf), ("audit", ids), ("compare", trace, trace),
                          ("report", trace), ("verify", trace)):
            with self.subTest(arguments=arguments):
                done = run(*arguments)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn("is a Git LFS pointer, not the file that it stands for", done.stderr)

    def test_defaults_are_named_where_a_shape_does_not_fit(self):
        path = test_checkpoint.write(self.root / "model")
        config = json.loads((path / "config.json").read_text())
        del config["num_experts"]
        (path / "config.json").write_text(json.dumps(config))
        done = run("audit", path)
        self.assertEqual(done.returncode, 2)
        self.assertIn("config.json does not state num_experts = 64", done.stderr)
        self.assertIn("which are defaults of its model_type", done.stderr)

    def test_remarks_are_kept_where_their_check_is_left_out(self):
        path = test_checkpoint.write(self.root / "model", {"odd_key": 3})
        done = run("audit", path, "--check", "causal-mask", "-o", "json", "-q")
        rows = {row["check"]: row["reason"] for row in json.loads(done.stdout)["not_assessed"]}
        self.assertIn("not selected (--check); it would say: ", rows["trace-integrity"])
        self.assertIn("odd_key = 3", rows["trace-integrity"])
        self.assertEqual(rows["load-balance"], "not selected (--check)")

    def test_a_missing_package_is_named_by_the_worker(self):
        done = subprocess.run([sys.executable, "-m", "pastonly.worker", "--serve", "--model", "no_such_package:build"],
                              capture_output=True, text=True, timeout=60, cwd=ROOT / "src/python")
        if "import numpy" in done.stderr:
            self.skipTest("the Python package needs numpy")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("the Python package no_such_package is not installed", done.stderr)

    def test_help_fits_a_terminal(self):
        for command in COMMANDS:
            for line in run(command, "--help").stdout.splitlines():
                self.assertLessEqual(len(line), 100, f"{command}: {line}")
        said = " ".join(run("compare", "--help").stdout.split())
        self.assertIn("-o takes text or json without a path", said)
        self.assertTrue(BINARY)


if __name__ == "__main__":
    unittest.main()
