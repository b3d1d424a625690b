"""`rules` and `explain` as JSON: every row, under the keys that docs/reports.md names."""

import json
import pathlib
import re
import tempfile
import unittest

from program import ROOT, run


def documented():
    """{document or kind: its keys} of the table."""
    section = (ROOT / "docs/reports.md").read_text().split("## Rules, checks and options as JSON")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `?(\w+)`? \| (.*) \|$", section, re.M)
    # Keys of objects inside stand in brackets.
    return {name: set(re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", keys).split(":")[0].split(".")[0]))
            for name, keys in rows}


def explained(name):
    done = run("explain", name, "-o", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Catalogue(unittest.TestCase):
    def test_every_rule(self):
        keys = documented()
        done = run("rules", "-o", "json")
        rules = json.loads(done.stdout)
        self.assertEqual((set(rules), rules["schema"]), ({"schema", "rules"}, "pastonly.rules/1"))
        table = [line.split()[0] for line in run("rules").stdout.split("\n\n")[0].splitlines()[1:]]
        self.assertEqual([rule["id"] for rule in rules["rules"]], table)
        for rule in rules["rules"]:
            with self.subTest(rule=rule["id"]):
                self.assertEqual(set(rule), keys["rule"])
                self.assertEqual(set(rule["depends_on"]), {"future", "batch", "length", "order", "random"})
                self.assertTrue(all(isinstance(depends, bool) for depends in rule["depends_on"].values()))
                told = explained(rule["id"])
                self.assertEqual(set(told), {"schema", "asked", "entries"})
                self.assertEqual(told["entries"][0], rule)

    def test_every_check(self):
        for page in sorted((ROOT / "docs/checks").glob("*.md")):
            if page.stem == "README":
                continue
            with self.subTest(check=page.stem):
                entry = explained(page.stem)["entries"][-1]
                self.assertEqual((entry["kind"], entry["id"], set(entry)), ("check", page.stem, documented()["check"]))
                self.assertLessEqual(set(entry["needs"]), {"tokens", "scores", "gates", "log_probs", "source", "weights",
                                                           "routes", "pair"})

    def test_every_option(self):
        """All keys of the table that docs/lint.md is written from."""
        listed = set(re.findall(r"^\| `[a-z0-9-]+` \| `([\w-]+)`", (ROOT / "docs/lint.md").read_text(), re.M))
        self.assertGreater(len(listed), 40)
        seen = 0
        for key in sorted(listed):
            done = run("explain", key, "-o", "json")
            if done.returncode == 4:
                continue
            for entry in json.loads(done.stdout)["entries"]:
                if entry["kind"] != "option":
                    continue
                seen += 1
                self.assertEqual(set(entry), documented()["option"])
                self.assertTrue(entry["when"])
                for condition in entry["when"]:
                    self.assertEqual(set(condition), {"key", "test", "value", "default"})
                self.assertEqual(set(entry["depends_on"]), {"future", "batch", "length"})
        self.assertGreater(seen, 40)

    def test_text_and_json_find_the_same(self):
        for name in ("top-k", "expert-choice,k=2,chunk=8", "causal-mask/flip", "moe_router_load_balancing_type"):
            with self.subTest(name=name):
                told = explained(name)
                self.assertEqual(told["asked"], name)
                text = " ".join(run("explain", name).stdout.split())
                for entry in told["entries"]:
                    self.assertIn(" ".join(entry["what"].split()), text)

    def test_refusals(self):
        for arguments in (("explain", "no-such-thing", "-o", "json"), ("rules", "-o", "yaml"),
                          ("rules", "-o", "json=file"), ("explain", "top-k", "-o", ""), ("explain", "-o", "json"),
                          ("explain", "causal-mask/nothing", "-o", "json"), ("explain", "top-k,z=1", "-o", "json")):
            with self.subTest(arguments=arguments):
                done = run(*arguments)
                self.assertEqual((done.returncode, done.stdout), (4, ""))

    def test_misspelt_rules_are_named(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "policy.json"
            for rule, said in (("topk", "did you mean top-k?"), ("expert-chioce,k=2", "did you mean expert-choice"),
                               ("Sinkhorm", "did you mean sinkhorn"), ("nothing-like-it", "`pastonly rules` lists them")):
                with self.subTest(rule=rule):
                    path.write_text(json.dumps({"schema": "pastonly.policy/1", "rule": rule}))
                    done = run("audit", ROOT / "audits/examples/clean", "--policy", path)
                    self.assertEqual(done.returncode, 4, done.stderr)
                    self.assertIn(f"no routing rule '{rule.split(',')[0]}'; {said}", done.stderr)


if __name__ == "__main__":
    unittest.main()
