"""pastonly report --merge: parts of one plan, recorded and audited in several places."""

import json
import pathlib
import shutil
import tempfile
import unittest

from made_plan import MadePlan, causal, whole_row
from program import audit, run

CUTS = [5, 19, 36, 47, 53, 60]
POLICY = ("--policy", "release", "--seed", "3")


def without_times(report):
    del report["run"]
    for check in report["checks"]:
        del check["seconds"]
    return json.dumps(report)


class Merged(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)

    def parts(self, model=causal, count=3, **options):
        """The whole plan, and its parts: plans with all inputs, each with the outputs of the base and of some runs, audited."""
        plan = MadePlan(self.path / "recorded", model, **options)
        plan.suffixes(CUTS)
        plan.batch()
        recorded = plan.write()
        reports = []
        for part in range(count):
            folder = self.path / f"part{part}"
            shutil.copytree(recorded, folder)
            for at, output in enumerate(sorted(folder.glob("*.out.safetensors"))):
                if at > 0 and at % count != part:
                    output.unlink()
            reports.append(self.report(folder))
        return recorded, reports

    def report(self, folder, *options):
        path = self.path / f"{folder.name}.json"
        done = run("audit", folder, *(options or POLICY), "-q", "-o", f"json={path}")
        self.assertIn(done.returncode, (0, 1, 3), done.stderr)
        return path

    def merge(self, reports, into=None, *options):
        return run("report", "--merge", *reports, "--into", into or self.path / "whole", *options)

    def assertRefused(self, done, code, *words):
        self.assertEqual(done.returncode, code, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertEqual(done.stdout, "")

    def test_the_report_is_that_of_one_audit_to_the_byte(self):
        for model, verdict in ((causal, 0), (whole_row, 1)):
            with self.subTest(model=model.__name__):
                recorded, reports = self.parts(model)
                merged = self.path / "merged.json"
                done = self.merge(reports, None, "-o", f"json={merged}")
                whole = self.path / "whole"
                self.assertEqual(done.returncode, verdict, done.stderr)
                for file in recorded.iterdir():
                    self.assertEqual(file.read_bytes(), (whole / file.name).read_bytes())
                self.assertEqual(len(list(whole.iterdir())), len(list(recorded.iterdir())))
                alone = audit(whole, *POLICY, expect=verdict)
                self.assertEqual(without_times(json.loads(merged.read_text())), without_times(alone))
                # The moved parts are needed no more.
                for folder in self.path.glob("part?"):
                    shutil.rmtree(folder)
                self.assertEqual(run("verify", merged).returncode, 0)
                shutil.rmtree(whole)
                shutil.rmtree(recorded)

    def test_a_part_may_have_moved_with_its_report(self):
        _, reports = self.parts()
        (self.path / "here").mkdir()
        moved = []
        for report in reports:
            shutil.move(report, self.path / "here")
            shutil.move(self.path / report.stem, self.path / "here")
            moved.append(self.path / "here" / report.name)
        self.assertEqual(self.merge(moved).returncode, 0)

    def test_a_folder_named_with_a_slash_and_a_namesake_elsewhere(self):
        """As tab completion names it; of two files in question the one counts that the report is of."""
        self.parts(count=2)
        here = self.path / "here"
        here.mkdir()
        reports = []
        for part in range(2):
            shutil.move(self.path / f"part{part}", here)
            reports.append(here / f"slash{part}.json")
            run("audit", f"part{part}/", *POLICY, "-q", "-o", f"json={reports[-1]}", cwd=here)
        elsewhere = self.path / "elsewhere"
        shutil.copytree(here / "part1", elsewhere / "part1")
        other = sorted((elsewhere / "part1").glob("*.out.safetensors"))[1]
        data = bytearray(other.read_bytes())
        data[-1] ^= 1
        other.write_bytes(data)
        done = run("report", "--merge", *reports, "--into", self.path / "whole", cwd=elsewhere)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_what_is_read_is_never_written_over(self):
        _, reports = self.parts(count=2)
        before = reports[0].read_bytes()
        self.assertRefused(self.merge(reports, None, "-o", f"json={reports[0]}"), 4, str(reports[0]))
        self.assertRefused(self.merge(reports, self.path / "part0", "-o", f"json={self.path / 'part0' / 'plan.json'}"), 4, "plan.json")
        self.assertRefused(run("report", reports[0], "-o", f"json={reports[0]}"), 4, str(reports[0]))
        self.assertEqual(reports[0].read_bytes(), before)
        victim = self.path / "victim"
        victim.write_bytes(b"mine")
        (self.path / "whole").mkdir()
        (self.path / "whole" / "plan.json.part").symlink_to(victim)
        self.assertEqual(self.merge(reports).returncode, 0)
        self.assertEqual(victim.read_bytes(), b"mine")

    def test_runs_elsewhere_are_refused(self):
        _, reports = self.parts(count=2)
        report = json.loads(reports[0].read_text())
        for file in report["subject"]["files"]:
            if file["path"].endswith("0000.out.safetensors"):
                file["path"] = str(self.path / "0000.out.safetensors")
        reports[0].write_text(json.dumps(report))
        self.assertRefused(self.merge(reports), 2, "not beside its plan.json")

    def test_what_was_copied_is_kept_and_one_part_may_take_in_the_others(self):
        _, reports = self.parts()
        self.assertEqual(self.merge(reports, self.path / "part0").returncode, 0)
        before = {file.name: file.stat().st_mtime_ns for file in (self.path / "part0").iterdir()}
        self.assertEqual(self.merge(reports, self.path / "part0").returncode, 0)
        self.assertEqual(before, {file.name: file.stat().st_mtime_ns for file in (self.path / "part0").iterdir()})

    def test_what_is_no_part_is_refused(self):
        recorded, reports = self.parts()
        other = MadePlan(self.path / "other", seed=2)
        other.suffixes(CUTS)
        other = self.report(other.write())
        self.assertRefused(self.merge([reports[0], other]), 4, str(other), "another plan")
        elsewhere = self.path / "elsewhere.json"
        for options, words in ((("--policy", "ci", "--seed", "3"), "another policy"), (("--policy", "release", "--seed", "4"), "seed"),
                               ((*POLICY, "--check", "causal-mask"), "other checks"), ((*POLICY, "--batch", "4"), "of the files")):
            made = self.report(self.path / "part1", *options)
            shutil.copy(made, elsewhere)
            self.assertRefused(self.merge([reports[0], elsewhere]), 4, str(elsewhere), words)
        trace = self.report(next(recorded.glob("*.out.safetensors")))
        self.assertRefused(self.merge([trace, reports[0]]), 4, str(trace), "not of one plan")
        self.assertFalse((self.path / "whole").exists())

    def test_a_run_in_two_parts_is_one(self):
        _, reports = self.parts()
        output = sorted((self.path / "part0").glob("*.out.safetensors"))[1]
        shutil.copy(output, self.path / "part1")
        self.assertEqual(self.merge([reports[0], self.report(self.path / "part1"), reports[2]]).returncode, 0)

    def test_two_answers_to_one_run_are_refused(self):
        _, reports = self.parts()
        output = sorted((self.path / "part0").glob("*.out.safetensors"))[1]
        data = bytearray(output.read_bytes())
        data[-1] ^= 1
        (self.path / "part1" / output.name).write_bytes(data)
        second = self.report(self.path / "part1")
        self.assertRefused(self.merge([reports[0], second]), 2, output.name, "differs between", str(second))

    def test_files_that_changed_or_are_gone_are_refused(self):
        _, reports = self.parts()
        output = sorted((self.path / "part2").glob("*.out.safetensors"))[1]
        data = bytearray(output.read_bytes())
        data[-1] ^= 1
        output.write_bytes(data)
        self.assertRefused(self.merge(reports), 2, str(output), "changed since")
        self.assertFalse((self.path / "whole" / output.name).exists())
        output.unlink()
        self.assertRefused(self.merge(reports), 2, str(output), "missing")

    def test_the_directory_may_hold_nothing_else(self):
        _, reports = self.parts()
        whole = self.path / "whole"
        whole.mkdir()
        (whole / "0099.out.safetensors").write_bytes(b"")
        self.assertRefused(self.merge(reports), 2, "0099.out.safetensors", "no report states it")
        (whole / "0099.out.safetensors").unlink()
        (whole / "plan.json").write_text("{}")
        self.assertRefused(self.merge(reports), 2, "plan.json", "another file")
        self.assertRefused(self.merge(reports, reports[0]), 2, str(reports[0]), "cannot be")

    def test_options_that_do_not_go_together(self):
        _, (first, second, _) = self.parts()
        self.assertRefused(run("report", first, second), 4, "--merge")
        self.assertRefused(run("report", "--merge", first, second), 4, "--into")
        self.assertRefused(run("report", first, "--into", self.path / "whole"), 4, "--merge")
        self.assertRefused(run("report", "--diff", "--merge", first, second, "--into", self.path / "whole"), 4, "--diff")
        self.assertRefused(self.merge([first, second], None, "--policy", "ci"), 4, "--policy")
        self.assertRefused(run("report", "--merge", first, "--into", self.path / "whole"), 4, "two or more")

    def test_a_redacted_part_names_no_files(self):
        _, (first, second, _) = self.parts()
        redacted = self.path / "redacted.json"
        run("report", first, "--redact", "-o", f"json={redacted}")
        self.assertRefused(self.merge([redacted, second]), 4, "redacted")


if __name__ == "__main__":
    unittest.main()
