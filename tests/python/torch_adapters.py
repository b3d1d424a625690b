"""The adapters of transformers and torch: modes, noise, padding, types, planted look-ahead, plain modules."""

import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np
import torch
import transformers

import tiny_models
import toy
import pastonly
from pastonly import Facts, ModelError, RunError, record
from pastonly.adapters import adapted
from pastonly.adapters.hf import HF
from pastonly.adapters.torch import Torch
from pastonly.quiet import quiet
from pastonly.runner import Runner
from torch_families import BINARY, audit, rules_of

TOKENS = np.random.default_rng(5).integers(0, tiny_models.VOCAB, (3, 20))


def dense(seed=0, **more):
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                                      num_key_value_heads=2, max_position_embeddings=128, bos_token_id=None, eos_token_id=None, **more)
    return transformers.LlamaForCausalLM._from_config(config, attn_implementation="eager").eval()


def run(model, tokens=TOKENS, valid=None, seed=0):
    return Runner(model, model.facts).run(tokens, valid, seed)


def one_ahead(original):
    """A mask that shows every position the next one as well."""
    def looking(*args, **kwargs):
        mask = original(*args, **kwargs).clone()
        for i in range(mask.shape[-1] - 1):
            mask[..., i, i + 1] = mask[..., i, i]
        return mask
    return looking


def look_ahead(module):
    return mock.patch.object(module, "create_causal_mask", one_ahead(module.create_causal_mask))


class Noise(unittest.TestCase):
    def test_what_is_switched_off_is_said_and_comes_back(self):
        model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Dropout(0.25), torch.nn.Dropout(0.25), torch.nn.Dropout(0.0))
        model[0].router_jitter_noise, model[0].use_dropout, model[0].dropout_every = 0.01, True, 3
        with quiet(model.train()) as remarks:
            self.assertEqual((model[1].p, model[2].p, model[0].router_jitter_noise, model[0].use_dropout, model[0].dropout_every),
                             (0.0, 0.0, 0.0, True, 3))
            self.assertTrue(model[1].training)
        self.assertEqual((model[1].p, model[0].router_jitter_noise), (0.25, 0.01))
        self.assertEqual(remarks, [("noise-off", "switched off during the audit, because it is noise: Dropout.p = 0.25 (2 times), "
                                                 "Linear.router_jitter_noise = 0.01")])
        with quiet(model.eval()) as remarks:
            self.assertEqual((remarks, model[1].p), ([], 0.25))
        with self.assertRaises(KeyError), quiet(model.train()):
            raise KeyError
        self.assertEqual(model[1].p, 0.25)

    def test_training_mode_without_noise(self):
        model = tiny_models.build("mixtral", attention_dropout=0.5, router_jitter_noise=0.2)
        ids = torch.tensor(TOKENS)
        with torch.no_grad():
            model.train()
            noisy = [model(ids).logits for _ in range(2)]
            model.eval()
        self.assertFalse(torch.equal(*noisy), "this model draws noise")
        adapter = HF(model, mode="train")
        first, second = run(adapter, seed=1), run(adapter, seed=2)
        np.testing.assert_array_equal(first["logprobs"], second["logprobs"])
        self.assertFalse(model.training)
        self.assertEqual(adapter.facts.mode, "train")
        said = dict(adapter.facts.remarks)["noise-off"]
        for word in ("attention_dropout = 0.5", "jitter_noise = 0.2"):
            self.assertIn(word, said)
        self.assertEqual(HF(model).facts.remarks, [])
        self.assertEqual(model.config.attention_dropout, 0.5)

    def test_buffers_that_a_pass_moves_come_back(self):
        class Counting(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.embed = torch.nn.Embedding(8, 8)
                self.count = torch.nn.Buffer(torch.zeros(1))

            def forward(self, tokens):
                self.count += 1
                return self.embed(tokens) * self.count
        model = Counting()
        adapter = Torch(model, vocab=8)
        first, second = run(adapter, TOKENS % 8), run(adapter, TOKENS % 8)
        np.testing.assert_array_equal(first["logprobs"], second["logprobs"])
        self.assertEqual(model.count.item(), 0)


class Moving(torch.nn.Module):
    """Every pass moves all kinds of state, and what it says follows from it."""

    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(8, 8)
        self.count, self.old = torch.nn.Buffer(torch.ones(1)), torch.nn.Buffer(torch.ones(1))
        self.register_buffer("absent", None)
        self.steps, self.plain, self.lists, self.named = 1, torch.ones(1), [1.0], {"mean": 1.0}

    def forward(self, tokens):
        found = self.embed(tokens) * (self.count + self.steps + self.plain + sum(self.lists) + self.named["mean"] + hasattr(self, "made"))
        self.count = self.count + 1                                   # bound anew
        self.absent = torch.ones(1) if self.absent is None else self.absent + 1
        self.register_buffer("made", torch.ones(1))
        self.steps += 1
        self.plain = self.plain * 2
        self.plain.mul_(2)
        self.lists.append(1.0)
        self.named["mean"] += 1
        return found


class Dropping(torch.nn.Module):
    """Dropout as a function, its rate under a name that says nothing; `whose`: the generator that it draws from."""

    def __init__(self, p=0.1, whose=None):
        super().__init__()
        torch.manual_seed(1)
        self.embed, self.head, self.p, self.whose = torch.nn.Embedding(32, 16), torch.nn.Linear(16, 32), p, whose

    def forward(self, tokens):
        x = self.embed(tokens)
        x = x + 0.3 * x.cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None]
        if self.whose is not None and self.training:
            x = x * (torch.rand(x.shape, generator=self.whose) > self.p)
        elif self.whose is None:
            x = torch.nn.functional.dropout(x, self.p, self.training)
        return self.head(x)


