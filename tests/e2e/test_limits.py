"""What a pass is worth: trials that count, widths that no cut sees, and what was covered."""

import json
import pathlib
import struct
import tempfile
import unittest

from made_plan import MadePlan, causal, expert_choice, late_positions, safetensors, whole_row
from program import audit, findings, run
from test_checkpoint import write


class Limits(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)

    def plan(self, model=causal, **how):
        return MadePlan(self.root / f"plan{len(list(self.root.iterdir()))}", model, **how)

    def policy(self, **keys):
        path = self.root / "policy.json"
        path.write_text(json.dumps({"schema": "pastonly.policy/1", **keys}))
        return path

    def audited(self, plan, *arguments, expect):
        return audit(plan.write(), *arguments, expect=expect)

    def test_a_plain_plan_passes_and_says_what_it_is_worth(self):
        plan = self.plan()
        plan.suffixes([19, 36, 47, 53])
        report = self.audited(plan, expect=0)
        limit = report["detection_limit"]
        self.assertEqual((limit["trials"], limit["sequences"]), (8, 4))
        self.assertAlmostEqual(limit["trial_rate"], 1 - 0.05 ** (1 / 8))
        self.assertAlmostEqual(limit["sequence_rate"], 1 - 0.05 ** (1 / 4))
        self.assertEqual(limit["decisions"], 2 * 2 * 8 * (19 + 36 + 47 + 53))
        self.assertEqual((limit["unseen_chunks"], limit["unseen_after_first"], limit["left_out"]), ([], [], []))

    def test_before_the_cut_is_nothing_but_padding(self):
        plan = self.plan(whole_row, left_padding=40)
        plan.suffixes([19, 23, 29, 36])
        report = self.audited(plan, expect=3)
        self.assertEqual(report["detection_limit"]["trials"], 0)
        self.assertIn("everything before the cut is padding", report["detection_limit"]["left_out"][0]["reason"])
        self.assertIn("everything before the cut is padding", " ".join(report["verdict_reasons"]))

    def test_a_layer_that_routes_nothing_before_the_cut(self):
        def late_router(rows, valid):
            leaking = whole_row(rows, valid)

            def route(layer, row, position):
                scores, chosen = leaking(layer, row, position)
                return [0.125] * 8, chosen if position >= 40 else [0] * 8
            return route
        plan = self.plan(late_router)
        plan.suffixes([19, 23, 29, 36])
        report = self.audited(plan, expect=3)
        self.assertEqual(report["detection_limit"]["trials"], 0)

    def test_special_tokens_are_counted_apart(self):
        plan = self.plan(said={"special": [100, 101]}, first=100)  # which are never drawn
        plan.suffixes([19, 36, 47, 53])
        policy = self.policy(coverage={"special": 0.5})
        self.assertEqual(self.audited(plan, expect=0)["detection_limit"]["coverage"]["special"],
                         {"ids": 2, "before": 1, "redrawn": 0})
        reasons = " ".join(self.audited(plan, "--policy", policy, expect=3)["verdict_reasons"])
        self.assertIn("0.0% of the special tokens were redrawn; the policy requires 50.0%", reasons)
        rows = plan.redrawn(0, 19)
        rows[0][30:32] = [100, 101]
        plan.suffix(0, 19, rows=rows, resample=9)
        report = self.audited(plan, "--policy", policy, expect=0)
        self.assertEqual(report["detection_limit"]["coverage"]["special"], {"ids": 2, "before": 1, "redrawn": 2})
        unsaid = self.plan()
        unsaid.suffixes([19, 36, 47, 53])
        reasons = " ".join(self.audited(unsaid, "--policy", policy, expect=3)["verdict_reasons"])
        self.assertIn("nobody says which ids are special", reasons)

    def test_decisions_that_no_token_changes(self):
        def one_answer(mask, favourite=0.0):
            """Scores that follow their tokens, beside one mask for all."""
            def model(rows, valid):
                honest = causal(rows, valid)

                def route(layer, row, position):
                    scores = honest(layer, row, position)[0]
                    return [score + favourite * chosen for score, chosen in zip(scores, mask)], list(mask)
                return route
            return model
        for name, mask in (("everything", [1] * 8), ("the same two", [1, 1] + [0] * 6)):
            with self.subTest(name):
                plan = self.plan(one_answer(mask))
                plan.suffixes([19, 36, 47, 53])
                report = self.audited(plan, expect=3)
                self.assertIn("unanswered", [finding["claim"] for finding in report["findings"]])
                self.assertIn("layers 0, 1: no redrawn token is routed otherwise", " ".join(report["verdict_reasons"]))
        with self.subTest("a router that learned one answer"):
            plan = self.plan(one_answer([1, 1] + [0] * 6, favourite=2.0))
            plan.suffixes([19, 36, 47, 53])
            self.audited(plan, expect=0)

    def test_redrawn_padding_is_no_trial(self):
        plan = self.plan(right_padding=16)
        for row in range(4):
            plan.suffix(row, 50)
        report = self.audited(plan, expect=3)
        self.assertEqual(report["detection_limit"]["trials"], 0)
        self.assertEqual(report["detection_limit"]["left_out"], [{"runs": [2, 3, 4, 5],
                                                                 "reason": "only padding is redrawn"}])

    def test_the_first_token_that_differs_is_the_cut(self):
        plan = self.plan(expert_choice(16))
        for i, (said, true) in enumerate(((11, 16), (19, 32), (37, 48), (13, 32))):
            rows = plan.redrawn(i, true)
            plan.suffix(i, said, rows=rows)
        report = self.audited(plan, "--check", "causal-mask", expect=3)
        self.assertNotIn("causal-mask", findings(report))
        self.assertEqual(report["detection_limit"]["unseen_chunks"], [2, 4, 8, 16])
        self.assertEqual(report["detection_limit"]["coverage"]["cuts"], [16, 48])

    def test_what_lies_between_the_declared_and_the_true_cut_is_compared(self):
        plan = self.plan(late_positions)
        for row in range(4):
            plan.suffix(row, 19, rows=plan.redrawn(row, 62))
        self.assertIn("causal-mask", findings(self.audited(plan, expect=1)))

    def test_one_draw_under_eight_numbers_is_one_trial(self):
        plan = self.plan()
        rows = plan.redrawn(0, 19)
        for number in range(8):
            plan.suffix(0, 19, rows=rows, resample=number)
        self.assertEqual(self.audited(plan, expect=3)["detection_limit"]["trials"], 1)

    def test_one_draw_cut_at_several_places_is_one_trial(self):
        plan = self.plan()
        rows = plan.redrawn(0, 19)
        for number, cut in enumerate((19, 24, 37, 53)):
            nested = [list(tokens) for tokens in plan.base]
            nested[0][cut:] = rows[0][cut:]
            plan.suffix(0, cut, rows=nested, resample=number)
        report = self.audited(plan, expect=3)
        self.assertEqual(report["detection_limit"]["trials"], 1)
        self.assertEqual(report["detection_limit"]["coverage"]["cuts"], [19, 53])

    def test_a_run_that_changes_nothing_is_no_evidence(self):
        for kind, check in (("batch", "batch-isolation"), ("order", "order-invariance")):
            with self.subTest(kind=kind):
                plan = self.plan()
                plan.add(plan.base, kind=kind, base=0, **({"keep": [0]} if kind == "batch" else {
                    "permutation": list(range(4))}))
                rows = [list(tokens) for tokens in plan.base]
                plan.suffix(0, 19, rows=rows)
                report = self.audited(plan, "--check", check, expect=3)
                gap = next(row for row in report["not_assessed"] if row["check"] == check)
                self.assertIn("left every token as it was", gap["reason"])
                self.assertIn("2", gap["reason"])

    def test_release_requires_batches_that_change(self):
        plan = self.plan(sequences=1, positions=300)
        plan.suffixes([19, 36, 47, 53, 131, 200])
        plan.batch(rows=plan.base)
        report = self.audited(plan, "--policy", "release", expect=3)
        self.assertIn("batch-isolation is required", " ".join(report["verdict_reasons"]))

    def test_layers_that_the_plan_names_and_nobody_recorded(self):
        plan = self.plan(said={"layers": [0, 1, 5, 7]})
        plan.suffixes([19, 36, 47, 53])
        report = self.audited(plan, expect=3)
        self.assertEqual(report["detection_limit"]["unrecorded_layers"], [5, 7])
        self.assertIn("layers 5, 7", " ".join(report["verdict_reasons"]))

    def test_chunks_after_a_first_token(self):
        plan = self.plan(expert_choice(16, shift=1))
        plan.suffixes([17, 33, 49, 17])
        folder = plan.write()
        report = audit(folder, "--check", "causal-mask", expect=0)
        self.assertEqual(report["detection_limit"]["unseen_after_first"], [2, 4, 8, 16])
        text = run("audit", folder, "--check", "causal-mask").stdout
        self.assertIn("begin after a first token: 2 4 8 16", " ".join(text.split()))
        policy = self.policy(coverage={"after_first_token": True})
        report = audit(folder, "--check", "causal-mask", "--policy", policy, expect=3)
        said = " ".join(report["verdict_reasons"])
        self.assertIn("chunk width 2, 4, 8, 16 whose chunks begin after a first token", said)
        # The advice is good: what it names finds the leak.
        at = report["detection_limit"]["suggested_cuts"]
        self.assertEqual(len(at), 1)
        self.assertIn(f"cut {at[0]['cut']} in row {at[0]['row']}", said)
        for resample in range(4):
            plan.suffix(at[0]["row"], at[0]["cut"], resample=resample)
        report = audit(plan.write(), "--check", "causal-mask")
        self.assertNotEqual(report["verdict"], "pass")
        figures = {m["name"]: m["value"] for m in report["checks"][0]["measurements"]}
        self.assertGreater(figures["trial_rate"], 0.0)

    def test_early_cuts_cover_early_positions(self):
        plan = self.plan(late_positions)
        plan.suffixes([3, 5, 8, 11])
        folder = plan.write()
        report = audit(folder, expect=0)
        seen = report["detection_limit"]["coverage"]
        self.assertEqual((seen["length"], seen["cuts"], seen["tokens_before"]), (64, [3, 11], [3, 11]))
        self.assertAlmostEqual(seen["positions"], 11 / 63)
        self.assertAlmostEqual(seen["next_token"], 4 / 63)
        self.assertGreater(seen["ids"]["before"], 16)
        self.assertEqual(seen["special"], {"ids": 0, "before": 0, "redrawn": 0})
        self.assertEqual(seen["farthest"], 63)
        text = run("audit", folder).stdout
        self.assertIn("at 3 to 11 of 64", text)
        report = audit(folder, "--policy", self.policy(coverage={"positions": 0.5}), expect=3)
        self.assertIn("17.5% of the positions of a row were compared (cuts at 3 to 11 of 64)",
                      " ".join(report["verdict_reasons"]))
        plan.suffixes([50, 61, 54, 59])
        self.assertIn("causal-mask", findings(self.audited(plan, expect=1)))

    def test_the_instrument_moved(self):
        plan = self.plan()
        plan.suffixes([19, 36, 47, 53])
        report = self.audited(plan, expect=0)
        check = next(check for check in report["checks"] if check["id"] == "causal-mask")
        moved = [m for m in check["measurements"] if m["name"] == "moved_after_cut"]
        self.assertEqual([m["layer"] for m in moved], [0, 1])
        for m in moved:
            self.assertGreater(m["value"], 0.8)

    def test_sequence_major_cuts_are_suggested(self):
        plan = self.plan(sequences=8, positions=128, layout="sequence-major")
        plan.suffixes([19, 37, 71, 101], draws=1)
        report = self.audited(plan, "--check", "causal-mask", expect=3)
        self.assertEqual(report["detection_limit"]["unseen_chunks"], [10])
        at = report["detection_limit"]["suggested_cuts"]
        self.assertEqual(len(at), 1)
        self.assertIn(f"cut {at[0]['cut']} in row {at[0]['row']}", " ".join(report["verdict_reasons"]))
        plan.suffix(at[0]["row"], at[0]["cut"])
        self.audited(plan, "--check", "causal-mask", expect=0)

    def test_one_run_is_as_many_trials_as_rows(self):
        plan = self.plan(sequences=8)
        for resample, shift in enumerate((0, 5, 11)):
            plan.grouped([(7 * row + shift) % 63 + 1 for row in range(8)], resample)
        report = self.audited(plan, expect=0)
        self.assertEqual((report["detection_limit"]["trials"], report["detection_limit"]["sequences"]), (24, 8))
        self.assertAlmostEqual(report["detection_limit"]["trial_rate"], 1 - 0.05 ** (1 / 24))

    def test_rows_that_move_in_a_grouped_run_are_named(self):
        plan = self.plan(late_positions)
        plan.suffixes([3, 5, 8, 11])
        plan.grouped([4, 60, 6, 62])
        report = self.audited(plan, "--check", "causal-mask", expect=None)
        self.assertNotEqual(report["verdict"], "pass")
        limit = report["detection_limit"]
        self.assertEqual(limit["trials"], 8)
        self.assertIn("only rows 1, 3 redrawn alone can show why", limit["left_out"][0]["reason"])

    def test_rows_recorded_alone_settle_a_grouped_run(self):
        """First come, first served: rows move one another, and none moves itself."""
        def crowded(rows, valid):
            honest, taken = causal(rows, valid), {}
            for row, tokens in enumerate(rows):
                for position in range(len(tokens)):
                    for layer in (0, 1):
                        for expert, chosen in enumerate(honest(layer, row, position)[1]):
                            if chosen:
                                taken.setdefault((layer, expert), []).append((row, position))
            kept = {key: set(places[:60]) for key, places in taken.items()}

            def route(layer, row, position):
                scores, chosen = honest(layer, row, position)
                return scores, [int(c and (row, position) in kept[layer, e]) for e, c in enumerate(chosen)]
            return route
        plan = self.plan(crowded)
        plan.suffixes([3, 5, 8, 11])
        plan.grouped([9, 20, 31, 60], resample=7)
        report = self.audited(plan, "--check", "causal-mask", expect=0)
        moved = report["detection_limit"]["left_out"][0]
        self.assertIn("redrawn alone can show why", moved["reason"])
        self.assertEqual(report["detection_limit"]["trials"], 8)
        drawn = plan.drawn[-1]
        for row in (int(word.strip(",")) for word in moved["reason"].split() if word.strip(",").isdigit()):
            rows = [list(tokens) for tokens in plan.base]
            rows[row] = drawn[row]
            plan.suffix(row, [9, 20, 31, 60][row], rows=rows, resample=7)
        report = self.audited(plan, "--check", "causal-mask", expect=0)
        self.assertEqual(report["detection_limit"]["trials"], 12)
        self.assertEqual(report["detection_limit"]["left_out"], [])

    def test_a_repeat_of_something_else_is_named_and_hides_nothing(self):
        for model, expect in ((whole_row, 1), (causal, 0)):
            plan = self.plan(model)
            plan.suffixes([19, 36, 47, 53])
            plan.add(plan.base, kind="repeat", base=0)
            honest, plan.model = plan.model, lambda rows, valid: causal([[(t + 7) % 64 for t in row] for row in rows], valid)
            plan.add(plan.base, kind="repeat", base=0)
            plan.model = honest
            report = self.audited(plan, "--check", "causal-mask", expect=expect)
            self.assertIn("broken-repeat", [finding["claim"] for finding in report["findings"]])

    def test_a_recording_that_does_not_follow_its_tokens_is_refused(self):
        plan = self.plan(whole_row)
        plan.suffixes([19, 36, 47, 53])
        folder = plan.write()
        base = (folder / "0000.out.safetensors").read_bytes()
        tokens = len(plan.base) * len(plan.base[0]) * 4
        for number in range(2, len(plan.runs)):
            path = folder / f"{number:04}.out.safetensors"
            own = path.read_bytes()
            header = 8 + struct.unpack("<Q", own[:8])[0]
            path.write_bytes(own[:header + tokens] + base[header + tokens:])
        report = audit(folder, expect=2)
        self.assertIn("does not follow its tokens", report["verdict_reasons"][0])

    def test_decisions_that_nobody_recorded_pass_nothing(self):
        plan = self.plan()
        plan.suffixes([19, 36, 47, 53])
        folder = plan.write()
        for path in folder.glob("*.out.safetensors"):
            raw = path.read_bytes()
            size = struct.unpack("<Q", raw[:8])[0]
            header, data, out, tensors = json.loads(raw[8:8 + size]), raw[8 + size:], {}, {}
            for name, entry in header.items():
                if name != "__metadata__" and not name.endswith(".mask"):
                    first, end = entry["data_offsets"]
                    tensors[name] = (entry["dtype"], entry["shape"], data[first:end])
            safetensors(path, tensors, header["__metadata__"])
        report = audit(folder, "--top-k", "2", expect=3)
        self.assertIn("unrecorded-decisions", [finding["claim"] for finding in report["findings"]])

    def test_reports_of_earlier_versions_are_read(self):
        plan = self.plan()
        plan.suffixes([19, 36, 47, 53])
        path = self.root / "report.json"
        run("audit", plan.write(), "-q", "-o", f"json={path}")
        report = json.loads(path.read_text())
        stated = {key: report["detection_limit"][key] for key in ("trial_rate", "trials", "confidence", "unseen_chunks")}
        path.write_text(json.dumps(report | {"detection_limit": stated}))
        again = json.loads(run("report", path, "-o", "json").stdout)
        self.assertEqual(again["detection_limit"]["trials"], 8)
        self.assertIsNone(again["detection_limit"]["coverage"])
        self.assertEqual(again["verdict"], "pass")

    def test_reports_round_trip(self):
        plan = self.plan()
        plan.suffixes([19, 36, 47, 53])
        plan.batch()
        path = self.root / "report.json"
        folder = plan.write()
        self.assertEqual(run("audit", folder, "-q", "-o", f"json={path}").returncode, 0)
        again = run("report", path, "-o", "json")
        self.assertEqual(json.loads(again.stdout)["detection_limit"], json.loads(path.read_text())["detection_limit"])
        self.assertEqual(run("verify", path, "-q").returncode, 0)


