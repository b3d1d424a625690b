"""pastonly compare: what two recordings of the same tokens share."""

import json
import unittest

from program import ROOT, run

EXAMPLES = ROOT / "audits/examples"


class Compare(unittest.TestCase):
    def test_two_models_on_the_same_tokens(self):
        done = run("compare", EXAMPLES / "leaky", EXAMPLES / "clean", "-o", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        layers = json.loads(done.stdout)["layers"]
        self.assertEqual([layer["layer"] for layer in layers], [0, 1])
        for layer in layers:
            self.assertGreater(layer["routes_kept"]["lower"], layer["by_chance"])
            self.assertLess(layer["routes_kept"]["upper"], 1.0)
        text = run("compare", EXAMPLES / "leaky", EXAMPLES / "clean").stdout
        self.assertIn("routes kept", text)
        self.assertIn(f"{100 * layers[0]['routes_kept']['value']:.1f}%", text)

    def test_a_model_shares_everything_with_itself(self):
        done = run("compare", EXAMPLES / "clean", EXAMPLES / "clean", "-o", "json")
        for layer in json.loads(done.stdout)["layers"]:
            self.assertEqual(layer["routes_kept"]["value"], 1.0)

    def test_a_run_is_held_against_its_last_checkpoint(self):
        steps = [EXAMPLES / name for name in ("clean", "leaky", "clean", "clean")]
        done = run("compare", *steps, "-o", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        fixation = json.loads(done.stdout)
        two = json.loads(run("compare", EXAMPLES / "leaky", EXAMPLES / "clean", "-o", "json").stdout)
        self.assertEqual(len(fixation["steps"]), 3)
        for layer, alone in zip(fixation["steps"][1]["layers"], two["layers"]):
            above = layer.pop("above_chance")
            self.assertEqual(layer, alone)
            kept, chance = alone["routes_kept"]["value"], alone["by_chance"]
            self.assertAlmostEqual(above, (kept - chance) / (1 - chance))
        # The first agreed as well, but did not stay so.
        self.assertEqual([layer["above_chance"] for layer in fixation["steps"][0]["layers"]], [1.0, 1.0])
        self.assertEqual([layer["from"] for layer in fixation["settled"]], [str(steps[2])] * 2)
        never = json.loads(run("compare", *steps[1:2] * 2, steps[0], "-o", "json").stdout)
        self.assertEqual([layer["from"] for layer in never["settled"]], [str(steps[0])] * 2)
        self.assertIn("routes stay those of the end from", run("compare", *steps).stdout)

    def test_what_cannot_be_compared(self):
        self.assertEqual(run("compare", EXAMPLES / "clean", ROOT / "nothing").returncode, 2)
        self.assertEqual(run("compare", EXAMPLES / "clean").returncode, 4)
        self.assertEqual(run("compare", EXAMPLES / "clean", EXAMPLES / "leaky", "--batch", "x").returncode, 4)
        mixed = run("compare", EXAMPLES / "clean/0000.out.safetensors", EXAMPLES / "clean/0010.out.safetensors")
        self.assertEqual(mixed.returncode, 2)
        self.assertIn("compare runs of the same tokens", mixed.stderr)


if __name__ == "__main__":
    unittest.main()
