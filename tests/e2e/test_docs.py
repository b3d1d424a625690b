"""Pages, floors, and lists of options: what must not fall behind the program."""

import re
import subprocess
import tempfile
import unittest
from pathlib import Path
from xml.etree import ElementTree

from program import BINARY, COMMANDS, ROOT, run

# Each folder includes itself and what stands on lower lines; folders of one line do not know each other.
FLOORS = [{"kernels"}, {"stats"}, {"input", "routing"}, {"runtime", "integrity", "replay"}, {"model", "checkpoint", "external"},
          {"subjects"}, {"recording", "evidence"}, {"comparison", "losses"}, {"audits", "lab"}, {"run", "lint"}, {"report"}, {"session"}, {"cli"}]


def floor_of(folder):
    return next(level for level, folders in enumerate(FLOORS) if folder in folders)


class Floors(unittest.TestCase):
    def test_nothing_includes_upward_or_sideways(self):
        offences = []
        sources = [p for p in (ROOT / "src").rglob("*") if p.suffix in (".h", ".cpp") and p.parent != ROOT / "src"]
        sources += [p for p in (ROOT / "audits").rglob("*") if p.suffix in (".h", ".cpp")]
        for path in sources:
            parts = path.relative_to(ROOT).parts
            own = parts[1] if parts[0] == "src" else "audits"
            for included in re.findall(r'#include "([^"]+)"', path.read_text()):
                folder = included.split("/")[0]
                if "/" in included and folder not in ("pastonly", own) and floor_of(folder) >= floor_of(own):
                    offences.append(f"{path.relative_to(ROOT)} includes {included}")
        self.assertEqual(offences, [])

    def test_the_contract_stands_alone(self):
        for path in (ROOT / "include/pastonly").glob("*.h"):
            for included in re.findall(r'#include [<"]([^">]+)[">]', path.read_text()):
                self.assertTrue("/" not in included or included.startswith("pastonly/")
                                or included == "tl/expected.hpp", f"{path.name}: {included}")

    def test_every_folder_says_its_question(self):
        for folder in [*(ROOT / "src").iterdir(), ROOT / "audits"]:
            if folder.is_dir() and folder.name != "package":
                page = folder / "README.md"
                self.assertTrue(page.exists(), f"{page.relative_to(ROOT)} is missing")
                self.assertRegex(page.read_text().splitlines()[0], rf"^# {folder.name}: .*\?$", page.relative_to(ROOT))

    def test_third_parties_stay_where_they_belong(self):
        for path in (ROOT / "src").rglob("*"):
            if path.suffix in (".h", ".cpp") and "cli" not in path.parts:
                self.assertNotIn("<CLI/", path.read_text(), path)


class SameBits(unittest.TestCase):
    """What differs between machines stays out: their libm, and vectors by hand."""

    def found(self, pattern, folders, beside=None):
        return [f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
                for folder in folders for path in sorted((ROOT / folder).rglob("*"))
                if path.suffix in (".h", ".cpp") and (beside is None or ROOT / beside not in path.parents)
                for number, line in enumerate(path.read_text().splitlines(), 1) if re.search(pattern, line)]

    def test_elementary_functions_are_those_of_kernels(self):
        names = ("exp|exp2|expm1|log|log2|log10|log1p|pow|sin|cos|tan|asin|acos|atan|atan2|sinh|cosh|tanh|asinh|acosh|"
                 "atanh|cbrt|hypot|erf|erfc|lgamma|tgamma|beta|riemann_zeta")
        self.assertEqual(self.found(rf"\bstd::(ranges::)?({names})[fl]?\(|boost/", ("src", "audits", "tests/toy")), [])

    def test_what_the_library_leaves_open_is_not_used(self):
        open_ones = r"std::\w+_distribution|std::hash\b|std::reduce|parallel_reduce|std::execution|long double|<random>"
        self.assertEqual(self.found(open_ones, ("src", "audits", "tests/toy")), [])

    def test_vectors_stand_in_kernels_alone(self):
        pattern = r"vector_size|__builtin_shuffle|immintrin|_mm512|_mm256|__AVX"
        self.assertEqual(self.found(pattern, ("src", "audits", "include", "tests"), beside="src/kernels"), [])
        self.assertEqual([str(path) for folder in ("src", "audits", "include", "tests")
                          for path in (ROOT / folder).rglob("lanes.h")], [])


