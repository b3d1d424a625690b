"""Hugging Face checkpoints on the command line."""

import array
import hashlib
import json
import pathlib
import random
import struct
import tempfile
import unittest

import made_plan
from program import audit, compare, figures, run

CONFIG = {"model_type": "olmoe", "vocab_size": 24, "hidden_size": 16, "intermediate_size": 8, "num_hidden_layers": 2,
          "num_attention_heads": 2, "num_key_value_heads": 2, "num_experts": 4, "num_experts_per_tok": 2,
          "rms_norm_eps": 1e-5, "max_position_embeddings": 64}


def tensors():
    shapes = {"model.embed_tokens.weight": (24, 16), "model.norm.weight": (16,), "lm_head.weight": (24, 16)}
    for layer in range(2):
        at = f"model.layers.{layer}."
        shapes |= {at + "input_layernorm.weight": (16,), at + "post_attention_layernorm.weight": (16,),
                   at + "self_attn.q_norm.weight": (16,), at + "self_attn.k_norm.weight": (16,), at + "mlp.gate.weight": (4, 16)}
        shapes |= {at + f"self_attn.{name}_proj.weight": (16, 16) for name in "qkvo"}
        for expert in range(4):
            shapes |= {at + f"mlp.experts.{expert}.{name}_proj.weight": (8, 16) for name in ("gate", "up")}
            shapes[at + f"mlp.experts.{expert}.down_proj.weight"] = (16, 8)
    return shapes


def write(folder, config=None, seed=1):
    folder.mkdir(exist_ok=True)
    draws, header, data = random.Random(seed), {}, b""
    for name, shape in tensors().items():
        size = shape[0] * (shape[1] if len(shape) > 1 else 1)
        values = array.array("f", (draws.gauss(0.0, 0.4) + (len(shape) == 1) for _ in range(size)))
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(data), len(data) + 4 * size]}
        data += values.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    (folder / "config.json").write_text(json.dumps(CONFIG | (config or {})))
    return folder


EXPERIMENT = {
    "schema": "pastonly.experiment/1", "name": "twins", "seed": 1, "source": "uniform:16",
    "batch": {"sequences": 8, "positions": 32},
    "model": {"layers": 2, "width": 32, "heads": 2, "kv_heads": 2, "head_width": 16, "experts": 8, "expert_width": 32},
    "training": {"steps": 300},
    "arms": [{"name": "leaky: chunk 8", "rule": "expert-choice,k=2,chunk=8"}, {"name": "causal", "rule": "top-k,k=2"},
             {"name": "soft", "rule": "soft-moe", "router": {"gate": "raw"}}]}


