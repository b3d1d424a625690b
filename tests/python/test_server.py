"""A model behind a server, as it is served: against a small one that speaks like vLLM, like SGLang, or like those that echo."""

import base64
import contextlib
import io
import json
import math
import os
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest import mock

import numpy as np

import toy
from pastonly import assert_causal, audit
from pastonly.runner import Runner
from pastonly.server import Server
from pastonly.trace import ModelError

BINARY = os.environ.get("PASTONLY_BINARY")
DRAW = np.random.default_rng(11)
EMBED, UNEMBED = DRAW.normal(size=(32, 8)), DRAW.normal(size=(8, 32))
LAYERS, EXPERTS, K = (1, 2), 8, 2  # layer 0 has no experts
ROUTERS = DRAW.normal(size=(3, 8, EXPERTS))


def states_of(prompts, leak):
    """What is known after every position of every prompt: what stands before it, and what must not matter."""
    for at, prompt in enumerate(prompts):
        x, others = EMBED[np.asarray(prompt)], [EMBED[np.asarray(other)].mean(0) for i, other in enumerate(prompts) if i != at]
        state = np.cumsum(x, 0) / np.arange(1, len(prompt) + 1)[:, None]
        if leak == "company" and others:
            state = state + np.mean(others, 0)
        if leak == "future":
            state[:-1] += 0.5 * x[1:]
        yield state


def said_of(prompts, leak):
    """ln p of every token after every position."""
    for state in states_of(prompts, leak):
        predicted = state @ UNEMBED
        yield predicted - np.log(np.exp(predicted).sum(-1, keepdims=True))


def routed_of(prompts, leak):
    """(tokens, 3, K) of every prompt: experts by their scores; zeros where a layer has none, as engines leave it."""
    for state in states_of(prompts, leak):
        routes = np.argsort(-np.einsum("sd,lde->sle", state, ROUTERS), -1)[..., :K]
        routes[:, 0] = 0
        yield routes


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.reply({"data": [{"id": name, "max_model_len": 65} for name in self.server.models]})

    def do_POST(self):
        served = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with served.lock:
            served.asked.append(body)
            served.keys.append(self.headers.get("Authorization"))
            served.now += 1
            served.most = max(served.most, served.now)
        answer = self.answer(body)
        with served.lock:
            served.now -= 1
        self.reply(*answer)

    def answer(self, body):
        served = self.server
        if served.busy > 0:
            served.busy -= 1
            return {"error": "busy"}, 503
        if served.fault == "garbage":
            return ("no object",)
        if served.fault == "refused":
            return {"error": "no such thing"}, 400
        if served.fault == "fewer":
            return ({"choices": []},)
        if self.path == "/generate":
            return self.generated(body) if served.speaks == "generate" else ({"error": "no such place"}, 404)
        pairs = list(enumerate(zip(said_of(body["prompt"], served.leak), routed_of(body["prompt"], served.leak_of_routes))))
        return ({"choices": [self.choice(body, at, *told) for at, told in reversed(pairs)]},)

    def choice(self, body, at, predicted, routes):
        prompt = body["prompt"][at]
        said = [None] + [float(predicted[position, token]) for position, token in enumerate(prompt[1:])]
        best = [{int(i): float(row[i]) for i in np.argsort(-row)[:body.get("logprobs", 0)]} for row in predicted]
        if self.server.fault == "short":
            said = said[:-1]
        if self.server.speaks == "prompt_logprobs" and "prompt_logprobs" in body:
            told = [None] + [{str(i): {"logprob": value} for i, value in {**best[position], prompt[position + 1]: said[position + 1]}.items()}
                             for position in range(len(said) - 1)]
            routed = {"routed_experts": self.as_npy(routes)} if self.server.routes else {"routed_experts": None}
            return {"index": at, "text": "", "prompt_logprobs": told, "logprobs": {"top_logprobs": [best[-1]]}, **routed}
        if self.server.speaks == "echo" and body.get("echo") or self.server.speaks == "generate" and body.get("echo"):
            return {"index": at, "text": "", "logprobs": {"token_logprobs": said + [-1.0], "top_logprobs": [None] + best}}
        return {"index": at, "text": ""}

    def as_npy(self, routes):
        """As vLLM 0.32.0: base64 of a .npy file, of bytes where 256 experts or fewer fit in them."""
        with io.BytesIO() as file:
            np.save(file, self.broken(routes).astype(np.uint8), allow_pickle=False)
            return base64.b64encode(file.getvalue()).decode()

    def broken(self, routes):
        routes = {"rows": routes[:-1], "layers": routes[:, :-1]}.get(self.server.routes, routes).copy()
        if self.server.routes == "range":
            routes[3, 1, 0] = EXPERTS
        if self.server.routes == "twice":
            routes[3, 1] = 0
        if self.server.routes == "dense" and len(routes) < 30:
            routes[:, 0] = 1
        return routes

    def generated(self, body):
        """As SGLang 0.5.23: lists of [ln p, id, text], null first, the last id of the vocabulary told as 0; int32 without a shape."""
        assert body["logprob_start_len"] == 0 and body["return_logprob"] and body["sampling_params"]["max_new_tokens"] == 1, body
        prompts, served, out = body["input_ids"], self.server, []
        for prompt, predicted, routes in zip(prompts, said_of(prompts, served.leak), routed_of(prompts, served.leak_of_routes)):
            count = body["top_logprobs_num"]
            best = [[[float(row[i]), int(i), None] for i in np.argsort(-row)[:count]] for row in predicted]
            own = [[None if at == 0 else float(predicted[at - 1, token]), 0 if token == 31 else token, None]
                   for at, token in enumerate(prompt)]
            said = {"input_token_logprobs": own, "input_top_logprobs": [None, *best[:-1]], "output_token_logprobs": [best[-1][0]],
                    "output_top_logprobs": [best[-1]], "finish_reason": {"type": "length", "length": 1}}
            if served.routes and body["return_routed_experts"]:
                said["routed_experts"] = base64.b64encode(self.broken(routes).astype(np.int32).tobytes()).decode()
            out.append({"text": "", "output_ids": [best[-1][0][1]], "meta_info": said})
        return (out,)

    def reply(self, value, status=200):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextlib.contextmanager
