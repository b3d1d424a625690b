"""Reports in the formats of other tools, each read by a tool that is not ours. Where such a tool is absent, the test says so
and is skipped:

- SARIF: `sarif-multitool` (npm, @microsoft/sarif-multitool), and `sarif` (PyPI, sarif-tools)
- JUnit: `junitparser` (PyPI)
- Markdown: `markdown_it` with `linkify_it` (PyPI, markdown-it-py and linkify-it-py)
- HTML: chromium (browser.py)
"""

import copy
import gzip
import html.parser
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

import browser
from program import ROOT, run

EXAMPLES = ROOT / "audits/examples"
HOSTILE = "a]]>&<script>alert(1)</script>%0A\n::error::x\u202e\x01`|[b](http://c)\"'--><img src=x onerror=alert(2)>{0}\ufffe"
FORMATS = ("sarif", "junit", "gitlab", "github", "markdown", "html")


def multitool():
    """The program itself: npm's wrapper passes arguments through a shell."""
    found = shutil.which("sarif-multitool")
    if found is None:
        return None
    beside = pathlib.Path(found).resolve().parents[1] / "sarif-multitool-linux/Sarif.Multitool"
    return str(beside) if os.access(beside, os.X_OK) else found


def with_module(name):
    return unittest.skipUnless(importlib.util.find_spec(name), f"the Python package {name} is not installed")


# Of the text of a page, the least contrast with what it stands on (WCAG 2.2, 1.4.3), and where.
LEAST_CONTRAST = r"""(() => {
  const part = x => (x /= 255) <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
  const numbers = text => (text.match(/[\d.]+/g) || []).map(Number);
  const light = text => { const [r, g, b] = numbers(text).map(part); return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05; };
  let least = [99, ''];
  for (const one of document.querySelectorAll('body *:not(title)')) {
    if (![...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())) continue;
    let below = one;
    while (numbers(getComputedStyle(below).backgroundColor)[3] === 0) below = below.parentElement;
    const ink = getComputedStyle(one)[one instanceof SVGElement ? 'fill' : 'color'];
    const pair = [light(ink), light(getComputedStyle(below).backgroundColor)].sort((a, b) => b - a);
    if (pair[0] / pair[1] < least[0]) least = [pair[0] / pair[1], one.outerHTML.slice(0, 80)];
  }
  return least;
})()"""


# Of the numbers in the cells of heat maps, the least contrast with the shade that they stand on. A cell stands before its number.
LEAST_CELL_CONTRAST = r"""(() => {
  const part = x => (x /= 255) <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
  const numbers = text => (text.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b) + 0.05;
  let least = [99, '', 0];
  for (const one of document.querySelectorAll('text.cell')) {
    let below = one;
    while (numbers(getComputedStyle(below).backgroundColor)[3] === 0) below = below.parentElement;
    const paper = numbers(getComputedStyle(below).backgroundColor), shade = getComputedStyle(one.previousElementSibling);
    const share = Number(shade.fillOpacity), over = numbers(shade.fill).map((x, i) => share * x + (1 - share) * paper[i]);
    const pair = [light(numbers(getComputedStyle(one).fill)), light(over)].sort((a, b) => b - a);
    least[2] += 1;
    if (pair[0] / pair[1] < least[0]) least = [pair[0] / pair[1], one.outerHTML.slice(0, 80), least[2]];
  }
  return least;
})()"""