class Draws(unittest.TestCase):
    def test_dropout_as_a_function_is_said(self):
        for mode, p, noisy, said in (("train", 0.1, True, ["draws"]), ("eval", 0.1, False, []), ("train", 0.0, False, [])):
            with self.subTest(mode=mode, p=p):
                facts = Torch(Dropping(p), vocab=32, mode=mode).facts
                self.assertEqual((facts.noisy, [name for name, _ in facts.remarks]), (noisy, said))
        self.assertIn("another seed changes logprobs, predictions", dict(Torch(Dropping(), vocab=32, mode="train").facts.remarks)["draws"])

    def test_a_generator_of_its_own_is_said(self):
        facts = Torch(Dropping(whose=torch.Generator().manual_seed(3)), vocab=32, mode="train").facts
        self.assertEqual((facts.noisy, [name for name, _ in facts.remarks]), (False, ["draws-unseeded"]))

    def test_what_could_not_be_tried_is_said(self):
        facts = Torch(Dropping(), vocab=32, call=lambda model, tokens, valid: 1 / 0).facts
        self.assertIn("ZeroDivisionError", dict(facts.remarks)["draws-untested"])
        self.assertEqual(Torch(Dropping(), vocab=32, max_positions=2).facts.remarks, [])

    def test_in_transformers(self):
        model = dense()
        attention = type(model.model.layers[0].self_attn)
        original = attention.forward
        with mock.patch.object(attention, "forward", lambda self, hidden_states, **more: original(
                self, hidden_states=torch.nn.functional.dropout(hidden_states, 0.1, self.training), **more)):
            self.assertEqual([HF(model, mode=mode).facts.noisy for mode in ("train", "eval")], [True, False])
            self.assertEqual([name for name, _ in HF(model, mode="train").facts.remarks], ["draws"])
        self.assertEqual([HF(model, mode=mode).facts.noisy for mode in ("train", "eval")], [False, False])

    @unittest.skipUnless(BINARY, "PASTONLY_BINARY names no program")
    def test_the_report_says_it(self):
        report = pastonly.audit(Torch(Dropping(), vocab=32, mode="train"), positions=24, batch=4, quiet=True)
        self.assertIn("another seed changes logprobs", " ".join(report.text.split()))
        self.assertNotEqual(report.verdict, "fail", report.text)