def serving(speaks="prompt_logprobs", leak="", fault="", busy=0, models=("toy",), routes="", leak_of_routes=""):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.speaks, server.leak, server.fault, server.busy, server.models = speaks, leak, fault, busy, models
    server.routes, server.leak_of_routes = routes, leak_of_routes
    server.asked, server.keys, server.now, server.most, server.lock = [], [], 0, 0, threading.Lock()
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Answers(unittest.TestCase):
    TOKENS = np.random.default_rng(3).integers(0, 32, (5, 12))

    def expected(self):
        rows = list(said_of(self.TOKENS.tolist(), ""))
        said = np.array([[math.nan, *row[np.arange(11), tokens[1:]]] for row, tokens in zip(rows, self.TOKENS)])
        return said, np.array([-np.sort(-row)[:, :4] for row in rows])

    def test_both_ways_to_speak_and_all_ways_to_ask(self):
        for speaks in ("prompt_logprobs", "generate", "echo"):
            for more in ({}, {"company": False}, {"company": False, "in_flight": 3}):
                with self.subTest(speaks=speaks, more=more), serving(speaks) as server:
                    model = Server(server.url, vocab=32, **more)
                    before = len(server.asked)
                    found, (said, likeliest) = model(self.TOKENS), self.expected()
                    np.testing.assert_allclose(found["logprobs"], said)
                    np.testing.assert_allclose(found["predictions"], likeliest)
                    self.assertEqual(model.facts.max_positions, 64)
                    self.assertLessEqual(server.most, more.get("in_flight", 1))
                    sizes = {len(asked.get("prompt") or asked["input_ids"]) for asked in server.asked if asked not in server.asked[:before]}
                    self.assertEqual(sizes, {1} if more else {5})
                    self.assertEqual(model.facts.producer.split()[2], speaks)

    def test_padding(self):
        valid = np.ones((5, 12), np.uint8)
        valid[1, 7:] = 0
        with serving() as server:
            said = Server(server.url, vocab=32)(self.TOKENS, valid)["logprobs"]
            self.assertTrue(np.isnan(said[1, 7:]).all())
            self.assertEqual([len(prompt) for prompt in server.asked[-1]["prompt"]], [12, 7, 12, 12, 12])
            with self.assertRaisesRegex(ModelError, "row 0 has padding before"):
                Server(server.url, vocab=32)(self.TOKENS, 1 - np.eye(5, 12, dtype=np.uint8))

    def test_a_busy_server_is_asked_again_and_not_for_ever(self):
        with serving(busy=2) as server:
            Server(server.url, vocab=32)(self.TOKENS)
            self.assertEqual(len(server.asked), 4)
        with serving(busy=99) as server, self.assertRaisesRegex(ModelError, "status 503"):
            Server(server.url, vocab=32, patience=1.5)(self.TOKENS)
        with serving() as server, self.assertRaisesRegex(ModelError, "one request more than were allowed"):
            model = Server(server.url, vocab=32, requests=3)
            model(self.TOKENS)
            model(self.TOKENS)

    def test_what_makes_no_sense_is_refused(self):
        for fault, expected in (("garbage", "expected a JSON object"), ("refused", "status 400: .*no such thing"),
                                ("fewer", "0 choices for 1 prompts"), ("short", "a prompt of 32 tokens, and 31")):
            with self.subTest(fault=fault), serving(fault=fault) as server, self.assertRaisesRegex(ModelError, expected):
                Server(server.url, vocab=32)(self.TOKENS)
        with serving("nothing") as server, self.assertRaisesRegex(ModelError, "no log-probabilities of a prompt"):
            Server(server.url, vocab=32)(self.TOKENS)
        with serving(models=("a", "b")) as server:
            with self.assertRaisesRegex(ModelError, "serves a, b"):
                Server(server.url, vocab=32)
            with self.assertRaisesRegex(ModelError, "has no c, but a, b"):
                Server(server.url, vocab=32, model="c")
            self.assertEqual(Server(server.url, vocab=32, model="b").model, "b")
        with self.assertRaisesRegex(ModelError, "URLError"):
            Server("http://127.0.0.1:9", vocab=32)
        for url in ("localhost:80", "ftp://x", "http://me:secret@host"):
            with self.assertRaisesRegex(ValueError, "expected http") as raised:
                Server(url, vocab=32)
            self.assertNotIn("secret", str(raised.exception))

    def test_the_key_is_sent_and_shown_nowhere(self):
        with serving(fault="refused") as server, mock.patch.dict(os.environ, {"PASTONLY_API_KEY": "s3cret"}):
            with self.assertRaises(ModelError) as raised:
                Server(server.url, vocab=32)
            self.assertEqual(set(server.keys), {"Bearer s3cret"})
            server.fault = ""
            self.assertNotIn("s3cret", f"{raised.exception} {Server(server.url, vocab=32).facts}")