class OnePlace(unittest.TestCase):
    """What several places share is written once."""

    # Keys of documents and types of witnesses that read like a name and are none.
    DOCUMENTS = [ROOT / "src" / path for path in (
        "comparison/flip_witness.cpp", "comparison/resampled_futures.cpp", "input/policy/policy.cpp",
        "input/text/training_log.h", "input/text/training_log_points.h", "lab/evaluation_json.cpp", "lab/experiment.cpp", "lab/experiment_key.cpp",
        "report/detection_limit.cpp", "report/experiment_json.cpp", "report/experiment_text.cpp", "report/json.cpp", "report/parse.cpp",
        "report/witness_words.cpp", "report/words.cpp", "run/verify_parts.cpp", "run/witness.cpp")]
    KEYS = re.compile(r'(\.set|emplace_back|text_or)\((("\w+", )?"[\w-]+")')

    def declared(self, namespace):
        header = (ROOT / "include/pastonly/names.h").read_text()
        body = header.split(f"namespace pastonly::{namespace} {{")[1].split("}  // namespace")[0]
        return re.findall(r'= "([^"]+)";', body)

    def sources(self):
        for folder in ("src", "audits", "include"):
            for path in sorted((ROOT / folder).rglob("*")):
                if path.suffix in (".h", ".cpp") and path.name != "names.h":
                    yield path, path.read_text()

    def test_measurements_and_claims_are_named_in_names_h_alone(self):
        names = "|".join(map(re.escape, self.declared("measurement") + self.declared("claim")))
        found = []
        for path, text in self.sources():
            if path in self.DOCUMENTS:
                continue
            for number, line in enumerate(text.splitlines(), 1):
                code = self.KEYS.sub("", line.split("//")[0])
                found += [f"{path.relative_to(ROOT)}:{number}: {name} is declared in include/pastonly/names.h"
                          for name in re.findall(rf'"({names})["\[]', code)]
        self.assertEqual(found, [])

    def test_checks_state_no_name_that_is_not_declared(self):
        """What stands where a name belongs: the first field of a measurement, the id of a claim."""
        literal = re.compile(r'(?:claim\.id = |\.name = |Measurement \w*\{|measurements\.push_back\(\s*\{|'
                             r'->(?:difference|base|runs|measurement)\(|\b(?:add|measure|figure|spread)\()\s*"([^"]*)"')
        found = [f"{path.relative_to(ROOT)}: \"{name}\" belongs in include/pastonly/names.h"
                 for path, text in self.sources() if "audits" in path.parts or "run" in path.parts
                 for name in literal.findall(text)]
        self.assertEqual(found, [])

    def test_every_claim_can_be_named_in_a_policy(self):
        names = (ROOT / "include/pastonly/names.h").read_text()
        listed = re.search(r"all\[\] = \{([^}]*)\}", names).group(1).replace("\n", " ")
        self.assertEqual(sorted(name.strip().replace("_", "-") for name in listed.split(",")),
                         sorted(self.declared("claim")))

    def test_every_name_is_documented(self):
        pages = "".join(path.read_text() for path in (ROOT / "docs/checks").glob("*.md"))
        for namespace in ("measurement", "claim"):
            for name in self.declared(namespace):
                self.assertTrue(re.search(rf"`([a-z-]+/)?{re.escape(name)}(\[[^`]*)?`", pages),
                                f"{name} of include/pastonly/names.h stands in no page of docs/checks")

    def test_checks_are_named_in_their_own_files(self):
        """Others name a check by include/pastonly/names.h, or ask for a property of its record."""
        for path in (ROOT / "audits").glob("*.cpp"):
            if path.stem == "catalogue":
                continue
            check = path.stem.replace("_", "-")
            found = [str(other.relative_to(ROOT)) for other, text in self.sources()
                     if other != path and f'"{check}"' in text]
            self.assertEqual(found, [], f"{check} is named elsewhere")

    def test_formats_are_listed_in_one_table(self):
        """The help, the error for an unknown format and the completion say what the table of writers says."""
        table = (ROOT / "src/report/writers.cpp").read_text()
        formats = re.findall(r'^\s*\{"(\w+)", ', table, re.MULTILINE)
        self.assertGreaterEqual(len(formats), 2)
        self.assertIn("there are: " + ", ".join(formats), run("report", "absent.json", "-o", "none").stderr)
        for command in ("audit", "lab", "report"):
            joined = ", ".join(formats[:-1]) + " or " + formats[-1]
            self.assertIn(f"format {joined}; repeatable; default: {formats[0]} ",
                          " ".join(run(command, "--help").stdout.split()))
        script = f"""PATH={Path(BINARY).resolve().parent}:$PATH; source {ROOT}/docs/completions/pastonly.bash
COMP_WORDS=(pastonly audit -o ""); COMP_CWORD=3; _pastonly; echo "${{COMPREPLY[@]}}" """
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.stdout.split(), formats)