class Price(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)
        self.checkpoint = write(self.root / "model")

    def test_a_checkpoint_reaches_one_percent(self):
        limit = audit(self.checkpoint, "--check", "causal-mask", expect=0)["detection_limit"]
        self.assertLessEqual(limit["trial_rate"], 0.01)
        self.assertEqual(limit["sequences"], 24)
        self.assertEqual((limit["left_out"], limit["coverage"]["positions"], limit["coverage"]["next_token"]), ([], 1, 1))

    def test_a_smaller_limit_is_bought_and_its_price_said_first(self):
        path = self.root / "report.json"
        shape = (self.checkpoint, "--check", "causal-mask", "--positions", 16, "--batch", 8)
        done = run("audit", *shape, "--limit", 0.002, "-o", f"json={path}")
        self.assertEqual(done.returncode, 0, done.stderr)
        said = done.stderr.splitlines()[0]
        self.assertRegex(said, r"a detection limit of 0\.2% takes 1497 trials: [\d,]+ runs of \d+ x \d+ tokens.* at [\d.e-]+ s each about [\d.]+ s")
        report = json.loads(path.read_text())
        self.assertLessEqual(report["detection_limit"]["trial_rate"], 0.002)
        self.assertEqual(report["subject"]["options"]["limit"], 0.002)
        self.assertEqual(run("verify", path, "-q").returncode, 0)

    def test_limits_that_mean_nothing_are_refused(self):
        for limit in ("0", "1", "nan", "-0.1", "1e-9", "x", ""):
            with self.subTest(limit=limit):
                done = run("audit", self.checkpoint, f"--limit={limit}")
                self.assertEqual(done.returncode, 4, done.stderr)
        plan = MadePlan(self.root / "plan")
        plan.suffixes([19])
        done = run("audit", plan.write(), "--limit", 0.01)
        self.assertEqual(done.returncode, 4)
        self.assertIn("--limit is for checkpoints", done.stderr)

    def test_a_recording_keeps_the_trials(self):
        plan = self.root / "plan"
        shape = ("--check", "causal-mask")
        live = audit(self.checkpoint, *shape, "--positions", 16, "--record", plan, expect=0)["detection_limit"]
        self.assertEqual(audit(plan, *shape, expect=0)["detection_limit"], live)


if __name__ == "__main__":
    unittest.main()
