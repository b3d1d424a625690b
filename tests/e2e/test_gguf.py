"""GGUF files on the command line."""

import hashlib
import json
import pathlib
import struct
import tempfile
import unittest

import test_checkpoint
from program import audit, compare, run

U32, F32, TEXT = 4, 6, 8
NAMES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output", "input_layernorm": "attn_norm",
         "post_attention_layernorm": "ffn_norm", "mlp.gate": "ffn_gate_inp", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
         "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
         "self_attn.k_norm": "attn_k_norm"}
KEYS = {"block_count": 2, "context_length": 64, "embedding_length": 16, "feed_forward_length": 8, "attention.head_count": 2,
        "attention.head_count_kv": 2, "expert_count": 4, "expert_used_count": 2, "attention.layer_norm_rms_epsilon": 1e-5}


def stored(folder):
    """(shape, bytes) of every tensor of a checkpoint, by name."""
    whole = (folder / "model.safetensors").read_bytes()
    start = 8 + struct.unpack("<Q", whole[:8])[0]
    return {name: (entry["shape"], whole[start + entry["data_offsets"][0]:start + entry["data_offsets"][1]])
            for name, entry in json.loads(whole[8:start]).items()}


def renamed(tensors):
    """The same as GGUF holds them: experts of a kind in one tensor."""
    out = {}
    for name, (shape, data) in tensors.items():
        parts = name.removesuffix(".weight").split(".")
        layer = f"blk.{parts[2]}." if "layers" in parts else ""
        own = ".".join(parts[3:] if layer else parts)
        if "experts" not in parts:
            out[f"{layer}{NAMES[own]}.weight"] = (shape, data)
            continue
        key = f"{layer}ffn_{parts[-1].removesuffix('_proj')}_exps.weight"
        before = out.get(key, ([0, *shape], b""))
        out[key] = ([before[0][0] + 1, *shape], before[1] + data)
    return out


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def write(path, checkpoint, keys=None, architecture="olmoe"):
    """Experts stand in the order of their numbers in the file of the checkpoint."""
    tensors, head, data = renamed(stored(checkpoint)), b"", b""
    values = {"general.architecture": architecture} | {f"{architecture}.{key}": value for key, value in KEYS.items()} | (keys or {})
    for key, value in values.items():
        kind = TEXT if isinstance(value, str) else F32 if isinstance(value, float) else U32
        head += text(key) + struct.pack("<I", kind) + (text(value) if kind == TEXT else struct.pack("<f" if kind == F32 else "<I", value))
    for name, (shape, content) in tensors.items():
        head += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *reversed(shape), 0, len(data))
        data += content + b"\0" * (-len(content) % 32)
    whole = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values)) + head
    path.write_bytes(whole + b"\0" * (-len(whole) % 32) + data)
    return path


