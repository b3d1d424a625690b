"""Documents of packed rows, presented as rows: what is given to the model, where its answers go, what isolates them and what does not."""

import os
import unittest

import numpy as np

import toy  # noqa: F401: the path of the package
import pastonly
from pastonly import Facts, ModelError, packed
from pastonly.runner import Runner

BINARY = os.environ.get("PASTONLY_BINARY")
TOKENS = np.random.default_rng(2).integers(0, 32, (3, 6))
VALID = np.array([[1, 1, 1, 1, 0, 0], [1] * 6, [0, 0, 0, 1, 1, 1]], np.uint8)
DRAW = np.random.default_rng(7)
EMBED, ROUTER, UNEMBED = DRAW.normal(size=(32, 8)), DRAW.normal(size=(8, 4)), DRAW.normal(size=(8, 32))


class Row:
    """A running mean over the tokens of a document; `leak`: over all tokens of the row before it."""

    def __init__(self, leak=False):
        self.leak, self.asked = leak, []
        self.facts = Facts(vocab=32, layers=(0,), experts=4, top_k=2)

    def __call__(self, tokens, segments, positions, cu_seqlens, seed):
        self.asked.append((tokens, segments, positions, cu_seqlens, seed))
        x = EMBED[tokens[0]]
        documents = np.ones_like(segments[0]) if self.leak else segments[0]
        before = (documents[:, None] == documents) & np.tri(len(x), dtype=bool)
        state = before @ x / before.sum(1)[:, None]
        logits = state @ ROUTER
        said = state @ UNEMBED
        said -= np.log(np.exp(said).sum(-1, keepdims=True))
        told = np.concatenate([[np.nan], said[np.arange(len(x) - 1), tokens[0, 1:]]])
        return {"layers.0.logits": logits[None].astype(np.float32), "layers.0.experts": np.argsort(-logits, -1)[:, :2],
                "layers.0.bias": np.zeros(4, np.float32), "logprobs": told[None], "predictions": said[None, :, :5]}


class Rows(unittest.TestCase):
    def test_what_the_model_is_given(self):
        row = Row()
        Runner(packed(row), row.facts).run(TOKENS, VALID, 5)
        (tokens, segments, positions, cu_seqlens, seed), = row.asked
        np.testing.assert_array_equal(tokens, [[*TOKENS[0, :4], *TOKENS[1], *TOKENS[2, 3:]]])
        np.testing.assert_array_equal(segments, [[1] * 4 + [2] * 6 + [3] * 3])
        np.testing.assert_array_equal(positions, [[0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 0, 1, 2]])
        self.assertEqual((cu_seqlens.tolist(), cu_seqlens.dtype, seed), ([0, 4, 10, 13], np.int32, 5))

    def test_answers_go_to_their_documents(self):
        """A document of a packed row is answered as it is alone."""
        for documents in (None, 2):
            model = packed(Row(), documents=documents)
            found = Runner(model, model.facts).run(TOKENS, VALID)
            for at in range(3):
                real = VALID[at].astype(bool)
                alone = Runner(model, model.facts).run(TOKENS[at:at + 1, real])
                for name, values in alone.items():
                    if name.endswith("bias"):
                        np.testing.assert_array_equal(values, found[name])
                    elif name != "valid":
                        np.testing.assert_allclose(found[name][at][real], values[0], rtol=1e-6, err_msg=name)
                self.assertTrue(np.isnan(found["logprobs"][at][~real]).all())
                self.assertTrue((found["layers.0.experts"][at][~real] == -1).all())
        self.assertEqual(len(model._row.asked), 2 + 3)

    def test_what_is_wrong_is_said(self):
        with self.assertRaisesRegex(ValueError, "takes neither segments nor positions nor cu_seqlens"):
            packed(lambda tokens: {}, vocab=32)
        with self.assertRaisesRegex(ValueError, "documents: 1 in a row"):
            packed(Row(), documents=1)
        for returned, words in (([], "returned list"), ({"logprobs": np.zeros((3, 6))}, r"logprobs: shape \(3, 6\); expected \(1, 18, ...\)")):
            with self.assertRaisesRegex(ModelError, words):
                packed(lambda tokens, segments: returned, vocab=32)(TOKENS)  # noqa: B023

    def test_the_report_is_told(self):
        self.assertIn("4 rows at a time", dict(packed(Row(), documents=4).facts.remarks)["packed"])


@unittest.skipUnless(BINARY, "PASTONLY_BINARY is not set")
class Verdicts(unittest.TestCase):
    def found(self, model):
        report = pastonly.audit(model, positions=24, batch=4, quiet=True)
        return report, {f["check"] for f in report.findings if f["claim"] in ("flip", "change")}

    def test_a_row_that_mixes_its_documents(self):
        report, found = self.found(packed(Row()))
        self.assertEqual((report.verdict, found), ("pass", set()), report.text)
        self.assertIn("rows are documents of packed rows", " ".join(report.text.split()))
        report, found = self.found(packed(Row(leak=True)))
        self.assertLessEqual({"batch-isolation", "order-invariance", "length-invariance"}, found, report.text)
        self.assertNotIn("causal-mask", found, report.text)  # no document looks ahead in itself


if __name__ == "__main__":
    unittest.main()