class Routes(unittest.TestCase):
    TOKENS = Answers.TOKENS
    EXPERTS = {"prompt_logprobs": {"experts": EXPERTS}, "generate": {"experts": EXPERTS, "top_k": K}}

    def test_they_are_those_of_the_server(self):
        valid = np.ones((5, 12), np.uint8)
        valid[1, 7:] = 0
        expected = np.zeros((5, 12, 3, EXPERTS), np.uint8)
        for row, (tokens, length) in enumerate(zip(self.TOKENS, valid.sum(1))):
            np.put_along_axis(expected[row, :length], next(routed_of([tokens[:length].tolist()], "")), 1, -1)
        for speaks, more in self.EXPERTS.items():
            for alone in ({}, {"company": False}):
                with self.subTest(speaks=speaks, alone=alone), serving(speaks, routes="told") as server:
                    model = Server(server.url, vocab=32, **more, **alone)
                    found = Runner(model, model.facts).run(self.TOKENS, valid)
                    self.assertEqual((tuple(model.facts.layers), model.facts.experts, model.facts.top_k), (LAYERS, EXPERTS, K))
                    self.assertEqual(model.facts.remarks, [("layer-skipped", "layers 0 name no experts, as layers without any")])
                    for layer in LAYERS:
                        np.testing.assert_array_equal(found[f"layers.{layer}.mask"], expected[:, :, layer])

    def test_without_the_number_of_experts_they_are_left_out_and_it_is_said(self):
        for speaks in self.EXPERTS:
            with serving(speaks, routes="told") as server:
                model = Server(server.url, vocab=32)
                self.assertEqual((sorted(model(self.TOKENS)), [name for name, _ in model.facts.remarks]),
                                 (["logprobs", "predictions"], ["routes-unread"]))

    def test_what_makes_no_sense_is_refused(self):
        for routes, words in (("", "tells no routed experts; vLLM and SGLang"), ("rows", "31 rows for a prompt of 32|no int32 for 32"),
                              ("range", "layer 1 names expert 8; expected ids from 0 to 7"),
                              ("twice", "layer 1 names an expert twice for token 3 of row 0, as engines do")):
            for speaks, more in self.EXPERTS.items():
                with self.subTest(routes=routes, speaks=speaks), serving(speaks, routes=routes) as server:
                    with self.assertRaisesRegex(ModelError, words):
                        Server(server.url, vocab=32, **more)
        with serving("generate", routes="told") as server, self.assertRaisesRegex(ModelError, "say how many experts .*--top-k"):
            Server(server.url, vocab=32, experts=EXPERTS)
        with serving(routes="told") as server, self.assertRaisesRegex(ModelError, "2 experts a token; expected 3"):
            Server(server.url, vocab=32, experts=EXPERTS, top_k=3)

    def test_answers_that_change_their_shape_are_refused(self):
        for routes, words in (("", "told at first, and missing now"), ("layers", "4 ids a token; expected 3 layers of 2"),
                              ("dense", r"a layer other than \[1, 2\] names experts")):
            for speaks, more in self.EXPERTS.items():
                with self.subTest(routes=routes, speaks=speaks), serving(speaks, routes="told") as server:
                    model = Server(server.url, vocab=32, **more)
                    server.routes = routes
                    with self.assertRaisesRegex(ModelError, words):
                        model(self.TOKENS)


