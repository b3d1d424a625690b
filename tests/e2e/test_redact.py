"""A redacted report shows no token, no score of a token and no path, in any format, and is verified all the same."""

import json
import pathlib
import re
import shutil
import struct
import tempfile
import unittest

import jsonschema

import test_checkpoint
from made_plan import MadePlan, expert_choice, whole_row
from program import ROOT, run

EXAMPLES = ROOT / "audits/examples"
FORMATS = ("text", "json", "svg", "sarif", "junit", "gitlab", "github", "markdown", "html")
FIRST = 731_000  # token ids begin here: no figure of a report looks like one


def rewritten(path, change):
    """A safetensors file whose tensors `change(name, dtype, bytes)` gives anew."""
    content = path.read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    header, data = json.loads(content[8:8 + length]), content[8 + length:]
    out = b""
    for name, tensor in header.items():
        if name == "__metadata__":
            continue
        begin, end = tensor["data_offsets"]
        raw = change(name, tensor["dtype"], data[begin:end])
        tensor["data_offsets"] = [len(out), len(out) + len(raw)]
        out += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + out)


class Redaction(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="zebra-crossing-")
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)
        self.secrets = {"zebra-crossing", "kingfisher", "0000.out", "0010.out", "safetensors", str(self.path)}

    def plan(self, name="kingfisher-corp", model=whole_row):
        """A recording with tokens and scores that can be told from everything else."""
        plan = MadePlan(self.path / name, model, positions=96)
        plan.suffixes([19, 36, 47, 53])
        plan.batch()
        path = plan.write()
        for file in sorted(path.glob("*.safetensors")):
            rewritten(file, self.shifted)
        text = (path / "plan.json").read_text()
        (path / "plan.json").write_text(text.replace('"vocab": 64', f'"vocab": {FIRST + 64}'))
        self.assertTrue({f"{FIRST + 5}", f"{FIRST + 60}"} <= self.secrets)
        self.assertGreater(len(self.secrets), 500)
        return path

    def shifted(self, name, dtype, raw):
        if name.startswith("tokens") or name == "token_ids":
            kind, size = ("q", 8) if dtype == "I64" else ("i", 4)
            ids = [t + FIRST for t in struct.unpack(f"<{len(raw) // size}{kind}", raw)]
            self.secrets.update(map(str, ids))
            return struct.pack(f"<{len(ids)}{kind}", *ids)
        if dtype == "F32" and "mask" not in name:
            for value in struct.unpack(f"<{len(raw) // 4}f", raw):
                if 0 < value < 1:
                    self.secrets.add(f"{value:.9g}")
        return raw

    def written(self, *arguments):
        """What each writer writes, by format."""
        files = {name: self.path / f"out.{name}" for name in FORMATS}
        done = run(*arguments, "-q", *(part for name, file in files.items() for part in ("-o", f"{name}={file}")))
        self.assertIn(done.returncode, (0, 1, 2, 3), done.stderr)
        return {**{name: file.read_text() for name, file in files.items()}, "stderr": done.stderr, "stdout": done.stdout}

    def told_by(self, full):
        """Scores, files and tensors that the full report tells of: six figures of a float, and names."""
        report = json.loads(full["json"])
        told = set()

        def walk(value, key=""):
            if isinstance(value, dict):
                for name, member in value.items():
                    walk(member, name)
            elif isinstance(value, list):
                for member in value:
                    walk(member, key)
            elif isinstance(value, float) and ("score" in key or "threshold" in key) and value not in (0, 1):
                told.update((repr(value), f"{value:.6g}", f"{value:.5g}"))
        for finding in report["findings"] + report["dismissed"]:
            walk(finding["witness"])
            told.update(re.findall(r"\((0\.\d{5,})\)", finding["message"]))
        return told

    def assert_silent(self, written, secrets):
        for name, text in written.items():
            found = sorted(secret for secret in secrets if secret in text)
            self.assertEqual(found, [], name)

    def test_no_byte_of_any_format(self):
        for model in (whole_row, expert_choice(8)):
            with self.subTest(model=model):
                self.setUp()
                plan = self.plan(model=model)
                full = self.written("audit", plan)
                told = self.told_by(full)
                self.assertGreater(len(told), 2)
                for name in ("text", "json", "html", "sarif", "markdown"):  # or the search would prove nothing
                    self.assertTrue(any(secret in full[name] for secret in told | {"kingfisher"}), name)
                redacted = self.written("audit", plan, "--redact")
                self.assert_silent(redacted, self.secrets | told)
                schema = json.loads((ROOT / "docs/report.schema.json").read_text())
                self.assertEqual(list(jsonschema.Draft202012Validator(schema).iter_errors(json.loads(redacted["json"]))), [])

    def test_later_is_as_good_as_at_once(self):
        plan = self.plan()
        full, red = self.path / "full.json", self.path / "red.json"
        run("audit", plan, "-q", "-o", f"json={full}")
        self.assertEqual(run("report", full, "--redact", "-o", f"json={red}").returncode, 1)
        told = self.told_by({"json": full.read_text()})
        self.assert_silent({"json": red.read_text(), **self.written("report", red)}, self.secrets | told)
        again = self.path / "again.json"
        run("report", red, "--redact", "-o", f"json={again}")
        self.assertEqual(again.read_text(), red.read_text())

    def test_options_policies_and_baselines(self):
        plan = self.plan()
        policy, base = self.path / "kingfisher-policy.json", self.path / "kingfisher-base.json"
        policy.write_text(json.dumps({"schema": "pastonly.policy/1", "ignore": [
            {"check": "rule-identification", "reason": "kingfisher knows", "expires": "9999-12-31"}]}))
        tags = self.path / "kingfisher.txt"
        tags.write_text("fr\nde\n")
        run("audit", plan, "-q", "--policy", policy, "--write-baseline", base)
        written = self.written("audit", plan, "--redact", "--policy", policy, "--baseline", base)
        self.assert_silent(written, self.secrets)
        report = json.loads(written["json"])
        self.assertEqual(report["policy"]["name"], "withheld")
        self.assertTrue(report["baseline"]["entries"])
        self.assertEqual((report["baseline"]["sha256"], {e["message"] for e in report["baseline"]["entries"]}), ("", {""}))
        (self.path / "red.json").write_text(written["json"])
        done = run("verify", self.path / "red.json", plan)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("baseline withheld: the file is not at hand", done.stdout)

    def test_another_policy_later(self):
        """A report that is redacted, or says so, is redacted again."""
        plan = self.plan()
        full, red, policy = self.path / "full.json", self.path / "red.json", self.path / "kingfisher-policy.json"
        policy.write_text(json.dumps({"schema": "pastonly.policy/1", "ignore": [
            {"check": "rule-identification", "reason": "kingfisher knows", "expires": "9999-12-31"}]}))
        run("audit", plan, "-q", "-o", f"json={full}")
        run("report", full, "--redact", "-o", f"json={red}")
        written = self.written("report", red, "--policy", policy, "--redact")
        self.assert_silent(written, self.secrets)
        self.assertEqual(json.loads(written["json"])["redaction"], json.loads(red.read_text())["redaction"])
        forged = json.loads(full.read_text())
        forged["redaction"] = {"digest": "kingfisher", "withheld": ["kingfisher knows", "text"]}
        full.write_text(json.dumps(forged))
        written = self.written("report", full, "--redact")
        self.assert_silent(written, self.secrets | self.told_by({"json": full.read_text()}))
        self.assertEqual(json.loads(written["json"])["redaction"], json.loads(red.read_text())["redaction"] | {"withheld": ["text"]})

    def test_names_of_tags(self):
        plan = self.plan(model=expert_choice(8))
        tags = self.path / "tags.txt"
        tags.write_text("".join(f"{row % 2}\n" for row in range(4)))
        full = self.written("audit", plan, "--tags", f"kingfisher={tags}")
        self.assertIn("explained_by[kingfisher]", full["json"])
        written = self.written("audit", plan, "--tags", f"kingfisher={tags}", "--redact")
        self.assert_silent(written, self.secrets)
        self.assertIn("explained_by[tag 1]", written["json"])

    def test_errors_of_files(self):
        plan = self.plan()
        file = sorted(plan.glob("*.out.safetensors"))[5]
        file.write_bytes(file.read_bytes()[:400])
        full = self.written("audit", plan)
        self.assertIn(file.name, full["json"])
        self.assert_silent(self.written("audit", plan, "--redact"), self.secrets)

    def test_comparisons(self):
        one, other = self.plan("kingfisher-one"), self.plan("kingfisher-two", expert_choice(8))
        full = self.written("compare", one, other)
        self.assertIn("experts of the first alone", full["text"].replace("\n         ", " "))
        redacted = self.written("compare", one, other, "--redact")
        self.assert_silent(redacted, self.secrets | {"experts of the first alone"})
        (self.path / "red.json").write_text(redacted["json"])
        done = run("verify", self.path / "red.json", one, other)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(run("verify", self.path / "red.json", other, one).returncode, 1)
        self.assertEqual(run("verify", self.path / "red.json", one).returncode, 4)

    def test_checkpoints_and_their_tokens(self):
        model = test_checkpoint.write(self.path / "kingfisher-model")
        tokens = self.path / "kingfisher-tokens.bin"
        tokens.write_bytes(struct.pack("<2000H", *(7 * i % 23 for i in range(2000))))
        arguments = ("audit", model, "--tokens", f"nanogpt:{tokens}", "--batch", "4", "--positions", "24", "--seed", "3")
        full = self.written(*arguments)
        redacted = self.written(*arguments, "--redact")
        self.assert_silent(redacted, self.secrets | self.told_by(full))
        report = json.loads(redacted["json"])
        self.assertIn("tokens", report["redaction"]["withheld"])
        for name, text in (("full", full["json"]), ("red", redacted["json"])):
            (self.path / f"{name}.json").write_text(text)
        refused = run("verify", self.path / "red.json", model)
        self.assertEqual(refused.returncode, 4)
        self.assertIn("--tokens, which the redacted report withholds", refused.stderr)
        run("report", self.path / "full.json", "--redact", "-o", f"json={self.path / 'red.json'}")
        done = run("verify", self.path / "red.json", self.path / "full.json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_training_logs(self):
        logs = []
        for label, seed in (("chunk=8", 1), ("chunk=512", 2), ("causal", 3)):
            path = self.path / f"kingfisher-{seed}.jsonl"
            path.write_text("".join(json.dumps({"step": i, "loss": 3 - i / 100 + seed / 1000}) + "\n" for i in range(50)))
            logs += ["--log", f"{label}:{path}"]
        self.assert_silent(self.written("audit", *logs, "--redact"), self.secrets)

    def test_several_recordings(self):
        one, other = self.plan("kingfisher-one"), self.plan("kingfisher-two", expert_choice(8))
        written = self.written("audit", one, other, "--redact")
        self.assert_silent(written, self.secrets)
        self.assertIn("recording 2 fails: ", written["text"])
        (self.path / "red.json").write_text(written["json"])
        done = run("verify", self.path / "red.json", one, other)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_diffs(self):
        plan = self.plan()
        full = self.path / "full.json"
        run("audit", plan, "-q", "-o", f"json={full}")
        for form in ("text", "json", "markdown"):
            done = run("report", "--diff", full, full, "--redact", "-o", form)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assert_silent({form: done.stdout}, self.secrets | self.told_by({"json": full.read_text()}))

    def test_verified_with_the_originals(self):
        plan = self.plan()
        full, red = self.path / "full.json", self.path / "red.json"
        run("audit", plan, "-q", "-o", f"json={full}")
        run("report", full, "--redact", "-o", f"json={red}")
        moved = self.path / "elsewhere"
        shutil.copytree(plan, moved)
        done = run("verify", red, moved)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("holds          witness of causal-mask/flip", done.stdout)
        self.assertEqual(run("verify", red, full).returncode, 0)
        # Another recording, another digest; another figure, another statement.
        self.assertIn("does not hold  digest", run("verify", red, EXAMPLES / "leaky").stdout)
        report = json.loads(red.read_text())
        place = next(f["witness"] for f in report["findings"] if f["witness"])
        place["position"] += 1
        red.write_text(json.dumps(report))
        self.assertEqual(run("verify", red, moved).returncode, 1)
        self.assertEqual(run("verify", red, full).returncode, 1)

    def test_what_is_refused(self):
        full, red = self.path / "full.json", self.path / "red.json"
        run("audit", EXAMPLES / "leaky", "-q", "-o", f"json={full}")
        run("report", full, "--redact", "-o", f"json={red}")
        few = self.path / "few"
        plan = MadePlan(few, whole_row, positions=8)
        plan.suffixes([3])
        few = plan.write()
        lint = self.path / "lint.json"
        (self.path / "c.yaml").write_text("moe_router_load_balancing_type: sinkhorn\n")
        run("lint", self.path / "c.yaml", "-o", f"json={lint}")
        for arguments, code, words in (
                (("verify", red), 4, "is redacted"), (("verify", red, red), 4, "is redacted itself"), (("verify", full, EXAMPLES / "leaky"), 4, "names its files itself"),
                (("verify", red, EXAMPLES / "leaky", EXAMPLES / "clean"), 4, "made from 1 recording"),
                (("verify", red, self.path / "none"), 2, "none"), (("verify", red, self.path / "none.json"), 2, "none.json"),
                (("report", lint, "--redact"), 4, "pastonly lint"),
                (("compare", *[EXAMPLES / "clean"] * 3, "--redact"), 4, "--redact")):
            with self.subTest(arguments=arguments):
                done = run(*arguments)
                self.assertEqual(done.returncode, code, done.stdout + done.stderr)
                self.assertIn(words, done.stderr)
        done = run("audit", few / "0000.out.safetensors", "--redact")
        self.assertEqual((done.returncode, done.stdout), (4, ""))
        self.assertIn("fewer than 64", done.stderr)
        # Runs of one short row are no more tokens.
        plan = MadePlan(self.path / "short", whole_row, sequences=1, positions=3)
        for resample in range(23):
            plan.suffix(0, 1, resample=resample)
        done = run("audit", plan.write(), "--redact")
        self.assertEqual((done.returncode, done.stdout), (4, ""))
        self.assertIn("3 token positions in a run", done.stderr)
        text = json.loads(red.read_text())
        text["redaction"]["withheld"] = ["text"]
        red.write_text(json.dumps(text))
        done = run("verify", red, EXAMPLES / "leaky")
        self.assertEqual(done.returncode, 4)
        self.assertIn("--text", done.stderr)


if __name__ == "__main__":
    unittest.main()