class Recipes(unittest.TestCase):
    """docs/contributing.md: what a part consists of; the first that is missing is named."""

    def assert_file(self, path, why):
        self.assertTrue((ROOT / path).exists(), f"{path} is missing: {why}")

    def test_checks(self):
        listed = re.findall(r"^  X\((\w+)\)", (ROOT / "audits/checks.h").read_text(), re.MULTILINE)
        files = [path.stem for path in (ROOT / "audits").glob("*.cpp") if path.stem != "catalogue"]
        for name in files:
            self.assertTrue(name in listed, f"audits/{name}.cpp has no line in audits/checks.h")
        for name in listed:
            check = name.replace("_", "-")
            why = f"audits/checks.h lists {name}"
            self.assert_file(f"audits/{name}.cpp", why)
            self.assert_file(f"docs/checks/{check}.md", why)
            # Fixtures are one recording each.
            for fixture in () if check == "same-routes" else ("leaky", "clean"):
                self.assert_file(f"tests/audits/{check}/{fixture}.json", why)
        checks = [name.replace("_", "-") for name in listed]
        overview = (ROOT / "docs/how-it-works.md").read_text()
        for check in checks:
            title = run("explain", check).stdout.splitlines()[0].split(" - ", 1)[1].removesuffix(" (check)")
            self.assertIn(f"| [{check}](checks/{check}.md) | {title} |", overview, "docs/how-it-works.md lists it")
        for page in (ROOT / "docs/checks").glob("*.md"):
            self.assertTrue(page.stem in checks, f"docs/checks/{page.name} is the page of no check")
        for folder in (ROOT / "tests/audits").glob("*/"):
            if folder.is_dir() and any(folder.glob("*.json")):
                self.assertTrue(folder.name in checks, f"tests/audits/{folder.name} holds fixtures of no check")

    def test_checkpoint_families(self):
        documented = (ROOT / "docs/checkpoints.md").read_text()
        compared = (ROOT / "tests/torch/checkpoints.py").read_text()
        families = re.findall(r'^ +\{"(\w+)",', (ROOT / "src/checkpoint/families.cpp").read_text(), re.MULTILINE)
        self.assertGreater(len(families), 10)
        for family in families:
            self.assertTrue(f"`{family}`" in documented, f"docs/checkpoints.md lacks {family}")
            self.assertTrue(f'"{family}"' in compared or f'"{family.removesuffix("_text")}"' in compared, f"tests/torch/checkpoints.py lacks {family}")

    def test_report_formats(self):
        table = (ROOT / "src/report/writers.cpp").read_text()
        for path in (ROOT / "src/report").glob("*.h"):
            for writer in re.findall(r"std::string (write_\w+)\(const Report&", path.read_text()):
                self.assertTrue(writer in table, f"{writer} of {path.name} has no line in src/report/writers.cpp")