@unittest.skipUnless(BINARY, "PASTONLY_BINARY is not set")
class Verdicts(unittest.TestCase):
    def findings(self, leak, **more):
        with serving(leak=leak) as server:
            report = audit(Server(server.url, vocab=32, **more), positions=24, batch=4, quiet=True, checks=[
                "causal-mask", "batch-isolation", "order-invariance", "length-invariance"])
        return report, {(f["check"], f["claim"]) for f in report.json["findings"] if f["severity"] in ("error", "warning")}

    def test_what_is_served(self):
        report, found = self.findings("")
        self.assertEqual((report.verdict, found), ("pass", set()), report.text)
        report, found = self.findings("future")
        self.assertEqual(report.verdict, "fail", report.text)
        self.assertIn(("causal-mask", "change"), found)
        report, found = self.findings("company")
        self.assertIn(("batch-isolation", "change"), found, report.text)
        # The same server shows nothing of it to a prompt that is alone.
        report, found = self.findings("company", company=False)
        self.assertEqual((report.verdict, found), ("pass", set()), report.text)

    def test_routes_that_leak(self):
        """Log-probabilities are clean: what is found is found in the routes."""
        for speaks, more in Routes.EXPERTS.items():
            for leak, check in (("", None), ("future", "causal-mask"), ("company", "batch-isolation")):
                with self.subTest(speaks=speaks, leak=leak), serving(speaks, routes="told", leak_of_routes=leak) as server:
                    report = audit(Server(server.url, vocab=32, **more), positions=24, batch=4, quiet=True, checks=[
                        "causal-mask", "batch-isolation", "order-invariance", "length-invariance"])
                    found = {f["check"] for f in report.json["findings"] if f["severity"] in ("error", "warning")}
                    self.assertEqual([layer["index"] for layer in report.json["layers"]], list(LAYERS))
                    self.assertEqual(report.verdict, "fail" if leak == "future" else "pass" if not leak else report.verdict, report.text)
                    self.assertEqual(check in found, check is not None, report.text)
                    self.assertFalse(found - {check}, report.text)

    def test_assert_causal(self):
        with serving(leak="future") as server, self.assertRaises(AssertionError):
            assert_causal(Server(server.url, vocab=32), positions=24, batch=4, quiet=True, checks=["causal-mask"])


if __name__ == "__main__":
    unittest.main()