class Writers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.path = pathlib.Path(cls.folder.name)
        leaky, clean = (cls.path / f"{name}.json" for name in ("leaky", "clean"))
        for name in ("leaky", "clean"):
            run("audit", EXAMPLES / name, "-q", "-o", f"json={cls.path / name}.json")
        run("audit", EXAMPLES / "clean", EXAMPLES / "leaky", "-q", "-o", f"json={cls.path / 'beside.json'}")
        run("compare", EXAMPLES / "clean/0000.out.safetensors", EXAMPLES / "leaky/0000.out.safetensors", "-q", "-o",
            f"json={cls.path / 'compared.json'}")
        cls.reports = {name: json.loads((cls.path / f"{name}.json").read_text())
                       for name in ("leaky", "clean", "beside", "compared")}
        cls.reports["hostile"] = cls.hostile(cls.reports["leaky"])
        cls.reports["empty"] = cls.empty(cls.reports["clean"])
        cls.reports["lab"] = cls.lab(cls.reports["leaky"])
        cls.reports["incomplete"] = {**cls.reports["clean"], "verdict": "inconclusive", "verdict_reasons": [HOSTILE, "two"]}
        cls.reports["broken"] = {**cls.reports["clean"], "verdict": "error", "verdict_reasons": []}

    @staticmethod
    def hostile(report):
        """Every text that a file may hold says something else than it should."""
        report = copy.deepcopy(report)
        report["subject"].update(name=HOSTILE, files=[{"path": HOSTILE, "bytes": 1, "sha256": "0" * 64}])
        report["policy"]["name"] = HOSTILE
        for found in report["findings"]:
            found.update(message=HOSTILE, help=HOSTILE)
            if found["witness"]:
                found["witness"].update(base=HOSTILE, run=HOSTILE, file=HOSTILE)
        report["findings"][0]["suppressed"] = HOSTILE
        report["findings"].append({**report["findings"][1], "check": HOSTILE, "claim": HOSTILE, "fingerprint": HOSTILE})
        for row in report["not_assessed"]:
            row["reason"] = HOSTILE
        for check in report["checks"]:
            for chart in check.get("charts", []):
                chart.update(title=HOSTILE, x=HOSTILE, y=HOSTILE)
                chart.update({"rows": [HOSTILE] * len(chart["rows"])} if "rows" in chart else {})
        return report

    @staticmethod
    def empty(report):
        report = copy.deepcopy(report)
        report["subject"].update(name="", files=[])
        return {**report, "checks": [], "findings": [], "layers": [], "not_assessed": [], "dismissed": [], "detection_limit": None}

    @staticmethod
    def lab(report):
        """The checks of an audit as those of two arms with one name."""
        report = copy.deepcopy(report)
        arm = {"name": HOSTILE, "group": "g", "rule": "top-k,k=2", "chunk": None, "shuffled": False, "drop_rate": 0.0, "seed": 1,
               "steps": 2, "loss_bits": 5.5, "lower": 5.4, "upper": 5.6, "leak_bits": 0.5, "log2_e_value": 9.0, "bound": None,
               "evaluated": {"in_order": 5.5, "shuffled": 6.0, "streaming": None, "top_k": None}, "tokens": 10,
               "streaming_tokens": 0, "weights": "0" * 64, "evaluation_seed": 1, "curve": [[1, 6.0], [2, 5.5]],
               "checks": report["checks"], "detection_limit": None, "routers": {"training": [], "fixation": [], "frozen": []}}
        report["experiment"] = {"name": HOSTILE, "source": {"kind": "uniform", "vocab": 64, "name": HOSTILE, "floor_bits": 6.0},
                                "arms": [arm, arm]}
        for found in report["findings"]:
            found["witness"] = {**(found["witness"] or {"type": "arm"}), "arm": HOSTILE}
        return {**report, "checks": [], "layers": []}

    def written(self, name, form, report=None):
        path = self.path / f"{name}.report.json"
        if not path.exists() or report is not None:
            path.write_text(json.dumps(self.reports[name] if report is None else report))
        out = self.path / f"{name}.{form}"
        done = run("report", path, "-o", f"{form}={out}")
        self.assertIn(done.returncode, (0, 1, 2, 3), done.stderr)
        return out

    def each(self, form):
        return [(name, self.written(name, form)) for name in self.reports]

    # SARIF

    def test_sarif_is_what_code_scanning_takes(self):
        for name, path in self.each("sarif"):
            with self.subTest(report=name):
                log = json.loads(path.read_text())
                one = log["runs"][0]
                self.assertEqual((log["version"], "originalUriBaseIds" in one), ("2.1.0", False))
                prints = [result["partialFingerprints"]["primaryLocationLineHash"] for result in one["results"]]
                self.assertEqual(len(prints), len(set(prints)))
                for result in one["results"]:
                    place = result["locations"][0]["physicalLocation"]
                    self.assertRegex(place["artifactLocation"]["uri"], r"^(file://)?[A-Za-z0-9._~/%-]+$")
                    self.assertEqual(place["region"]["startLine"], 1)
                    self.assertEqual(one["tool"]["driver"]["rules"][result["ruleIndex"]]["id"], result["ruleId"])
                for rule in one["tool"]["driver"]["rules"]:
                    self.assertTrue(rule["help"]["text"] and rule["help"]["markdown"])
                    self.assertLessEqual(len(rule["properties"]["tags"]), 20)
                verdict = self.reports[name]["verdict"]
                ran = one["invocations"][0]
                self.assertEqual(ran["executionSuccessful"], verdict != "error")
                levels = [note["level"] for note in ran.get("toolExecutionNotifications", [])]
                self.assertEqual({"error": "error", "inconclusive": "warning"}.get(verdict, "note"), (levels or ["note"])[0])
        suppressed = json.loads(self.written("hostile", "sarif").read_text())["runs"][0]["results"]
        self.assertEqual(sum("suppressions" in result for result in suppressed), 1)

    @unittest.skipUnless(multitool(), "sarif-multitool (npm, @microsoft/sarif-multitool) is not installed")
    def test_sarif_is_valid(self):
        for name, path in self.each("sarif"):
            with self.subTest(report=name):
                log = path.with_name(f"{name}-sarif-validated.json")
                done = subprocess.run([multitool(), "validate", path, "--rule-kind", "Sarif;Gh", "--output", log, "--log",
                                       "ForceOverwrite"], capture_output=True, text=True, timeout=120,
                                      env={**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"})
                said = json.loads(log.read_text(encoding="utf-8-sig"))["runs"][0]
                found = [(result["ruleId"], result.get("level", "warning")) for result in said.get("results", [])]
                # SARIF2005: the tool names no home page, since it has none.
                self.assertEqual([one for one in found if one[0] != "SARIF2005" and one[1] != "note"], [], done.stdout)

    @with_module("sarif")
    def test_sarif_tools_read_it(self):
        from sarif import loader
        for name, path in self.each("sarif"):
            with self.subTest(report=name):
                results = loader.load_sarif_file(str(path)).get_results()
                self.assertEqual(len(results), len(json.loads(path.read_text())["runs"][0]["results"]))

    # JUnit

    def test_junit_is_xml_with_unique_names(self):
        for name, path in self.each("junit"):
            with self.subTest(report=name):
                root = xml.etree.ElementTree.parse(path).getroot()
                cases = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
                self.assertEqual(len(cases), len(set(cases)))
                self.assertEqual(int(root.get("tests")), len(cases))
                for tag, count in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
                    self.assertEqual(int(root.get(count)), len(list(root.iter(tag))))
                broken = int(root.get("failures")) + int(root.get("errors"))
                self.assertEqual(broken > 0, self.reports[name]["verdict"] != "pass")

    @with_module("junitparser")
    def test_junitparser_reads_it(self):
        import junitparser
        for name, path in self.each("junit"):
            with self.subTest(report=name):
                read = junitparser.JUnitXml.fromfile(str(path))
                stated = (read.tests, read.failures, read.errors, read.skipped)
                read.update_statistics()
                self.assertEqual(stated, (read.tests, read.failures, read.errors, read.skipped))
        leaky = junitparser.JUnitXml.fromfile(str(self.written("leaky", "junit")))
        failed = [case.name for suite in leaky for case in suite if any(isinstance(r, junitparser.Failure) for r in case.result)]
        self.assertIn("causal-mask, layer 1", failed)

    # GitLab and GitHub

    def test_gitlab_reads_code_quality(self):
        for name, path in self.each("gitlab"):
            with self.subTest(report=name):
                issues = json.loads(path.read_text())
                prints = [issue["fingerprint"] for issue in issues]
                self.assertEqual(len(prints), len(set(prints)))
                for issue in issues:
                    self.assertTrue(issue["description"] and issue["check_name"] and issue["location"]["path"])
                    self.assertIn(issue["severity"], ("info", "minor", "major", "critical", "blocker"))
                    self.assertGreaterEqual(issue["location"]["lines"]["begin"], 1)
                if self.reports[name]["verdict"] in ("error", "inconclusive"):
                    self.assertEqual(issues[0]["check_name"], "verdict/" + self.reports[name]["verdict"])

    def test_github_annotations_are_single_commands(self):
        command = re.compile(r"::(error|warning|notice) file=([^:,]+),line=1,title=([^:,]+)::(.+)")
        for name, path in self.each("github"):
            with self.subTest(report=name):
                lines = path.read_text().splitlines()
                self.assertTrue(lines)
                kinds = [command.fullmatch(line).group(1) for line in lines]
                self.assertLessEqual(max(map(kinds.count, kinds)), 10)
                kind = {"pass": "notice", "inconclusive": "warning"}.get(self.reports[name]["verdict"], "error")
                self.assertTrue(lines[0].startswith(f"::{kind} "), lines[0])

    # Markdown and HTML

    def test_markdown_holds_no_html_of_names(self):
        for name, path in self.each("markdown"):
            with self.subTest(report=name):
                text = path.read_text()
                self.assertRegex(text.splitlines()[0], rf"^## .* pastonly: {self.reports[name]['verdict']}$")
                self.assertEqual(set(re.findall(r"<[^>]*>", re.sub(r"`[^`\n]*`", "", text))) - {"<br>"}, set())
                for table in re.findall(r"(?:^\|.*\n)+", text, re.M):
                    self.assertEqual(len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}), 1)

    @with_module("markdown_it")
    @with_module("linkify_it")
    def test_markdown_renders_without_links_or_pictures(self):
        from markdown_it import MarkdownIt
        reader = MarkdownIt("gfm-like", {"html": True})
        for name, path in self.each("markdown"):
            with self.subTest(report=name):
                page = reader.render(path.read_text())
                self.assertEqual(set(re.findall(r"<(\w+)", page)) - {"h2", "h3", "p", "ul", "li", "table", "thead", "tbody", "tr", "th",
                                                                     "td", "br", "code"}, set())
                self.assertEqual(page.count("<table>"), page.count("</table>"))

    def test_html_is_whole_and_holds_no_html_of_names(self):
        empty = {"meta"}
        known = {"html", "head", "title", "style", "body", "a", "header", "h1", "h2", "h3", "h4", "p", "dl", "dt", "dd", "nav", "ul",
                 "ol", "li", "main", "section", "article", "span", "div", "table", "caption", "thead", "tbody", "tr", "th", "td",
                 "figure", "figcaption", "details", "summary", "svg", "g", "text", "footer", "code", "meta", "rect", "path", "circle"}
        for name, path in self.each("html"):
            with self.subTest(report=name):
                stack, seen = [], []

                class Reader(html.parser.HTMLParser):
                    def handle_starttag(self, tag, attrs):
                        seen.append((tag, dict(attrs)))
                        if tag not in empty:
                            stack.append(tag)

                    def handle_startendtag(self, tag, attrs):
                        seen.append((tag, dict(attrs)))

                    def handle_endtag(self, tag):
                        assert stack.pop() == tag, tag

                Reader().feed(path.read_text())
                self.assertEqual(stack, [])
                self.assertEqual({tag for tag, _ in seen} - known, set())
                self.assertEqual([a for _, a in seen if any(key.startswith("on") or key == "src" for key in a)], [])
                ids = [a["id"] for _, a in seen if "id" in a]
                self.assertEqual(len(ids), len(set(ids)))
                self.assertTrue({a["href"][1:] for tag, a in seen if tag == "a"} <= set(ids))
                self.assertTrue(all("aria-label" in a for tag, a in seen if tag == "svg"))

    @unittest.skipUnless(browser.PROGRAM, "no chromium on the path")
    def test_html_in_a_browser(self):
        with browser.Browser() as opened:
            for name, path in self.each("html"):
                with self.subTest(report=name):
                    for width in (1280, 360):
                        for dark in (False, True):
                            events = opened.open(path, width, dark)
                            asked = [e["params"]["request"]["url"] for e in events if e.get("method") == "Network.requestWillBeSent"]
                            self.assertEqual(asked, [path.as_uri()])
                            opened.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
                            wide, seen = opened.evaluate("[document.documentElement.scrollWidth, innerWidth]")
                            self.assertLessEqual(wide, seen)
                            least, where = opened.evaluate(LEAST_CONTRAST)
                            self.assertGreaterEqual(least, 4.5, where)
                            self.assertEqual(opened.evaluate("document.scripts.length + document.images.length"), 0)
                            said = [e for e in opened.events if e.get("method") in
                                    ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")]
                            self.assertEqual(said, [])

    @unittest.skipUnless(browser.PROGRAM, "no chromium on the path")
    def test_numbers_in_heat_maps_can_be_read(self):
        """Of the page and of the picture alone, on every shade, in both schemes."""
        report = copy.deepcopy(self.reports["leaky"])
        chart = {"id": "load", "kind": "heat_map", "title": "load", "x": "expert", "y": "layer", "rows": ["0", "1"],
                 "columns": [str(i) for i in range(8)], "values": [i / 8 for i in range(16)], "unit": "of the mean", "neutral": 1.0}
        report["checks"][0]["charts"] = [chart, {**chart, "id": "plain", "neutral": None}]
        with browser.Browser() as opened:
            for form in ("html", "svg"):
                path = self.written("shades", form, report)
                for dark in (False, True):
                    with self.subTest(form=form, dark=dark):
                        opened.open(path, 1280, dark)
                        least, where, count = opened.evaluate(LEAST_CELL_CONTRAST)
                        self.assertGreaterEqual(count, 32)
                        self.assertGreaterEqual(least, 4.5, where)

    def test_the_page_shows_what_later_tokens_changed(self):
        for name, red in (("leaky", True), ("clean", False)):
            page = self.written(name, "html").read_text()
            section = page[page.index('<section id="influence-0"'):]
            section = section[:section.index("</section>")]
            self.assertEqual('class="crime"' in section, red, name)
            self.assertIn("not asked", section)
            self.assertIn("Red: routing decisions" if red else "Nothing is red", section)
        self.assertLess(page.index("influence-0"), page.index("layers-0"))

    def test_the_influence_map_agrees_with_the_findings(self):
        """Its red cells are above the diagonal, at cuts of the plan, and a leak is in it if and only if it is a finding."""
        plan = json.loads((EXAMPLES / "leaky/plan.json").read_text())
        cuts = {run["cut"] for run in plan["runs"] if run["kind"] == "suffix" and "cut" in run}
        for name in ("leaky", "clean"):
            report = self.reports[name]
            chart = next(c for check in report["checks"] if check["id"] == "causal-mask" for c in check["charts"])
            self.assertIs(chart["forbidden"], True)
            size = len(chart["rows"])
            cells = [(i // size, i % size, value) for i, value in enumerate(chart["values"]) if value is not None]
            self.assertTrue(all(column > row for row, column, _ in cells))
            self.assertEqual(any(value > 0 for *_, value in cells), name == "leaky")
            if name == "leaky":
                self.assertTrue({column for _, column, _ in cells} <= {c + d for c in cuts for d in range(4)}, cuts)
                told = next(f for f in report["findings"] if f["claim"] == "flip")["witness"]
                self.assertGreater(chart["values"][told["position"] * size + told["cut"]], 0)

    def test_compare_shows_where_in_the_sequence(self):
        svg = self.written("compared", "svg").read_text()
        self.assertIn("by position in the sequence", svg)
        self.assertNotIn("No check of this report draws a chart", svg)
        page = self.written("compared", "html").read_text()
        self.assertIn("by layer and position", page)
        self.assertIn("do both recordings route alike?", page)
        policy = page[page.index("<summary>Policy</summary>"):]
        policy = policy[:policy.index("</details>")]
        self.assertIn("tokens with other experts, at most", policy)
        self.assertNotIn("requires modes", policy)
        self.assertNotIn("causal-mask", policy)
        told = self.written("compared", "markdown").read_text()
        self.assertIn("| layer | routes kept | by chance |", told)

    def test_a_page_of_training_logs_shows_where_they_end(self):
        arguments = []
        for label, end in (("chunk=8", 5.2), ("chunk=8", 5.21), ("causal", 5.9), ("causal", 5.91)):
            path = self.path / f"log{len(arguments)}.csv"
            path.write_text("step,loss\n" + "".join(f"{step},{end + 3 / (1 + step / 50)}\n" for step in range(0, 2000, 10)))
            arguments += ["--log", f"{label}:{path}"]
        page = run("audit", *arguments, "--unit", "bits", "-o", "html").stdout
        self.assertIn("Where training ends", page)
        gaps = page[page.index('<section id="gaps-0"'):]
        self.assertEqual(gaps[:gaps.index("</section>")].count("training logs hold no routing"), 1)
        self.assertNotIn("0 token positions", page)

    def test_a_failing_page_says_why_first(self):
        page = self.written("leaky", "html").read_text()
        header = page[page.index("<header>"):page.index("</header>")]
        self.assertIn("changed when only later tokens of the same sequence were redrawn", header)

    def test_a_sweep_of_noise_draws_no_long_bars(self):
        report = copy.deepcopy(self.reports["clean"])
        figure = {"lower": None, "upper": None, "unit": "bits per token", "samples": 8, "layer": None}
        report["checks"] = [check for check in report["checks"] if check["id"] != "forensic-sweep"]
        report["checks"].append({"id": "forensic-sweep", "status": "ran", "reason": "", "seconds": 0.0, "measurements": [
            {**figure, "name": f"drop[rule{i}]", "value": value} for i, value in enumerate((1e-4, -1e-4, 3e-5))]})
        page = self.written("noise", "html", report).read_text()
        picture = page[page.index('aria-label="picture: Forensic sweep'):]
        widths = [float(w) for w in re.findall(r'width="([\d.]+)" height="14" fill="#0072b2"', picture[:picture.index("</svg>")])]
        self.assertEqual(len(widths), 3)
        self.assertLess(max(widths), 10)
        self.assertIn("what the policy allows, 0.02 bits", picture)

    def test_a_lab_page_shows_routers_and_when_routes_settle(self):
        report = copy.deepcopy(self.reports["lab"])
        report["experiment"]["arms"][0]["routers"] = {
            "training": [{"step": s, "epsilon": 0.5 + s / 100, "cosine": 0.1, "absolute_cosine": 0.2, "coupling": 0.3} for s in (0, 10)],
            "fixation": [{"layer": 0, "settled": 10, "agreement": [[0, 0.1], [10, 1.0]]}],
            "frozen": [{"layer": 0, "alignment": 0.25, "alignment_other": 0.0625, "share": None, "share_other": None, "directions": None,
                        "activation_routed": None, "activation_all": None}]}
        page = self.written("routers", "html", report).read_text()
        for words in ("When routes settle", "Distance between router rows while training", "Trained routers", ">0.250<"):
            self.assertIn(words, page)

    # Size

    def test_a_hundred_thousand_findings(self):
        report = copy.deepcopy(self.reports["leaky"])
        first = report["findings"][0]
        report["findings"] = [{**first, "message": f"{'abcdefghij'[i % 10]}{i} {'text ' * 30}", "layers": [i], "witness": None,
                               "help": "", "fingerprint": f"{i:016x}", "claim": ("flip", "change")[i % 2]} for i in range(100_000)]
        sizes = {"markdown": 2**20, "junit": 30e6, "html": 30e6, "gitlab": 10e6, "github": 2**20, "sarif": 10e6}
        for form in FORMATS:
            with self.subTest(format=form):
                data = self.written("many", form, report).read_bytes()
                self.assertLess(len(gzip.compress(data)) if form == "sarif" else len(data), sizes[form])
        results = json.loads((self.path / "many.sarif").read_text())["runs"][0]
        self.assertLess(len(results["results"]), 25_000)
        self.assertIn("Cut to", results["invocations"][0]["toolExecutionNotifications"][-1]["message"]["text"])
        self.assertIn("left out", list(xml.etree.ElementTree.parse(self.path / "many.junit").getroot().iter("testcase"))[-1].get("name"))
        self.assertEqual((self.path / "many.github").read_text().count("::error "), 10)


if __name__ == "__main__":
    unittest.main()