class Pages(unittest.TestCase):
    def test_the_documents_exist(self):
        for page in ("guide", "how-it-works", "lint", "formats", "lab", "leak-table", "changelog", "contributing", "reports"):
            self.assertTrue((ROOT / f"docs/{page}.md").exists(), page)

    def test_links_lead_somewhere(self):
        broken = []
        for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("*.md")]:
            for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
                if "://" not in link and not (page.parent / link).exists():
                    broken.append(f"{page.relative_to(ROOT)}: {link}")
        self.assertEqual(broken, [])

    def test_every_rule_and_check_is_explained(self):
        rules = [line.split()[0] for line in run("rules").stdout.split("\n\n")[0].splitlines()[1:]]
        self.assertGreater(len(rules), 20)
        checks = [path.stem.replace("_", "-") for path in (ROOT / "audits").glob("*.cpp") if path.stem != "catalogue"]
        self.assertGreaterEqual(len(checks), 16)
        for name in rules + checks:
            self.assertEqual(run("explain", name).returncode, 0, name)

    def test_the_library_example_is_the_one_that_is_compiled(self):
        example = (ROOT / "tests/install/consumer.cpp").read_text().split("\n\n", 1)[1]
        indented = "".join(f"    {line}\n" if line else "\n" for line in example.rstrip("\n").split("\n"))
        self.assertIn(indented, (ROOT / "docs/library.md").read_text())


class RouterHealth(unittest.TestCase):
    """What the page shows is what its commands print and draw."""

    def test_tables_and_pictures(self):
        page = (ROOT / "docs/router-health.md").read_text()
        with tempfile.TemporaryDirectory() as folder:
            trained = run("lab", ROOT / "audits/experiments/health.json", "--no-checks", "--export", "models",
                          "--quiet", cwd=folder)
            self.assertEqual(trained.returncode, 0, trained.stderr)
            for arm in ("free", "balanced"):
                self.assertIn(re.search(rf"{arm} +([0-9.]+ ±[0-9.]+)", trained.stdout).group(1), page)
                command = ["audit", f"models/{arm}", "--source", "markov:vocab=64,order=1,successors=4,seed=3", "-q"]
                checks = re.findall(r"--check ([a-z-]+)", page.split("## The free router")[0])
                printed = run(*command, *(f"--check={check}" for check in checks), cwd=folder).stdout
                table = re.search(r"Router health.*?\n\n", printed, re.DOTALL).group(0).rstrip()
                self.assertIn("\n".join("    " + line for line in table.splitlines()), page)
                run(*command, "--check=load-balance", "--check=expert-prefetch", "-o", "svg=drawn.svg", cwd=folder)
                drawn = Path(folder, "drawn.svg").read_text()
                ElementTree.fromstring(drawn)
                self.assertEqual(drawn, (ROOT / f"docs/pictures/router-{arm}.svg").read_text())