class Checkpoints(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.root = pathlib.Path(self.directory.name)
        self.checkpoint = write(self.root / "model")

    def test_run_as_another_family(self):
        with tempfile.TemporaryDirectory() as folder:
            path = write(pathlib.Path(folder) / "own", {"model_type": "own_moe"})
            done = run("audit", path)
            self.assertEqual(done.returncode, 2)
            self.assertIn(f"pastonly.worker --serve --model hf:{path}'", done.stderr)
            report = audit(path, "--as", "olmoe", "--check", "causal-mask", "--check", "trace-integrity", expect=None)
            self.assertIn("says model_type own_moe: it is run as olmoe, as --as says", json.dumps(report["findings"]))
            self.assertEqual(report["subject"]["options"]["as"], "olmoe")
            for family, code, said in (("mixtral", 2, "w1.weight' is missing"), ("olmo", 4, "--as olmo: expected one of olmoe, mixtral")):
                done = run("audit", path, "--as", family)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(said, done.stderr)
            write(path, {"model_type": "own_moe", "shared_gate_scale": 2.0})
            done = run("audit", path, "--as", "olmoe")
            self.assertEqual(done.returncode, 2)
            self.assertIn("has keys that olmoe (--as) does not read: shared_gate_scale = 2.0", done.stderr)

    def test_the_declared_rule_passes_and_verifies(self):
        path = self.root / "report.json"
        done = run("audit", self.checkpoint, "--budget", 4096, "--positions", 32, "-o", f"json={path}", "--quiet")
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(path.read_text())
        self.assertEqual((report["subject"]["kind"], report["subject"]["mode"]), ("checkpoint", "eval"))
        self.assertEqual(report["subject"]["options"], {"positions": 32, "budget": 4096})
        self.assertEqual({pathlib.Path(file["path"]).name for file in report["subject"]["files"]},
                         {"config.json", "model.safetensors"})
        self.assertTrue(all(len(file["sha256"]) == 64 for file in report["subject"]["files"]))
        self.assertEqual(run("verify", path).returncode, 0)
        (self.checkpoint / "config.json").write_text("{}")
        self.assertEqual(run("verify", path).returncode, 2)

    def notes(self, config, *options, expect):
        write(self.root / "other", config)
        report = audit(self.root / "other", "--positions", 32, "--check", "causal-mask", "--check", "trace-integrity",
                       *options, expect=expect)
        return {finding["witness"].get("hazard"): finding for finding in report["findings"]}

    def test_keys_that_are_not_read(self):
        self.assertNotIn("unread-keys", self.notes({"torch_dtype": "float32", "use_cache": True}, expect=0))
        found = self.notes({"expert_capacity": 64, "auto_map": {"AutoModel": "own.Own"}}, expect=0)
        self.assertIn("expert_capacity = 64", found["unread-keys"]["message"])
        self.assertEqual(found["unread-keys"]["severity"], "note")
        self.assertIn("own.Own", found["own-code"]["message"])
        self.assertEqual((found["own-code"]["claim"], found["own-code"]["severity"]), ("own-code", "warning"))
        twin = self.notes({}, "--twin", write(self.root / "twin", {"expert_capacity": 8}, seed=2), expect=0)
        self.assertIn("twin/config.json", twin["twin-unread-keys"]["message"])
        self.assertNotIn("unread-keys", twin)

    def test_what_is_not_read_is_said_of_the_recorded_plan_too(self):
        recorded = self.root / "recorded"
        self.notes({"expert_capacity": 64, "auto_map": {"AutoModel": "own.Own"}}, "--record", recorded, expect=0)
        report = audit(recorded, "--check", "causal-mask", "--check", "trace-integrity", expect=0)
        found = {finding["witness"].get("hazard"): finding for finding in report["findings"]}
        self.assertIn("expert_capacity = 64", found["unread-keys"]["message"])
        self.assertEqual((found["own-code"]["claim"], found["own-code"]["severity"]), ("own-code", "warning"))

    def test_attention_that_is_not_causal_is_refused(self):
        done = run("audit", write(self.root / "other", {"is_causal": False}))
        self.assertEqual(done.returncode, 2)
        self.assertIn("is_causal: is false", done.stderr)

    def test_the_rule_it_was_trained_under(self):
        path = self.root / "report.json"
        done = run("audit", self.checkpoint, "--rule", "expert-choice,k=2,chunk=8", "--budget", 4096, "--positions", 32,
                   "-o", f"json={path}", "--quiet")
        self.assertEqual(done.returncode, 1, done.stderr)
        report = json.loads(path.read_text())
        self.assertEqual(report["subject"]["mode"], "train")
        self.assertIn("causal-mask", {finding["check"] for finding in report["findings"]})
        self.assertEqual(run("verify", path).returncode, 0)

    def test_a_policy_names_the_rule(self):
        policy = self.root / "policy.json"
        policy.write_text(json.dumps({"schema": "pastonly.policy/1", "rule": "expert-choice,chunk=8"}))
        shape = ("--budget", 4096, "--positions", 32, "--check", "causal-mask")
        report = audit(self.checkpoint, "--policy", policy, *shape, expect=1)
        self.assertEqual(report["subject"]["options"]["rule"], "expert-choice,chunk=8")
        self.assertEqual(report["policy"]["rules"]["rule"], "expert-choice,chunk=8")
        # What the command line says comes first; a rule that names no k takes the declared one.
        audit(self.checkpoint, "--policy", policy, "--rule", "top-k", *shape, expect=0)
        policy.write_text(json.dumps({"schema": "pastonly.policy/1", "rule": "expert-choise"}))
        done = run("audit", self.checkpoint, "--policy", policy)
        self.assertEqual(done.returncode, 4)
        self.assertIn("expert-choise", done.stderr)

    def test_tokens_of_a_file(self):
        ids = random.Random(2)
        (self.root / "ids.bin").write_bytes(array.array("H", (ids.randrange(24) for _ in range(3000))).tobytes())
        report = audit(self.checkpoint, "--tokens", f"nanogpt:{self.root / 'ids.bin'}", "--positions", 32, "--budget", 4096,
                       "--check", "causal-mask", expect=0)
        self.assertEqual(report["subject"]["options"]["tokens"], f"nanogpt:{self.root / 'ids.bin'}")
        hashed = {file["path"]: file["sha256"] for file in report["subject"]["files"]}
        self.assertEqual(hashed[str(self.root / "ids.bin")], hashlib.sha256((self.root / "ids.bin").read_bytes()).hexdigest())
        (self.root / "ids.bin").write_bytes(array.array("H", [24] * 3000).tobytes())
        done = run("audit", self.checkpoint, "--tokens", f"nanogpt:{self.root / 'ids.bin'}")
        self.assertEqual(done.returncode, 2)
        self.assertIn("24", done.stderr)

    def test_records_and_compares(self):
        plan = self.root / "plan"
        audit(self.checkpoint, "--record", plan, "--positions", 16, "--budget", 4096, "--check", "causal-mask", expect=0)
        recorded = audit(plan, "--check", "causal-mask", expect=0)
        self.assertEqual(recorded["subject"]["kind"], "plan")
        rules = audit(self.checkpoint, "--positions", 16, "--check", "rule-identification", expect=None)["layers"]
        self.assertEqual([layer["rule"]["causal"] for layer in rules], [True, True])
        self.assertEqual(figures(compare(self.checkpoint, plan, expect=0), "routes_kept"), [1, 1])
        other = write(self.root / "other", seed=2)
        both = compare(self.checkpoint, other, "--positions", 16, expect=1)
        self.assertTrue(all(0 < kept < 1 for kept in figures(both, "routes_kept")))
        self.assertEqual(run("audit", self.checkpoint, "--record", plan).returncode, 4)

    def test_a_record_without_its_cached_prefix(self):
        """Engines leave decisions of cached tokens out; the model ran them all the same, and so does the checkpoint."""
        plan = self.root / "cached"
        audit(self.checkpoint, "--record", plan, "--positions", 16, "--budget", 4096, "--check", "causal-mask", expect=0)
        data = (plan / "0000.out.safetensors").read_bytes()
        length = struct.unpack("<Q", data[:8])[0]
        header, body = json.loads(data[8:8 + length]), data[8 + length:]
        rows, positions, experts = header["layers.0.mask"]["shape"]
        part = lambda name: body[slice(*header[name]["data_offsets"])]

        def record(path, filler):
            """Ids of every layer, with `filler` in place of the first four positions."""
            tensors = {"tokens": (header["tokens"]["dtype"], (rows, positions), part("tokens"))}
            for layer in (0, 1):
                mask, ids = part(f"layers.{layer}.mask"), []
                for token in range(rows * positions):
                    chosen = [e for e in range(experts) if mask[token * experts + e]]
                    ids += filler if token % positions < 4 else chosen
                tensors[f"layers.{layer}.experts"] = ("I16", (rows, positions, 2), struct.pack(f"<{len(ids)}h", *ids))
            made_plan.safetensors(path, tensors, {"schema": "pastonly.trace/1", "layout": "batch-major", "vocab": "24"})
            return path

        report = compare(self.checkpoint, record(self.root / "prefix.safetensors", [-1, -1]), "--experts", experts, expect=0)
        self.assertEqual(report["subject"]["tokens"], rows * (positions - 4))
        self.assertEqual(figures(report, "routes_kept"), [1.0, 1.0])
        # Zeros there are a record that was never written.
        report = compare(self.checkpoint, record(self.root / "zeros.safetensors", [0, 0]), "--experts", experts, expect=1)
        errors = [finding for finding in report["findings"] if finding["severity"] == "error"]
        self.assertEqual([finding["claim"] for finding in errors], ["unsound-record"])
        self.assertIn(f"{4 * rows} tokens of the second name expert 0 in every choice", errors[0]["message"])

    def test_a_leaky_arm_is_caught_from_its_checkpoint(self):
        (self.root / "twins.json").write_text(json.dumps(EXPERIMENT))
        done = run("lab", self.root / "twins.json", "--no-checks", "--out", self.root / "lab", "--export", self.root / "saved")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("soft is not saved as a checkpoint", done.stderr)
        self.assertEqual(sorted(path.name for path in (self.root / "saved").iterdir()), ["causal", "leaky-chunk-8"])
        leaky, causal = self.root / "saved/leaky-chunk-8", self.root / "saved/causal"
        shape = ("--batch", 8, "--positions", 32, "--budget", 65536)
        found = lambda report: {finding["check"] for finding in report["findings"] if finding["severity"] == "error"}
        self.assertEqual(found(audit(leaky, *shape, expect=1)), {"forensic-sweep"})
        told = audit(leaky, *shape, "--rule", "expert-choice,k=2,chunk=8", "--twin", causal, expect=1)
        self.assertLessEqual({"causal-mask", "forensic-sweep", "loss-anomaly"}, found(told))
        losses = next(check for check in told["checks"] if check["id"] == "loss-anomaly")["measurements"]
        gap = next(figure for figure in losses if figure["name"] == "twin_gap")
        self.assertGreater(gap["lower"], 0.02)
        text = run("audit", leaky, *shape).stdout
        self.assertIn("below a causal rule", text)
        self.assertIn("plain top-k", text)
        audit(causal, *shape, expect=0)
        audit(causal, *shape, "--rule", "top-k,k=2", expect=0)
        other = run("audit", leaky, "--twin", self.checkpoint)
        self.assertEqual(other.returncode, 4)
        self.assertIn("same tokens", other.stderr)

    def test_usage(self):
        for arguments, says in ((("--rule", "top-k,k=0"), "k"), (("--tokens", "x"), "FORMAT:FILE"),
                                (("--top-k", "2"), "recorded"), (("--source", "uniform:99"), "99")):
            done = run("audit", self.checkpoint, *arguments)
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn(says, done.stderr)

    def test_a_part_of_a_checkpoint_leads_to_its_directory(self):
        for part in ("config.json", "model.safetensors"):
            done = run("audit", self.checkpoint / part)
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn(f"give its directory, {self.checkpoint}", done.stderr)

    def test_what_cannot_be_run_is_named(self):
        for config, says in (({"model_type": "resnet"}, "llama4_text"), ({"hidden_size": 32}, "model.embed_tokens.weight"),
                             ({"num_experts": 5}, "model.layers.0.mlp.gate.weight"), ({"rope_theta": "x"}, "rope_theta")):
            done = run("audit", write(self.root / "broken", config))
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(says, done.stderr)


if __name__ == "__main__":
    unittest.main()
