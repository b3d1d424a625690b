"""--text: a checkpoint on text, read by its own tokenizer.json."""

import array
import json
import pathlib
import struct
import tempfile
import time
import unittest

from program import audit, compare, run
from test_checkpoint import write

LETTERS = "abcdefghijklĠĊ"
TOKENIZER = {
    "version": "1.0", "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}, "padding": None,
    "normalizer": {"type": "NFC"}, "decoder": None,
    "added_tokens": [{"id": 18, "content": "<end>", "special": True, "normalized": False, "single_word": False, "lstrip": False, "rstrip": False}],
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": " ?\\p{L}+|\\s+(?!\\S)|\\s+"}, "behavior": "Isolated", "invert": False},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}]},
    "post_processor": {"type": "TemplateProcessing", "pair": [], "special_tokens": {"<end>": {"id": "<end>", "ids": [18], "tokens": ["<end>"]}},
                       "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<end>", "type_id": 0}}]},
    "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": None,
              "fuse_unk": False, "byte_fallback": False,
              "vocab": {letter: number for number, letter in enumerate(LETTERS)} | {"ab": 14, "Ġab": 15, "cd": 16, "abcd": 17},
              "merges": ["a b", "Ġ ab", "c d", "ab cd"]}}
TEXT = "abcd ab<end>cd\nhi ah  ab\n" * 40
IDS = [17, 15, 18, 16, 13, 7, 8, 12, 0, 7, 12, 15, 13] * 40  # "  ab" is split before its last space
SHAPE = ("--positions", 16, "--batch", 2)


def changed(**parts):
    """The tokenizer with other parts; of the model those that begin with model_."""
    model = {key[6:]: value for key, value in parts.items() if key.startswith("model_")}
    return TOKENIZER | {key: value for key, value in parts.items() if not key.startswith("model_")} | {"model": TOKENIZER["model"] | model}