class Gguf(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.root = pathlib.Path(self.directory.name)
        self.checkpoint = test_checkpoint.write(self.root / "model")
        self.file = write(self.root / "model.gguf", self.checkpoint)

    def test_is_what_its_checkpoint_is(self):
        report = compare(self.checkpoint, self.file, expect=0)
        self.assertEqual(report["verdict"], "pass")
        checks = ("--check", "causal-mask", "--check", "router-geometry", "--check", "expert-coupling", "--check", "trace-integrity")
        whole, file = audit(self.checkpoint, *checks, expect=None), audit(self.file, *checks, expect=None)
        self.assertEqual([check["measurements"] for check in whole["checks"]], [check["measurements"] for check in file["checks"]])
        self.assertEqual([entry["path"] for entry in file["subject"]["files"]], [str(self.file)])
        self.assertTrue(file["subject"]["files"][0]["sha256"])

    def test_is_taken_wherever_a_checkpoint_is(self):
        path = self.root / "report.json"
        done = run("audit", self.file, "--check", "causal-mask", "--check", "source-floor", "--twin",
                   test_checkpoint.write(self.root / "twin", seed=2), "--record", self.root / "record", "-o", f"json={path}")
        self.assertIn(done.returncode, (0, 3), done.stderr)
        done = run("verify", path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(compare(self.root / "record", self.file, expect=0)["verdict"], "pass")
        done = run("audit", self.checkpoint, "--check", "source-floor", "--twin", self.file)
        self.assertIn("is the audited checkpoint itself" if done.returncode == 4 else "", done.stderr)
        self.assertIn(done.returncode, (0, 3), done.stderr)

    def test_unread_keys_and_other_families(self):
        write(self.file, self.checkpoint, {"olmoe.odd": 3, "tokenizer.ggml.model": "gpt2"})
        report = audit(self.file, "--check", "trace-integrity", expect=None)
        said = json.dumps(report["findings"])
        self.assertIn(f"{self.file} has keys that pastonly does not read, as if they were not there: olmoe.odd = 3", said)
        self.assertNotIn("gpt2", said)
        write(self.file, self.checkpoint, architecture="own")
        done = run("audit", self.file)
        self.assertEqual(done.returncode, 2)
        self.assertIn("general.architecture: 'own' is not among the architectures", done.stderr)
        report = audit(self.file, "--as", "olmoe", "--check", "trace-integrity", expect=None)
        self.assertIn("says general.architecture own: it is run as olmoe, as --as says", json.dumps(report["findings"]))
        done = run("audit", self.file, "--as", "olmo")
        self.assertNotEqual(done.returncode, 0)

    def test_broken_files_are_named(self):
        whole = self.file.read_bytes()
        for size in (0, 3, 4, 20, 200, 1500, len(whole) // 2, len(whole) - 64):
            self.file.write_bytes(whole[:size])
            done = run("audit", self.file)
            self.assertEqual(done.returncode, 2, f"{size}: {done.stderr}")
            self.assertIn(str(self.file), done.stderr)
        self.file.write_bytes(whole + bytes(4096))
        done = run("audit", self.file)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"\d+ bytes of data after the last tensor '")
        for at, value in ((8, 2**63), (16, 2**63), (8, 2**64 - 1)):
            self.file.write_bytes(whole[:at] + struct.pack("<Q", value) + whole[at + 8:])
            done = run("audit", self.file)
            self.assertEqual(done.returncode, 2)
            self.assertIn("more than its", done.stderr)


class Linted(unittest.TestCase):
    """pastonly lint reads the metadata."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.checkpoint = test_checkpoint.write(self.root / "checkpoint")

    def linted(self, keys=None, name="model.gguf"):
        file = write(self.root / name, self.checkpoint, keys)
        done = run("lint", file, "-o", "json")
        return done.returncode, json.loads(done.stdout)

    def test_what_llama_cpp_routes_by_passes(self):
        for gating in (None, 0, 1, 2, 3, 4):
            code, report = self.linted({"olmoe.expert_gating_func": gating} if gating is not None else None)
            self.assertEqual((code, report["findings"], report["not_assessed"]), (0, [], []), gating)
            self.assertEqual(report["subject"]["options"]["recognised"][0]["frameworks"], "llama.cpp")
            self.assertEqual(report["subject"]["files"][0]["sha256"],
                             hashlib.sha256((self.root / "model.gguf").read_bytes()).hexdigest())

    def test_what_is_not_known_is_not_assessed(self):
        code, report = self.linted({"olmoe.expert_gating_func": 77})
        self.assertIn("audit the checkpoint", report["not_assessed"][0]["reason"])
        self.assertEqual(report["subject"]["options"]["recognised"], [])

    def test_a_dense_model_has_nothing_to_say(self):
        _, report = self.linted({"olmoe.expert_count": 0})
        self.assertIn("no option", report["not_assessed"][0]["reason"])

    def test_a_broken_file_is_an_error(self):
        file = write(self.root / "model.gguf", self.checkpoint)
        file.write_bytes(file.read_bytes()[:100])
        done = run("lint", file)
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertIn("model.gguf", done.stdout)


if __name__ == "__main__":
    unittest.main()
