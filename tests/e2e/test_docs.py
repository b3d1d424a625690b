"""Pages, floors, and lists of options: what must not fall behind the program."""

import re
import subprocess
import unittest

from program import COMMANDS, ROOT, run

# Each folder includes itself and what stands on lower lines; folders of one line do not know each other.
FLOORS = [{"kernels"}, {"stats"}, {"input", "routing"}, {"runtime", "integrity", "replay"}, {"model", "checkpoint"},
          {"subjects"}, {"recording", "evidence"}, {"compare", "losses"}, {"audits", "lab"}, {"run"}, {"report"}, {"cli"}]


def floor_of(folder):
    return next(level for level, folders in enumerate(FLOORS) if folder in folders)


class Floors(unittest.TestCase):
    def test_nothing_includes_upward_or_sideways(self):
        offences = []
        sources = [p for p in (ROOT / "src").rglob("*") if p.suffix in (".h", ".cpp") and p.parent != ROOT / "src"]
        sources += (ROOT / "audits").glob("*.cpp")
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


class Pages(unittest.TestCase):
    def test_the_documents_exist(self):
        for page in ("guide", "how-it-works", "formats", "lab", "leak-table", "changelog"):
            self.assertTrue((ROOT / f"docs/{page}.md").exists(), page)

    def test_links_lead_somewhere(self):
        broken = []
        for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("*.md")]:
            for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
                if "://" not in link and not (page.parent / link).exists():
                    broken.append(f"{page.relative_to(ROOT)}: {link}")
        self.assertEqual(broken, [])

    def test_every_rule_and_check_is_explained_and_has_its_page(self):
        rules = [line.split()[0] for line in run("rules").stdout.split("\n\n")[0].splitlines()[1:]]
        self.assertGreater(len(rules), 20)
        checks = [path.stem.replace("_", "-") for path in (ROOT / "audits").glob("*.cpp") if path.stem != "catalogue"]
        self.assertGreaterEqual(len(checks), 16)
        for name in rules + checks:
            self.assertEqual(run("explain", name).returncode, 0, name)
        for name in checks:
            self.assertTrue((ROOT / f"docs/checks/{name}.md").exists(), name)
            for fixture in ("leaky", "clean"):
                self.assertTrue((ROOT / f"tests/audits/{name}/{fixture}.json").exists(), f"{name}/{fixture}")


class OnePlace(unittest.TestCase):
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
            self.assertEqual("--seed" in found, command in ("audit", "compare"))
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