class Rules(unittest.TestCase):
    """What is known of a routing rule stands in its file, in its row of src/routing/table.cpp, and nowhere else."""

    IDS = dict(re.findall(r'string_view (\w+) = "(.+)";', (ROOT / "src/routing/rule_ids.h").read_text()))

    def named(self, path):
        """Literals that are a rule's id or start with one ("top-k,k=2"). Comments and raw strings, which hold messages
        and samples of JSON, are no code."""
        text = re.sub(r'R"\(.*?\)"', lambda raw: "\n" * raw.group().count("\n"), path.read_text(), flags=re.DOTALL)
        for number, line in enumerate(text.splitlines(), 1):
            code = re.sub(r"(^|\s)//.*", "", line)
            for literal in re.findall(r'"((?:[^"\\]|\\.)*)"', code):
                if literal.split(",")[0] in self.IDS.values():
                    yield f"{path.relative_to(ROOT)}:{number}: {literal}"

    def test_no_rule_is_named_by_a_literal(self):
        own = ROOT / "src/routing/rule_ids.h"
        found = [hit for folder in ("src", "audits", "include") for path in sorted((ROOT / folder).rglob("*"))
                 if path.suffix in (".h", ".cpp") and path != own for hit in self.named(path)]
        self.assertEqual(found, [], "use routing::ids, or a trait of the rule (src/routing/rule_traits.h)")

    def lacking(self, rule):
        """The files that do not know the rule."""
        page = re.sub(r"\((.*)\)", r"-\1", rule) + ".md"
        called = re.compile(rf'"{re.escape(rule)}[",]')
        tests = ("tests/unit/routing/golden_table.cpp", "tests/unit/routing/dependence_grid.cpp",
                 "tests/unit/routing/dependence_test.cpp")
        if not (ROOT / "docs/rules" / page).exists():
            yield f"docs/rules/{page}"
        leaks = (ROOT / "docs/leak-table.md").read_text().split("\n## ")
        yield from (f"docs/leak-table.md, {section.splitlines()[0]}" for section in leaks
                    if f"](rules/{page})" not in section)
        arms = ("audits/experiments/rules.json", "audits/experiments/rules-markov.json")
        yield from (path for path in arms if not called.search((ROOT / path).read_text()))
        if not any(called.search((ROOT / path).read_text()) for path in tests):
            yield f"{tests[0]} (golden vectors) or {tests[1]} (dependence by intervention)"

    def test_every_rule_has_its_page_row_of_the_leak_table_and_test(self):
        self.assertGreater(len(self.IDS), 20)
        missing = [f"{rule}: {path}" for rule in self.IDS.values() for path in self.lacking(rule)]
        self.assertEqual(missing, [])

    def test_every_row_of_the_table_has_its_id(self):
        rows = re.findall(r"RuleInfo\{\s*([^,]+),", (ROOT / "src/routing/table.cpp").read_text())
        self.assertEqual(sorted(rows), sorted(f"ids::{name}" for name in self.IDS))


class Options(unittest.TestCase):
    """The man page and the completions list every option of every command."""

    def options(self, command):
        return set(re.findall(r"(--[a-z][a-z-]*)", run(command, "--help").stdout.split("Exit codes")[0]))

    def test_listed(self):
        texts = {path: path.read_text() for path in
                 (ROOT / "docs/pastonly.1", *(ROOT / "docs/completions").iterdir())}
        for command in COMMANDS:
            found = self.options(command)
            self.assertIn("--help", found)
            self.assertEqual("--seed" in found, command in ("audit", "compare", "plan"))
            for path, text in texts.items():
                plain = text.replace("\\-", "-")
                self.assertIn(command, plain, path.name)
                for option in found:
                    if option == "--help-all":
                        continue
                    spelt = option in plain or f"-l {option[2:]}" in plain
                    self.assertTrue(spelt, f"{path.name} lacks {option} of {command}")

    def test_bash_completes(self):
        script = f"""source {ROOT}/docs/completions/pastonly.bash
COMP_WORDS=(pastonly audit --pol); COMP_CWORD=2; _pastonly; echo "${{COMPREPLY[@]}}"
COMP_WORDS=(pastonly b); COMP_CWORD=1; _pastonly; echo "${{COMPREPLY[@]}}"
COMP_WORDS=(pastonly audit --mode t); COMP_CWORD=3; _pastonly; echo "${{COMPREPLY[@]}}" """
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.stdout.splitlines(), ["--policy", "bound", "train"])


if __name__ == "__main__":
    unittest.main()