def split(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


class Text(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.root = pathlib.Path(self.directory.name)
        self.checkpoint = write(self.root / "model")
        self.text = self.root / "text.txt"
        self.text.write_text(TEXT)
        self.tokenize_by(TOKENIZER)

    def tokenize_by(self, tokenizer):
        (self.checkpoint / "tokenizer.json").write_text(tokenizer if isinstance(tokenizer, str) else json.dumps(tokenizer))

    def refused(self, *says, code=2, arguments=()):
        done = run("audit", self.checkpoint, "--text", self.text, *SHAPE, "--check", "causal-mask", *arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        for said in says:
            self.assertIn(said, done.stderr)

    def test_the_tokens_are_those_of_the_tokenizer(self):
        ids = self.root / "ids.npy"
        header = "{'descr': '<i4', 'fortran_order': False, 'shape': (%d,), }" % len(IDS)
        header += " " * (-(len(header) + 11) % 64) + "\n"
        ids.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + array.array("i", IDS).tobytes())
        by_text = audit(self.checkpoint, "--text", self.text, *SHAPE, expect=None)
        by_ids = audit(self.checkpoint, "--tokens", f"npy:{ids}", *SHAPE, expect=None)
        for check in by_text["checks"] + by_ids["checks"]:
            check.pop("seconds")
        self.assertEqual(by_text["checks"], by_ids["checks"])
        self.assertEqual(by_text["subject"]["options"]["text"], str(self.text))
        named = {pathlib.Path(file["path"]).name: file["sha256"] for file in by_text["subject"]["files"]}
        self.assertEqual(set(named), {"config.json", "model.safetensors", "tokenizer.json", "text.txt"})

    def test_verify_and_record(self):
        report, kept = self.root / "report.json", self.root / "kept"
        audit(self.checkpoint, "--text", self.text, *SHAPE, "--record", kept, "-o", f"json={report}", expect=None)
        self.assertEqual(run("verify", report).returncode, 0)
        audit(kept, "--check", "causal-mask", expect=None)
        self.text.write_text(TEXT + "a")
        done = run("verify", report)
        self.assertEqual(done.returncode, 2)
        self.assertIn("text.txt", done.stdout + done.stderr)
        self.text.write_text(TEXT)
        self.tokenize_by(json.dumps(TOKENIZER) + "\n")
        done = run("verify", report)
        self.assertEqual(done.returncode, 2)
        self.assertIn("tokenizer.json", done.stdout + done.stderr)

    def test_compare(self):
        other = write(self.root / "other", seed=2)  # has no tokenizer: the last one's reads the text
        report = compare(other, self.checkpoint, "--text", self.text, *SHAPE, expect=None)
        self.assertIn(str(self.text), [file["path"] for file in report["subject"]["files"]])
        self.assertIn(str(self.checkpoint / "tokenizer.json"), [file["path"] for file in report["subject"]["files"]])
        done = run("compare", self.checkpoint, other, "--text", self.text)
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"{other} holds no tokenizer.json", done.stderr)

    def test_what_is_wrong_with_the_text(self):
        self.text.write_bytes(TEXT.encode() + b"\xff")
        self.refused(f"{self.text}: byte {len(TEXT)} is not UTF-8", "iconv")
        self.text.write_text("abcd ab")
        self.refused("2 tokens are too few for rows of 16")
        self.text.write_text("")
        self.refused("0 tokens are too few")
        self.text.unlink()
        self.refused(str(self.text))
        self.text.mkdir()
        self.refused(str(self.text))

    def test_usage(self):
        self.refused("--text and --tokens", code=4, arguments=("--tokens", "npy:x.npy"))
        (self.checkpoint / "tokenizer.json").unlink()
        self.refused("holds no tokenizer.json", "AutoTokenizer", "--tokens npy:ids.npy")
        done = run("audit", "--exec", "true", "--text", self.text)
        self.assertEqual(done.returncode, 4)
        self.assertIn("--text and --precision are for checkpoints", done.stderr)

    def test_a_token_that_the_model_does_not_have(self):
        vocab = TOKENIZER["model"]["vocab"]
        self.tokenize_by(changed(model_vocab=vocab | {"hi": 24, "x": 18, "y": 19}, added_tokens=[], model_merges=["a b", "h i"]))
        self.refused("is 'hi'", "the id 24", "vocab_size of 24")

    def test_what_is_not_supported_is_named(self):
        word = "\\w"
        for tokenizer, says in (
                (changed(model_type="Unigram"), "model.type: 'Unigram' (BPE alone is read)"),
                (changed(model_type="WordPiece"), "'WordPiece'"),
                (changed(model_dropout=0.1), "model.dropout: 0.1 is not supported"),
                (changed(model_end_of_word_suffix="</w>"), 'model.end_of_word_suffix: "</w>" is not supported'),
                (changed(model_continuing_subword_prefix="##"), "continuing_subword_prefix"),
                (changed(normalizer={"type": "Precompiled", "precompiled_charsmap": ""}), "normalizer: the normalizer Precompiled is not supported"),
                (changed(normalizer={"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Nmt"}]}), "normalizer.normalizers[1]: the normalizer Nmt"),
                (changed(pre_tokenizer={"type": "UnicodeScripts"}), "pre_tokenizer: the pre-tokenizer UnicodeScripts"),
                (changed(pre_tokenizer=split("\\X")), "pre_tokenizer.pattern: '\\X' at byte 0"),
                (changed(pre_tokenizer=split("a(?<name>b)")), "'(?<n' at byte 1"),
                (changed(pre_tokenizer=split("[a&&[b]]")), "'&&' at byte 2"),
                (changed(pre_tokenizer=split("\\p{N}{1,3}+")), "'+' after '}'"),
                (changed(pre_tokenizer=split("(*ACCEPT)")), "'(*'"),
                (changed(pre_tokenizer=split("(?i:strasse)")), "where case is ignored"),
                (changed(pre_tokenizer=split(f"({word}")), "does not compile"),
                (changed(pre_tokenizer=split("")), "an empty pattern"),
                (changed(pre_tokenizer=split("\\p{Nonsense}")), "does not compile"),
                (changed(pre_tokenizer=split("(?:a{1,65535}){1,65535}")), "does not compile"),
                (changed(pre_tokenizer=split("(" * 5000)), "does not compile"),
                (changed(pre_tokenizer=split("a" * 9000)), "a pattern of 9000 bytes")):
            self.tokenize_by(tokenizer)
            self.refused("tokenizer.json", says, "add_special_tokens=False")

    def test_hostile_files(self):
        vocab = TOKENIZER["model"]["vocab"]
        nested = {"type": "NFC"}
        for _ in range(30):
            nested = {"type": "Sequence", "normalizers": [nested]}
        for tokenizer, says in (
                ("", "not JSON"), ("{", "not JSON"), ("[]", "expected an object with a \"model\""), ("{}", "\"model\""), ('{"a": "\x00"}', "NUL byte"),
                ("[" * 100000, "nested deeper"), ({"model": []}, "\"model\""), (changed(normalizer=nested), "nested deeper"),
                (changed(model_vocab={}), "model.vocab"), (changed(model_vocab=["a"]), "model.vocab"),
                (changed(model_vocab=vocab | {"zz": 3}), "have the same id, 3"),
                (changed(model_vocab=vocab | {"zz": 2**40}), "model.vocab['zz']: expected an id from 0"),
                (changed(model_vocab=vocab | {"zz": -1}), "found -1"), (changed(model_vocab=vocab | {"zz": "1"}), "model.vocab['zz']"),
                (changed(model_merges=["a z"]), "model.merges[0]: 'z' is not in the vocabulary"),
                (changed(model_merges=["a b", "ab h"]), "model.merges[1]: 'abh' is not in the vocabulary"),
                (changed(model_merges=["a b", "a  b"]), "model.merges[1]: expected two tokens"), (changed(model_merges=[["a", "b", "c"]]), "model.merges[0]"),
                (changed(model_merges=[["", "a"]]), "model.merges[0]"), (changed(model_merges={}), "model.merges: expected a list"),
                (changed(model_unk_token="<unk>"), "model.unk_token: '<unk>' is not in the vocabulary"),
                (changed(added_tokens=[TOKENIZER["added_tokens"][0] | {"id": 99}]), "'<end>' has id 99, and the tokenizers package gives it 18"),
                (changed(added_tokens=[*TOKENIZER["added_tokens"] * 2, TOKENIZER["added_tokens"][0] | {"rstrip": True}]), "added_tokens[2]: '<end>' is there already"),
                (changed(added_tokens=[{"id": 18, "content": ""}]), "added_tokens[0].content"), (changed(added_tokens=[3]), "added_tokens[0]"),
                (changed(added_tokens=[{"id": 18, "content": "x" * 600}]), "1 to 128 bytes"),
                (changed(pre_tokenizer={"type": "Sequence", "pretokenizers": [split("a")] * 65}), "more than 64 steps"),
                (changed(normalizer={"type": "Sequence", "normalizers": [
                    {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 60}] * 60}), "makes the text too long"),
                (changed(normalizer={"type": "Prepend", "prepend": "a" * 1000}), "normalizer: prepend: is too long")):
            self.tokenize_by(tokenizer)
            self.refused(says)
        with (self.checkpoint / "tokenizer.json").open("wb") as file:
            file.truncate(500 << 20)
        self.refused("tokenizer.json", str(64 << 20))

    def test_costly_patterns_and_texts(self):
        self.text.write_text("ab" * 200_000)  # one word
        for pattern in ("(?:[a-l]+)+(?:z|y)", "(?:(?:a|b)*)*[yz]"):
            self.tokenize_by(changed(pre_tokenizer=split(pattern)))
            self.refused("costs too much at byte 0 of the text")
        spaces = [added | {"content": content, "id": 18 + number, "lstrip": True, "rstrip": True}
                  for number, content in enumerate((" ", "a" * 127 + "l")) for added in TOKENIZER["added_tokens"]]
        self.text.write_text("a" * 1_000_000 + " " * 1_000_000)
        self.tokenize_by(changed(added_tokens=spaces))
        audit(self.checkpoint, "--text", self.text, *SHAPE, "--check", "router-geometry", expect=3)
        for text in ("ab" * 5_000_000, "a" + " " * 10_000_000, "ab\n" * 3_000_000):
            self.text.write_text(text)
            self.tokenize_by(TOKENIZER)
            start = time.monotonic()
            audit(self.checkpoint, "--text", self.text, *SHAPE, "--check", "router-geometry", expect=3)
            self.assertLess(time.monotonic() - start, 60)


if __name__ == "__main__":
    unittest.main()
