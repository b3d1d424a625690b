"""What engines write of their routing (tests/records/fixtures, made by tests/records/make): read as it is, and what it says is what went in."""

import json
import pathlib
import struct
import tempfile
import unittest

from program import ROOT, audit, compare, figures, run

FIXTURES = ROOT / "tests/records/fixtures"
OPTIONS = {
    "vllm-0.32-completions.jsonl": ["--experts", 300],
    "sglang-generate.json": ["--shape", "3,2", "--experts", 8],
    "sglang-generate-uint8.json": ["--shape", "3,2", "--experts", 8],
    "megatron/router_trace_rank0.jsonl": ["--batch", 4],
}


def valid_tokens(expected):
    """How many tokens the record has decisions for, by the file that the fixtures' script wrote."""
    data = expected.read_bytes()
    length, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    first, last = header["valid"]["data_offsets"]
    layers = sum(name.startswith("layers.") for name in header)
    return sum(data[8 + length + first:8 + length + last]), layers, "tokens" in header


class Records(unittest.TestCase):
    def test_every_record_says_what_went_in(self):
        ending = ".expected.safetensors"
        names = sorted(str(path.relative_to(FIXTURES))[:-len(ending)] for path in FIXTURES.rglob("*" + ending))
        self.assertEqual(len(names), 18)
        for name in names:
            with self.subTest(name=name):
                options = OPTIONS.get(name, ["--experts", 8])
                expected = FIXTURES / (name + ending)
                tokens, layers, named = valid_tokens(expected)
                report = audit(FIXTURES / name, *options, expect=3)
                self.assertIn("read as", " ".join(f["message"] for f in report["findings"]))
                self.assertEqual(report["subject"]["tokens"], tokens)
                told = compare(FIXTURES / name, expected, *options, expect=0)
                self.assertEqual(told["subject"]["tokens"], tokens)
                self.assertEqual("token ids are not recorded in both" in json.dumps(told["findings"]), not named)
                self.assertEqual(figures(told, "same_experts"), [1.0] * layers)

    def refused(self, *arguments, says, code=2):
        done = run("audit", *arguments)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        for part in says:
            self.assertIn(part, done.stderr)

    def test_what_a_record_leaves_open_is_asked_for(self):
        self.refused(FIXTURES / "sglang-generate.json", says=["6 for each of 6 tokens", "--shape LAYERS,CHOICES"], code=4)
        self.refused(FIXTURES / "sglang-generate.json", "--shape", "3,3", says=["hold 4 rows", "expected 6"])
        self.refused(FIXTURES / "vllm-0.32-chat.json", "--shape", "3,2", says=["says its own shape"], code=4)
        self.refused(FIXTURES / "vllm-0.32-chat.json", "--experts", 512, says=["choices[0]", "U8", "256 experts at most", "512"])
        self.refused(FIXTURES / "vllm-0.32-chat.json", "--batch", 3, says=["--batch 3", "2 sequences"], code=4)
        self.refused(FIXTURES / "sglang-recorder-per-token.pt", "--experts", 9, says=["--experts 9", "says 8"], code=4)
        self.refused(FIXTURES / "sglang-recorder-stat.pt", says=["mode stat", "per_token"])

    def test_a_record_cut_off_anywhere_is_refused_or_read_and_never_kills(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("vllm-0.32-chat.json", "slime-rollout.pt", "miles-rollout.pt", "llama-moe-trace-up.csv"):
                whole = (FIXTURES / name).read_bytes()
                for part in range(1, 16):
                    path = pathlib.Path(folder) / name
                    path.write_bytes(whole[:len(whole) * part // 16])
                    done = run("audit", path)
                    self.assertIn(done.returncode, (2, 3, 4), done.stderr)
                    if done.returncode == 2:
                        self.assertIn(name, done.stderr)


if __name__ == "__main__":
    unittest.main()
