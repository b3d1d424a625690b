"""One checkpoint, reached in every way there is: run by the C++ program, by transformers in another process, from a plan that a
worker recorded, and behind a server. Causal and leaky, each way gives the same verdict, rule and routes."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from transformers import AutoModelForCausalLM, OlmoeConfig, OlmoeForCausalLM

import test_server
import toy
from pastonly import audit
from pastonly.server import Server

BINARY = os.environ.get("PASTONLY_BINARY")
SHAPE = ("--batch", "8", "--positions", "48", "--seed", "3")
SOURCE = ("--source", "uniform:64")
RATE = 0.1
LEAKY = f"biased-top-k(same-batch),k=2,update_rate={RATE}"

LEAKY_CODE = f'''
import torch
from transformers import AutoModelForCausalLM
from transformers.models.olmoe import modeling_olmoe
from pastonly.adapters.hf import HF


def forward(self, hidden_states):
    """The loads of this batch move the bias that selects its experts."""
    logits = torch.nn.functional.linear(hidden_states.reshape(-1, self.hidden_dim), self.weight)
    scores = logits.softmax(-1, dtype=torch.float)
    loads = torch.zeros(scores.shape[-1])
    loads.index_add_(0, scores.topk(self.top_k).indices.flatten(), torch.ones(scores.shape[0] * self.top_k))
    chosen = (scores + {RATE} * torch.sign(loads.mean() - loads)).topk(self.top_k).indices
    return logits, scores.gather(-1, chosen), chosen


def build():
    modeling_olmoe.OlmoeTopKRouter.forward = forward
    return HF(AutoModelForCausalLM.from_pretrained("model"), mode="train")
'''


@unittest.skipUnless(BINARY, "PASTONLY_BINARY names no program")
class OneModel(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.held = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.held.cleanup)
        cls.folder = Path(cls.held.name)
        torch.manual_seed(0)
        model = OlmoeForCausalLM(OlmoeConfig(
            vocab_size=64, hidden_size=32, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
            num_experts=8, num_experts_per_tok=2, max_position_embeddings=128, initializer_range=0.3, bos_token_id=None,
            eos_token_id=None, pad_token_id=None))
        model.save_pretrained(cls.folder / "model")
        (cls.folder / "leaky.py").write_text(LEAKY_CODE)

    def pastonly(self, *arguments, expect=(0, 1)):
        done = subprocess.run([BINARY, *map(str, arguments)], cwd=self.folder, capture_output=True, text=True,
                              env={**os.environ, "PYTHONPATH": os.pathsep.join([str(toy.ROOT / "src/python"), str(self.folder)])})
        self.assertIn(done.returncode, expect, done.stderr + done.stdout)
        return done.stdout

    def audited(self, *subject):
        """The report, without what differs by how the model was reached."""
        return json.loads(self.pastonly("audit", *subject, "-q", "-o", "json"))

    def ways(self, rule, worker):
        """The name of each way with its report. `rule`: options of the checkpoint's run; `worker`: the model in Python."""
        serve = f"{sys.executable} -m pastonly.worker --serve --model {worker}"
        plan = f"plan-{'leaky' if rule else 'causal'}"
        self.pastonly("plan", plan, "--vocab", 64, *SHAPE)
        subprocess.run([sys.executable, "-m", "pastonly.worker", plan, "--model", worker], cwd=self.folder, check=True,
                       capture_output=True, env={**os.environ, "PYTHONPATH": os.pathsep.join([str(toy.ROOT / "src/python"), str(self.folder)])})
        return {"checkpoint": self.audited("model", *rule, *SHAPE, *SOURCE),
                "process": self.audited("--exec", serve, *SHAPE, *SOURCE),
                "plan": self.audited(plan, *SOURCE)}, plan

    def compared(self, plan, rule):
        """Shares of routes that the checkpoint's own run keeps, by layer, on the tokens of the plan."""
        told = json.loads(self.pastonly("compare", "model", plan, *rule, "-o", "json"))
        self.assertEqual(told["verdict"], "pass", told["verdict_reasons"])
        return [m["value"] for m in told["checks"][0]["measurements"] if m["name"] == "routes_kept"]

    def test_causal(self):
        reports, plan = self.ways((), "hf:model")
        for way, report in reports.items():
            with self.subTest(way):
                self.assertEqual(report["verdict"], "pass", report["verdict_reasons"])
                self.assertEqual([layer["rule"]["id"] for layer in report["layers"]], ["top-k", "top-k"])
                self.assertEqual([layer["rule"]["parameters"] for layer in report["layers"]],
                                 [layer["rule"]["parameters"] for layer in reports["checkpoint"]["layers"]])
                # The bits of log-probabilities are of the batches that each way ran.
                bits, expected = report["totals"], reports["checkpoint"]["totals"]
                self.assertAlmostEqual(bits["leak_bits"], expected["leak_bits"], delta=0.1)
                self.assertEqual({**bits, "leak_bits": 0}, {**expected, "leak_bits": 0})
        self.assertEqual(self.compared(plan, ()), [1.0, 1.0])

    def test_leaky(self):
        reports, plan = self.ways(("--rule", LEAKY), "leaky:build")
        for way, report in reports.items():
            with self.subTest(way):
                self.assertEqual(report["verdict"], "fail", report["verdict_reasons"])
                errors = {finding["check"] for finding in report["findings"] if finding["severity"] == "error"}
                self.assertLessEqual({"causal-mask", "rule-identification"}, errors)
                # A bias of the batch's own, however it came about: sinkhorn's columns are one as well.
                self.assertEqual([layer["rule"]["id"] for layer in report["layers"]],
                                 [layer["rule"]["id"] for layer in reports["checkpoint"]["layers"]])
        self.assertEqual(self.compared(plan, ("--rule", LEAKY)), [1.0, 1.0])

    def test_served(self):
        """A server shows log-probabilities alone, and from them the same verdict."""
        model = AutoModelForCausalLM.from_pretrained(self.folder / "model").eval()

        def said_of(prompts, leak):
            with torch.no_grad():
                logits = model(torch.tensor(prompts)).logits
            if leak == "future":
                logits[:, :-1] = logits[:, :-1] + 0.1 * logits[:, 1:]
            return [row.numpy() for row in logits.double().log_softmax(-1)]

        def untold(prompts, leak):
            return [None] * len(prompts)

        for leak, verdict in (("", "pass"), ("future", "fail")):
            with self.subTest(leak=leak), mock.patch.multiple(test_server, said_of=said_of, routed_of=untold), \
                    test_server.serving(leak=leak) as server:
                report = audit(Server(server.url, vocab=64), positions=40, batch=8, quiet=True)
                self.assertEqual(report.verdict, verdict, report.text)


if __name__ == "__main__":
    unittest.main()
