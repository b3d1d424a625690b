"""`pastonly lint`: what it says of configurations as people have them, and of files that are none."""

import json
import os
import re
import shutil
import tempfile
import unittest
from pathlib import Path

import jsonschema

from program import ROOT, run

CORPUS = ROOT / "tests/lint/files"
EXPECTED = json.loads((ROOT / "tests/lint/expected.json").read_text())


def lint(*arguments, cwd=CORPUS):
    done = run("lint", *arguments, "-o", "json", cwd=cwd)
    return done.returncode, json.loads(done.stdout)


def found(report):
    return [[f["place"]["line"], f["severity"], f["claim"]] for f in report["findings"]]


class Corpus(unittest.TestCase):
    def test_every_file_says_what_is_expected(self):
        self.assertEqual(sorted(EXPECTED), sorted(str(path.relative_to(CORPUS)) for path in CORPUS.rglob("*") if path.is_file()))
        code, report = lint(".")
        self.assertEqual(code, 1)
        self.assertEqual(report["not_assessed"], [])
        by_file = {name: [] for name in EXPECTED}
        for finding in report["findings"]:
            by_file[os.path.normpath(finding["place"]["file"])].append(
                [finding["place"]["line"], finding["severity"], finding["claim"]])
        whose = {os.path.normpath(one["path"]): one["frameworks"] for one in report["subject"]["options"]["recognised"]}
        for name, expected in EXPECTED.items():
            with self.subTest(name):
                self.assertEqual(by_file[name], expected["findings"])
                self.assertEqual(whose.get(name, ""), expected["frameworks"])

    def test_it_is_large_enough(self):
        self.assertGreaterEqual(len(EXPECTED), 60)
        self.assertGreaterEqual(sum(not one["findings"] for one in EXPECTED.values()), 20)

    def test_alone_each_file_decides_the_exit_code(self):
        for name, expected in EXPECTED.items():
            with self.subTest(name):
                code, report = lint(name)
                self.assertEqual(code, int(any(severity == "error" for _, severity, _ in expected["findings"])))
                self.assertEqual(found(report), expected["findings"])
                self.assertEqual(len(report["not_assessed"]), int(not expected["frameworks"]))

    def test_the_report_is_valid_and_can_be_read_again(self):
        schema = json.loads((ROOT / "docs/report.schema.json").read_text())
        code, report = lint("megatron", "huggingface/nllb.json")
        self.assertEqual([e.message for e in jsonschema.Draft202012Validator(schema).iter_errors(report)], [])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "report.json")
            path.write_text(json.dumps(report))
            self.assertEqual(run("report", path).stdout, run("lint", "megatron", "huggingface/nllb.json", cwd=CORPUS).stdout)
            again = run("report", path, "-o", "json")
            self.assertEqual((again.returncode, json.loads(again.stdout)["findings"]), (code, report["findings"]))
            self.assertEqual(run("report", path, "--policy", "ci").returncode, 4)
            self.assertEqual(run("verify", path).returncode, 4)

    def test_a_place_is_one_that_editors_open(self):
        lines = run("lint", "megatron/train_mixtral.sh", cwd=CORPUS).stdout.splitlines()
        self.assertTrue(lines[0].startswith("FAIL  1 file read"))
        self.assertTrue(lines[2].startswith("megatron/train_mixtral.sh:27: error: moe_expert_capacity_factor = 1.0"))

    def test_every_writer_leads_to_the_line(self):
        name = "megatron/anchors.yaml"
        line = EXPECTED[name]["findings"][0][0]
        told = {form: run("lint", name, "-o", form, cwd=CORPUS).stdout for form in ("sarif", "gitlab", "github", "markdown", "html", "junit")}
        location = json.loads(told["sarif"])["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
        self.assertEqual((location["artifactLocation"]["uri"], location["region"]["startLine"]), (name, line))
        place = json.loads(told["gitlab"])[0]["location"]
        self.assertEqual((place["path"], place["lines"]["begin"]), (name, line))
        self.assertIn(f"file={name},line={line},", told["github"])
        for form in ("markdown", "html"):
            self.assertIn(f"{name}:{line}: ", told[form])
            self.assertIn("Instead: ", told[form])
        rule = json.loads(told["sarif"])["runs"][0]["tool"]["driver"]["rules"][0]
        self.assertIn("torch.topk over a column", rule["shortDescription"]["text"])
        for words in ("Method and limits", "tokens at least", "<dt>seed", "see the future", "pastonly verify"):
            self.assertNotIn(words, told["html"])
        for form, text in told.items():  # nothing of interventions, which are not made
            self.assertNotIn("Redrawing", text, form)
            self.assertNotIn("token positions", text, form)

    def test_the_framework_can_be_named(self):
        self.assertEqual(lint("maxtext/dense_drop.yml", "--framework", "megatron")[1]["findings"], [])
        self.assertEqual(found(lint("megatron/train_mixtral.sh", "--framework", "megatron")[1]), EXPECTED["megatron/train_mixtral.sh"]["findings"])
        done = run("lint", "megatron", "--framework", "megatrn", cwd=CORPUS)
        self.assertEqual(done.returncode, 4)
        self.assertIn("did you mean megatron", done.stderr)

    def test_options_are_explained(self):
        done = run("explain", "moe_token_drop_policy")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("drop-by-score", done.stdout)
        self.assertIn("unstable-capacity", done.stdout)
        self.assertIn("biased-top-k", run("explain", "load_balance_coeff").stdout)
        self.assertEqual(run("explain", "moe_token_drop_polcy").returncode, 4)
        by_id = run("explain", "megatron-drop-by-score")
        self.assertEqual((by_id.returncode, by_id.stdout), (0, run("explain", "configuration/megatron-drop-by-score").stdout))
        self.assertIn("(option, megatron-drop-by-score)", by_id.stdout)
        self.assertEqual(run("explain", "configuration/no-such-id").returncode, 4)

    def test_the_page_shows_what_is_printed(self):
        printed = run("lint", "megatron/train_mixtral.sh", cwd=CORPUS).stdout.splitlines()
        page = (ROOT / "docs/lint.md").read_text()
        for line in printed[3:]:
            self.assertIn("    " + line + "\n", page)


class Hostile(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def refused(self, name, content, words):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        code, report = lint(path)
        self.assertEqual(code, 2, name)
        self.assertEqual(report["verdict"], "error")
        self.assertIn(words, report["not_assessed"][0]["reason"])
        self.assertIn(name, report["not_assessed"][0]["reason"])

    def test_what_cannot_be_read_is_named(self):
        self.refused("cut.json", '{"model_type": "mixtral", "router_jit', "line 1")
        self.refused("deep.json", "[" * 100000, "levels")
        self.refused("deep.yaml", "[" * 100000, "deep")
        self.refused("deep.toml", "a=" + "[" * 100000, "not closed")
        self.refused("nul.yaml", b"a: 1\0", "NUL")
        self.refused("wide.json", '{"k":1,' + ",".join(f'"k{i}":1' for i in range(250000)) + "}", "keys")
        self.refused("big.yaml", " " * (5 << 20) + "a", "more than")
        self.refused("model.safetensors", b"\0" * 100, "audit it")
        self.refused("model.gguf", b"GGUF\3\0\0\0" + b"\xff" * 100, "tensors")
        self.refused("torn.yaml", "a: [1\nb: }", "line 2")
        with open(self.folder / "huge.json", "wb") as file:
            file.truncate(1 << 30)
        self.assertEqual(lint(self.folder / "huge.json")[0], 2)
        self.assertEqual(lint(self.folder / "absent.yaml")[0], 2)
        os.mkfifo(self.folder / "pipe.yaml")
        self.assertEqual(lint(self.folder / "pipe.yaml")[0], 2)

    def test_what_was_not_read_is_no_pass(self):
        empty = self.folder / "empty"
        empty.mkdir()
        done = run("lint", empty)
        self.assertEqual((done.returncode, done.stdout.split("\n")[0]), (0, "NOTE  nothing was read: no file of a syntax that is known"))
        broken = self.folder / "broken.json"
        broken.write_text("{")
        for form in ("text", "github", "gitlab"):
            told = run("lint", broken, "-o", form).stdout
            self.assertIn("1 file could not be read", told, form)
            self.assertIn("line 1", told, form)
            self.assertNotIn("looks ahead", told, form)

    def test_an_unknown_mixture_is_not_assessed(self):
        for name, text, words in (("moe.json", '{"model_type": "mymoe", "router_type": "expert_choice"}', "mymoe has experts"),
                                  ("dense.json", '{"model_type": "gpt2"}', "no option of a framework")):
            path = self.folder / name
            path.write_text(text)
            code, report = lint(path)
            self.assertEqual((code, report["findings"], report["subject"]["options"]["recognised"]), (0, [], []))
            self.assertIn(words, report["not_assessed"][0]["reason"])
            told = run("lint", path).stdout
            self.assertTrue(told.startswith("NOTE  1 file read, 0 with options that are known"), told)
            self.assertIn("NOTE" if name == "moe.json" else "0 with options", told)
            self.assertIn('class="verdict note"', run("lint", path, "-o", "html").stdout)
            self.assertIn("pastonly: note", run("lint", path, "-o", "markdown").stdout)
        self.assertIn("1 file has experts that route in a way that is not known here", run("lint", self.folder / "moe.json").stdout)

    def test_items_of_a_list_have_lines_of_their_own(self):
        options = ["train.py", "--num-experts=8", "--moe-expert-capacity-factor", "1.0", "--moe-token-drop-policy=probs",
                   "--moe-router-load-balancing-type=sinkhorn"]
        yaml = "spec:\n  args:\n" + "".join(f"    - {option}\n" for option in options)
        as_json = '{\n "args": [\n' + ",\n".join(f'  "{option}"' for option in options) + "\n ]\n}\n"
        for name, text in (("job.yaml", yaml), ("job.json", as_json)):
            path = self.folder / name
            path.write_text(text)
            _, report = lint(path)
            lines = text.split("\n")
            self.assertTrue(report["findings"], name)
            for found in report["findings"]:
                key = found["message"].split(" = ")[0].replace("_", "-")
                self.assertIn(key, lines[found["place"]["line"] - 1], (name, found["place"], found["message"]))

    def test_the_page_counts_files_as_the_text_does(self):
        (self.folder / "known.json").write_text('{"model_type": "mixtral", "num_local_experts": 8}')
        (self.folder / "other.json").write_text('{"a": 1}')
        said = run("lint", self.folder).stdout.split("\n")[0]
        page = run("lint", self.folder, "-o", "html").stdout
        read, known = (int(word) for word in re.match(r"\w+  (\d+) files read, (\d+) with", said).groups())
        self.assertIn(f"{known} files with options that are known, of {read} read", page)
        self.assertEqual(page.count('<th scope="row">'), known)

    def test_aliases_and_merges_do_not_multiply(self):
        lines = ["a0: &a0 {moe_router_topk: 2, moe_expert_capacity_factor: 1.0}"]
        lines += [f"a{i}: &a{i}\n  <<: [" + ", ".join([f"*a{i - 1}"] * 9) + "]" for i in range(1, 30)]
        path = self.folder / "bomb.yaml"
        path.write_text("\n".join(lines) + "\n")
        # Every mapping that takes over the factor drops by score, and it stands in one place.
        self.assertEqual(found(lint(path)[1]), [[1, "error", "megatron-drop-by-score"]])
        path.write_text("a: &a\n  <<: *a\n  moe_router_topk: 2\n")
        self.assertEqual(lint(path)[0], 0)

    def test_a_directory_is_searched_and_its_broken_files_are_named(self):
        (self.folder / ".git").mkdir()
        (self.folder / ".git/config.yaml").write_text("moe_expert_capacity_factor: 1.0\n")
        (self.folder / "deep/er").mkdir(parents=True)
        (self.folder / "deep/er/run.sh").write_text("x --moe-router-topk 2\n")
        (self.folder / "broken.json").write_text("{")
        os.symlink(self.folder, self.folder / "deep/loop")
        code, report = lint(self.folder)
        self.assertEqual((code, found(report)), (0, []))
        self.assertEqual([file["path"] for file in report["subject"]["files"]], [f"{self.folder}/deep/er/run.sh"])
        self.assertEqual(len(report["not_assessed"]), 1)
        self.assertEqual(lint(self.folder, self.folder / "broken.json")[0], 2)

    def test_nothing_in_a_file_acts_on_a_terminal(self):
        path = self.folder / "esc.sh"
        path.write_text("x --moe-expert-capacity-factor 1.0 --moe-token-drop-policy 'probs\x1b[31m'\n")
        self.assertNotIn("\x1b", run("lint", path).stdout)
        path.write_text("x --moe-router-load-balancing-type 'sinkhorn,\x1b[31m'\n")
        done = run("lint", path)
        self.assertEqual(done.returncode, 1)
        self.assertNotIn("\x1b", done.stdout)

    def test_it_does_not_write_over_what_it_reads(self):
        path = self.folder / "run.yaml"
        path.write_text("moe_router_topk: 2\n")
        self.assertEqual(run("lint", path, "-o", f"json={path}").returncode, 4)
        self.assertEqual(path.read_text(), "moe_router_topk: 2\n")
        self.assertEqual(run("lint").returncode, 4)


if __name__ == "__main__":
    unittest.main()
