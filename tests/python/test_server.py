"""A model behind a server, as it is served: against a small one that speaks like vLLM, or like those that echo."""

import contextlib
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
from pastonly.server import Server
from pastonly.trace import ModelError

BINARY = os.environ.get("PASTONLY_BINARY")
DRAW = np.random.default_rng(11)
EMBED, UNEMBED = DRAW.normal(size=(32, 8)), DRAW.normal(size=(8, 32))


def said_of(prompts, leak):
    """ln p of every token after every position: of what stands before it, and of what must not matter."""
    for at, prompt in enumerate(prompts):
        x, others = EMBED[np.asarray(prompt)], [EMBED[np.asarray(other)].mean(0) for i, other in enumerate(prompts) if i != at]
        shared = np.mean(others, 0) if leak == "company" and others else 0
        state = np.cumsum(x, 0) / np.arange(1, len(prompt) + 1)[:, None] + shared
        if leak == "future":
            state[:-1] += 0.5 * x[1:]
        predicted = state @ UNEMBED
        predicted -= np.log(np.exp(predicted).sum(-1, keepdims=True))
        yield predicted


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
        pairs = list(enumerate(said_of(body["prompt"], served.leak)))
        return ({"choices": [self.choice(body, *pair) for pair in reversed(pairs)]},)

    def choice(self, body, at, predicted):
        prompt = body["prompt"][at]
        said = [None] + [float(predicted[position, token]) for position, token in enumerate(prompt[1:])]
        best = [{int(i): float(row[i]) for i in np.argsort(-row)[:body.get("logprobs", 0)]} for row in predicted]
        if self.server.fault == "short":
            said = said[:-1]
        if self.server.speaks == "prompt_logprobs" and "prompt_logprobs" in body:
            told = [None] + [{str(i): {"logprob": value} for i, value in {**best[position], prompt[position + 1]: said[position + 1]}.items()}
                             for position in range(len(said) - 1)]
            return {"index": at, "text": "", "prompt_logprobs": told, "logprobs": {"top_logprobs": [best[-1]]}}
        if self.server.speaks == "echo" and body.get("echo"):
            return {"index": at, "text": "", "logprobs": {"token_logprobs": said + [-1.0], "top_logprobs": [None] + best}}
        return {"index": at, "text": ""}

    def reply(self, value, status=200):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextlib.contextmanager
def serving(speaks="prompt_logprobs", leak="", fault="", busy=0, models=("toy",)):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.speaks, server.leak, server.fault, server.busy, server.models = speaks, leak, fault, busy, models
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
        for speaks in ("prompt_logprobs", "echo"):
            for more in ({}, {"company": False}, {"company": False, "in_flight": 3}):
                with self.subTest(speaks=speaks, more=more), serving(speaks) as server:
                    model = Server(server.url, vocab=32, **more)
                    found, (said, likeliest) = model(self.TOKENS), self.expected()
                    np.testing.assert_allclose(found["logprobs"], said)
                    np.testing.assert_allclose(found["predictions"], likeliest)
                    self.assertEqual(model.facts.max_positions, 64)
                    self.assertLessEqual(server.most, more.get("in_flight", 1))
                    sizes = {len(asked["prompt"]) for asked in server.asked}
                    self.assertEqual(sizes, {1} if more else {5})

    def test_padding(self):
        valid = np.ones((5, 12), np.uint8)
        valid[1, 7:] = 0
        with serving() as server:
            said = Server(server.url, vocab=32)(self.TOKENS, valid)["logprobs"]
            self.assertTrue(np.isnan(said[1, 7:]).all())
            self.assertEqual([len(prompt) for prompt in server.asked[0]["prompt"]], [12, 7, 12, 12, 12])
            with self.assertRaisesRegex(ModelError, "row 0 has padding before"):
                Server(server.url, vocab=32)(self.TOKENS, 1 - np.eye(5, 12, dtype=np.uint8))

    def test_a_busy_server_is_asked_again_and_not_for_ever(self):
        with serving(busy=2) as server:
            Server(server.url, vocab=32)(self.TOKENS)
            self.assertEqual(len(server.asked), 3)
        with serving(busy=99) as server, self.assertRaisesRegex(ModelError, "status 503"):
            Server(server.url, vocab=32, patience=1.5)(self.TOKENS)
        with serving() as server, self.assertRaisesRegex(ModelError, "one request more than were allowed"):
            model = Server(server.url, vocab=32, requests=2)
            model(self.TOKENS)
            model(self.TOKENS)

    def test_what_makes_no_sense_is_refused(self):
        for fault, expected in (("garbage", "expected a JSON object"), ("refused", "status 400: .*no such thing"),
                                ("fewer", "0 choices for 5 prompts"), ("short", "a prompt of 12 tokens, and 11")):
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
            model = Server(server.url, vocab=32)
            with self.assertRaises(ModelError) as raised:
                model(self.TOKENS)
            self.assertEqual(server.keys, ["Bearer s3cret"])
            self.assertNotIn("s3cret", f"{raised.exception} {model.facts}")


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

    def test_assert_causal(self):
        with serving(leak="future") as server, self.assertRaises(AssertionError):
            assert_causal(Server(server.url, vocab=32), positions=24, batch=4, quiet=True, checks=["causal-mask"])


if __name__ == "__main__":
    unittest.main()
