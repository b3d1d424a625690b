"""`pastonly bound`: the published figures."""

import json
import unittest

from program import run


def bound(*arguments):
    done = run("bound", *arguments, "-o", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Bound(unittest.TestCase):
    def test_published_figures(self):
        report = bound("--experts", 16, "--top-k", 2, "--layers", 9, "--vocab", 32000)
        layer, totals = report["layers"][0]["bound"], report["totals"]
        self.assertEqual(len(report["layers"]), 9)
        self.assertEqual(round(layer["floor_bits"], 4), 5.6147)
        self.assertEqual(round(totals["floor_bits"], 3), 50.532)
        self.assertEqual(round(layer["limit_bits"], 4), 8.6970)
        self.assertEqual(round(totals["limit_bits"], 3), 78.273)
        self.assertEqual(totals["successors_identifiable"], 3)
        self.assertIsNone(layer["capacity_bits"])
        self.assertFalse(layer["vacuous"])

    def test_text_shows_them(self):
        done = run("bound", "--experts", 16, "--top-k", 2, "--layers", 9, "--vocab", 32000)
        for figure in ("5.6147", "50.532", "8.6970", "78.273", "3 successors"):
            self.assertIn(figure, done.stdout)

    def test_capacity_of_a_chunk(self):
        totals = bound("--experts", 16, "--top-k", 2, "--layers", 9, "--chunk", 512)["totals"]
        self.assertEqual(round(totals["capacity_bits"], 2), 77.08)

    def test_toy(self):
        report = bound("--experts", 2, "--top-k", 1, "--chunk", 2)
        layer = report["layers"][0]["bound"]
        self.assertAlmostEqual(layer["capacity_bits"], 1.0)
        self.assertEqual(layer["floor_bits"], 0.0)
        self.assertTrue(layer["vacuous"])
        self.assertIn("vacuous", run("bound", "--experts", 2, "--top-k", 1, "--chunk", 2).stdout)

    def test_bad_usage(self):
        for arguments in (["--experts", 4], ["--experts", 4, "--top-k", 5], ["--experts", 0, "--top-k", 1],
                          ["--experts", 4, "--top-k", 0], ["--experts", 4, "--top-k", 1, "--chunk", 0]):
            done = run("bound", *arguments)
            self.assertEqual(done.returncode, 4, arguments)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    unittest.main()