class State(unittest.TestCase):
    def test_what_a_pass_binds_anew_comes_back(self):
        model = Moving().train()
        adapter = Torch(model, vocab=8, mode="train")
        kept = model.count, model.plain, model.lists
        first, second = run(adapter, TOKENS % 8), run(adapter, TOKENS % 8)
        np.testing.assert_array_equal(first["logprobs"], second["logprobs"])
        self.assertTrue(all(one is other for one, other in zip(kept, (model.count, model.plain, model.lists))))
        self.assertEqual((model.count.item(), model.absent, model.steps, model.plain.item(), model.lists, model.named),
                         (1, None, 1, 1, [1.0], {"mean": 1.0}))
        self.assertFalse(hasattr(model, "made"))
        self.assertEqual(sorted(dict(model.named_buffers())), ["count", "old"])

    def test_what_a_first_pass_builds_stays(self):
        """Or it would be built again, and otherwise."""
        class Lazy(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.embed, self.head, self.scale = torch.nn.Embedding(8, 8), None, None

            def forward(self, tokens):
                if self.head is None:
                    self.head, self.scale = torch.nn.Linear(8, 8), torch.ones(1)
                return self.head(self.embed(tokens)) * self.scale
        model = Lazy()
        adapter = Torch(model, vocab=8)
        built = model.head
        first, second = run(adapter, TOKENS % 8, seed=1), run(adapter, TOKENS % 8, seed=2)
        np.testing.assert_array_equal(first["logprobs"], second["logprobs"])
        self.assertIs(model.head, built)
        self.assertEqual([name for name, _ in adapter.facts.remarks], [])

    def test_state_comes_back_when_a_pass_fails(self):
        def failing(model, tokens, valid):
            model(tokens)
            raise ZeroDivisionError
        model = Moving()
        with self.assertRaises(ZeroDivisionError):
            run(Torch(model, vocab=8, call=failing), TOKENS % 8)
        self.assertEqual((model.count.item(), model.steps, model.lists, hasattr(model, "made")), (1, 1, [1.0], False))


class Transformers(unittest.TestCase):
    def test_facts(self):
        facts = HF(tiny_models.build("olmoe", bos_token_id=1, eos_token_id=[2, 3, 200], pad_token_id=None)).facts
        self.assertEqual((facts.vocab, list(facts.layers), facts.experts, facts.top_k, facts.mode, facts.compute, facts.special,
                          facts.max_positions, facts.name),
                         (64, [0, 1], 8, 2, "eval", "float32", [1, 2, 3], 256, "OlmoeForCausalLM"))
        self.assertEqual(facts.producer, f"transformers {transformers.__version__} OlmoeForCausalLM")

    def test_log_probabilities(self):
        model = dense()
        with torch.no_grad():
            logits = model(torch.tensor(TOKENS)).logits.double().log_softmax(-1)
        expected = logits[:, :-1].gather(-1, torch.tensor(TOKENS)[:, 1:, None])[..., 0]
        np.testing.assert_allclose(run(HF(model))["logprobs"][:, 1:], expected, atol=1e-5)

    def test_the_model_is_left_as_it_was(self):
        model = tiny_models.build("deepseek_v3")
        before = {name: values.clone() for name, values in model.state_dict().items()}
        forwards = [name for name, part in model.named_modules() if "forward" in vars(part)]
        run(HF(model, mode="train"))
        self.assertEqual([name for name, part in model.named_modules() if "forward" in vars(part)], forwards)
        self.assertEqual([name for name, part in model.named_modules() if part._forward_hooks or part._forward_pre_hooks], [])
        for name, values in model.state_dict().items():
            self.assertTrue(torch.equal(values, before[name]), name)

    def test_the_generators_are_left_as_they_were(self):
        torch.manual_seed(4)
        expected = torch.rand(3)
        torch.manual_seed(4)
        adapter = HF(tiny_models.build("phimoe", seed=4), mode="train")
        torch.manual_seed(4)
        with tempfile.TemporaryDirectory() as folder:
            toy.write_plan(folder, vocab=64, grouped=1)
            record(adapter, folder, log=lambda text: None)
        self.assertTrue(torch.equal(torch.rand(3), expected))

    def test_padding_on_either_side(self):
        """What stands beside padding routes as the row does alone."""
        for name in ("olmoe", "mixtral", "gpt_oss"):
            adapter = HF(tiny_models.build(name))
            alone = run(adapter, TOKENS[:1, :14])
            for left in (True, False):
                valid = np.ones(TOKENS.shape, np.uint8)
                tokens = TOKENS.copy()
                part = slice(6, 20) if left else slice(0, 14)
                valid[0, :6] = not left
                valid[0, 14:] = left
                tokens[0, part] = TOKENS[0, :14]
                padded = run(adapter, tokens, valid)
                for layer in adapter.facts.layers:
                    np.testing.assert_array_equal(np.sort(padded[f"layers.{layer}.experts"][0, part]), np.sort(alone[f"layers.{layer}.experts"][0]))
                np.testing.assert_allclose(padded["logprobs"][0, part][1:], alone["logprobs"][0, 1:], atol=1e-4)
                self.assertTrue(np.isnan(padded["logprobs"][0, part][0]))

    def test_every_call_of_a_block_that_runs_again_is_a_layer(self):
        """Recurrent depth: each pass through a block decides anew."""
        adapter = HF(tiny_models.build("inkling2_loop_text", num_hidden_layers=4, loop_layer_index_start=1, loop_layer_index_end=3,
                                       loop_num_passes=3, n_layers_per_attn_res_block=1,
                                       layer_types=["hybrid_sliding", "hybrid"] * 2))
        ran = []
        for block in adapter._blocks:
            block.experts.register_forward_pre_hook(lambda module, args: ran.append(args[1].clone()))
        found = run(adapter)
        self.assertEqual(list(adapter.facts.layers), list(range(8)))
        self.assertIn("1 = model.layers.1.mlp, 2 = model.layers.2.mlp, 3 = model.layers.1.mlp", dict(adapter.facts.remarks)["layer-numbers"])
        self.assertEqual(len(ran), 8)
        for place, experts in enumerate(ran):
            np.testing.assert_array_equal(found[f"layers.{place}.experts"].reshape(-1, experts.shape[-1]), experts)
        self.assertFalse(np.array_equal(found["layers.1.experts"], found["layers.3.experts"]))

    def test_a_block_that_runs_again_only_later_is_refused(self):
        model = tiny_models.build("olmoe")
        adapter = HF(model)
        layer = model.model.layers[0]
        original = layer.forward
        layer.forward = lambda hidden, *args, **kwargs: original(original(hidden, *args, **kwargs), *args, **kwargs)
        with self.assertRaisesRegex(ValueError, "model.layers.0.mlp ran more than once in one pass, and once in"):
            run(adapter)

    def test_a_model_of_two_positions(self):
        """Learned positions: a third is an error."""
        config = transformers.GPT2Config(vocab_size=64, n_embd=16, n_layer=1, n_head=2, n_positions=2, bos_token_id=None, eos_token_id=None)
        adapter = HF(transformers.GPT2LMHeadModel(config), mode="train")
        self.assertEqual(adapter.facts.max_positions, 2)
        self.assertEqual(run(adapter, TOKENS[:, :2])["logprobs"].shape, (3, 2))

    def test_layers_that_predict_further_tokens_are_named(self):
        def said(model):
            return [message for name, message in HF(model).facts.remarks if name == "layer-skipped"]
        self.assertEqual(said(tiny_models.build("olmoe")), [])
        self.assertEqual(said(tiny_models.build("deepseek_v3", num_mtp_layers=2)),
                         ["2 layers that predict further tokens stand in config.json (num_nextn_predict_layers); transformers does not run them"])
        self.assertRegex(said(tiny_models.build("qwen3_next"))[0], r"are left out where a checkpoint has them \(\^mtp")
        carried = tiny_models.build("olmoe")
        carried.mtp = torch.nn.ModuleList([torch.nn.Linear(32, 32)])
        carried.model.layers.append(type(carried.model.layers[0])(carried.config, 2))
        self.assertIn("mtp, model.layers.2 stand in the model and did not run: what they do is not audited",
                      [", ".join(sorted(message.split(" stand ")[0].split(", "), reverse=True)) + " stand " + message.split(" stand ")[1]
                       for message in said(carried) if " stand in the model" in message])

    def test_a_stream_has_log_probabilities(self):
        adapter = HF(tiny_models.build("olmoe"))
        whole, stream = run(adapter), Runner(adapter, adapter.facts).stream(TOKENS, [0, 2], 4)
        ran = stream["valid"].astype(bool)
        self.assertEqual(ran.sum(), 2 * 5)
        np.testing.assert_array_equal(stream["layers.1.experts"][ran], whole["layers.1.experts"][ran])
        np.testing.assert_allclose(stream["logprobs"][[0, 2]][:, 4::4], whole["logprobs"][[0, 2]][:, 4::4], atol=1e-5)

    @unittest.skipUnless(BINARY, "PASTONLY_BINARY names no program")
    def test_bfloat16(self):
        """Rounding follows the type that the model was computed in: rules and gates are explained all the same."""
        adapter = HF(tiny_models.build("mixtral", dtype=torch.bfloat16))
        self.assertEqual(adapter.facts.compute, "bfloat16")
        with tempfile.TemporaryDirectory() as folder:
            report = audit(adapter, Path(folder) / "plan")
        self.assertEqual(report["verdict"], "pass", report["verdict_reasons"])
        self.assertEqual(rules_of(report), ["top-k"])
        self.assertEqual([finding["message"] for finding in report["findings"] if finding["check"] == "rule-identification"], [])

    @unittest.skipUnless(BINARY, "PASTONLY_BINARY names no program")
    def test_training_mode_passes_too(self):
        with tempfile.TemporaryDirectory() as folder:
            report = audit(HF(tiny_models.build("olmoe", attention_dropout=0.3), mode="train"), Path(folder) / "plan")
        self.assertEqual(report["verdict"], "pass", report["verdict_reasons"])
        self.assertIn("noise-off", str(report))

    @unittest.skipUnless(BINARY, "PASTONLY_BINARY names no program")
    def test_a_look_ahead_of_one_token_is_found(self):
        from transformers.models.olmoe import modeling_olmoe
        with tempfile.TemporaryDirectory() as folder, look_ahead(modeling_olmoe):
            report = audit(HF(tiny_models.build("olmoe")), Path(folder) / "plan")
        self.assertEqual(report["verdict"], "fail")
        self.assertIn("causal-mask", {finding["check"] for finding in report["findings"] if finding["severity"] == "error"})

    def test_a_look_ahead_of_a_dense_model_shows_in_log_probabilities(self):
        from transformers.models.llama import modeling_llama
        for planted in (False, True):
            with look_ahead(modeling_llama) if planted else mock.patch.dict({}):
                adapter = HF(dense())
                self.assertEqual(list(adapter.facts.layers), [])
                changed = TOKENS.copy()
                changed[1, 12:] = (changed[1, 12:] + 1) % 64
                moved = np.nonzero(np.nan_to_num(run(adapter)["logprobs"] - run(adapter, changed)["logprobs"]))
            self.assertEqual((moved[0].min(), moved[1].min()), (1, 11 if planted else 12))

    @unittest.skipUnless(BINARY, "PASTONLY_BINARY names no program")
    def test_the_audit_judges_dense_models(self):
        from transformers.models.llama import modeling_llama
        for planted, outcome in ((False, "pass"), (True, "fail")):
            with tempfile.TemporaryDirectory() as folder:
                with look_ahead(modeling_llama) if planted else mock.patch.dict({}):
                    report = audit(HF(dense()), Path(folder) / "plan")
            self.assertEqual(report["verdict"], outcome, report["verdict_reasons"])

    def test_models_of_transformers_are_adapted(self):
        self.assertIsInstance(adapted(dense()), HF)
        with self.assertRaisesRegex(ValueError, "Linear is a torch module: wrap it"):
            adapted(torch.nn.Linear(2, 2))
        toy_model = toy.Toy()
        self.assertIs(adapted(toy_model), toy_model)
        with self.assertRaisesRegex(ValueError, "encoder"):
            config = transformers.T5Config(vocab_size=64, d_model=16, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
            HF(transformers.T5ForConditionalGeneration(config))


class Router(torch.nn.Module):
    def __init__(self, leaky):
        super().__init__()
        self.gate, self.leaky = torch.nn.Linear(16, 4), leaky

    def forward(self, x):
        logits = self.gate(x)
        if self.leaky:
            logits = logits + 0.5 * logits.mean(1, keepdim=True)
        return choose(logits.softmax(-1), logits)


def choose(scores, logits):
    gates, experts = scores.topk(2, -1)
    return logits, scores, gates, experts


class Plain(torch.nn.Module):
    """Experts of one number each: what counts is how it routes."""

    def __init__(self, leaky=False):
        super().__init__()
        torch.manual_seed(0)
        self.embed = torch.nn.Embedding(32, 16)
        self.blocks = torch.nn.ModuleList([torch.nn.ModuleDict({"router": Router(leaky), "experts": torch.nn.Embedding(4, 16)}) for _ in range(2)])
        self.head = torch.nn.Linear(16, 32)

    def forward(self, tokens):
        x = self.embed(tokens)
        x = x + 0.3 * x.cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None]
        for block in self.blocks:
            _, _, gates, experts = block["router"](x)
            x = x + (gates[..., None] * block["experts"](experts)).sum(-2)
        return self.head(x)


READER = ("logits", "scores", "gates", "experts")
ROUTERS = {"blocks.0.router": READER, "blocks.1.router": READER}


class PlainModules(unittest.TestCase):
    tokens = TOKENS % 32

    def test_named_modules_and_functions_give_the_same(self):
        model = Plain()
        by_module = run(Torch(model, vocab=32, routers=ROUTERS), self.tokens)
        by_function = run(Torch(model, vocab=32, routers={f"{__name__}:choose": READER}), self.tokens)
        by_reader = run(Torch(model, vocab=32, routers={name: lambda module, inputs, output: dict(zip(READER, output)) for name in ROUTERS}),
                        self.tokens)
        self.assertEqual(len(by_module), 11)
        for other in (by_function, by_reader):
            self.assertEqual(sorted(by_module), sorted(other))
            for name, values in by_module.items():
                np.testing.assert_array_equal(values, other[name], name)

    def test_facts(self):
        facts = Torch(Plain(), vocab=32, routers=ROUTERS, mode="train", special=(0,)).facts
        self.assertEqual((facts.vocab, list(facts.layers), facts.mode, facts.special, facts.name), (32, [0, 1], "train", (0,), "Plain"))
        self.assertIsInstance(facts, Facts)

    def test_what_is_wrong_is_said(self):
        with self.assertRaisesRegex(AttributeError, "nothing"):
            Torch(Plain(), vocab=32, routers={"nothing": READER})
        for routers, words in (({"blocks.0.router": ("logits",)}, "blocks.0.router returned 4 values; expected 1: logits"),
                               ({"blocks.0.router": ("score", None, "gates", "experts")}, "layers.0.score: unknown name")):
            with self.assertRaisesRegex(ValueError, words):
                run(Torch(Plain(), vocab=32, routers=routers), self.tokens)
        padded = np.ones(self.tokens.shape, np.uint8)
        padded[0, 0] = 0
        with self.assertRaisesRegex(ValueError, "padding"):
            run(Torch(Plain(), vocab=32, routers=ROUTERS), self.tokens, padded)
        with self.assertRaisesRegex(ValueError, "logits: expected a tensor"):
            run(Torch(Plain(), vocab=32, logits=lambda output: output[0]), self.tokens)

    def test_hooks_go_when_a_run_fails(self):
        model = Plain()
        adapter = Torch(model, vocab=32, routers=ROUTERS, call=lambda model, tokens, valid: 1 / 0)
        with self.assertRaises(ZeroDivisionError):
            run(adapter, self.tokens)
        self.assertEqual([name for name, part in model.named_modules() if part._forward_hooks], [])

    @unittest.skipUnless(BINARY, "PASTONLY_BINARY names no program")
    def test_audit(self):
        for leaky, outcome in ((False, "pass"), (True, "fail")):
            with tempfile.TemporaryDirectory() as folder:
                report = audit(Torch(Plain(leaky), vocab=32, routers=ROUTERS), Path(folder) / "plan", vocab=32)
            self.assertEqual(report["verdict"], outcome, report["verdict_reasons"])


class Faults(unittest.TestCase):
    def test_a_model_that_gives_nan_is_named(self):
        model = tiny_models.build("olmoe")
        with torch.no_grad():
            model.model.layers[1].mlp.gate.weight[3] = float("nan")
        with tempfile.TemporaryDirectory() as folder:
            toy.write_plan(folder, vocab=64)
            with self.assertRaisesRegex(RunError, r"run 0 \(base\).*ModelError: layers.1.logits: .*nan.*expected finite"):
                record(HF(model), folder, log=lambda text: None)
        self.assertTrue(issubclass(ModelError, ValueError))


if __name__ == "__main__":
    unittest.main()
