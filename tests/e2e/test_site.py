"""The documents as a site: links, anchors and pictures lead somewhere, and every page is found from the first. Without network."""

import html.parser
import importlib.machinery
import importlib.util
import pathlib
import posixpath
import re
import subprocess
import sys
import tempfile
import unittest

import browser
from program import ROOT
from test_writers import LEAST_CONTRAST

BUILD = ROOT / "docs/site/build"


def module():
    loader = importlib.machinery.SourceFileLoader("site_build", str(BUILD))
    found = importlib.util.module_from_spec(importlib.util.spec_from_loader("site_build", loader))
    loader.exec_module(found)
    return found


def prose(path):
    return re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)


class Sources(unittest.TestCase):
    """As GitHub shows them."""

    def test_anchors_are_headings(self):
        slug, broken = module().slug, []
        pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
        anchors = {page: {slug(found) for found in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)} for page in pages}
        for page in pages:
            for path, anchor in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", prose(page)):
                target = (page.parent / path).resolve() if path else page
                if "://" not in path and target in anchors and anchor not in anchors[target]:
                    broken.append(f"{page.relative_to(ROOT)}: {path}#{anchor}")
        self.assertEqual(broken, [])

    def test_every_page_has_its_place(self):
        groups = module().pages()
        self.assertGreater(sum(map(len, groups.values())), 60)

    def test_anchors_are_made_as_github_does(self):
        slug = module().slug
        for heading, anchor in (("Build the wheel", "build-the-wheel"), ("Plan (`pastonly.plan/1`)", "plan-pastonlyplan1"),
                                ("Depth: `depth.json`", "depth-depthjson"), ("A — B", "a--b"), ("[lint](lint.md) it", "lint-it"), ("x_y *z*", "x_y-z")):
            self.assertEqual(slug(heading), anchor)


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.pictures, self.own, self.inside, self.outer = set(), [], [], [], False, []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if "id" in attributes:
            assert attributes["id"] not in self.ids, attributes["id"]
            self.ids.add(attributes["id"])
        self.inside = self.inside or tag == "main"
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
            if self.inside:
                self.own.append(attributes["href"])
        if tag in ("img", "link", "script", "iframe"):
            (self.outer if tag in ("script", "iframe") else self.pictures).append(attributes.get("src") or attributes.get("href"))


@unittest.skipUnless(importlib.util.find_spec("markdown_it"), "markdown-it-py is not installed (Debian: python3-markdown-it)")
class Built(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        held = tempfile.TemporaryDirectory()
        cls.addClassCleanup(held.cleanup)
        cls.root = pathlib.Path(held.name) / "site"
        cls.build(cls.root)
        cls.pages = {str(path.relative_to(cls.root)): Page(path.read_text()) for path in cls.root.rglob("*.html")}

    @staticmethod
    def build(folder, *arguments, code=0):
        done = subprocess.run([sys.executable, BUILD, folder, *arguments], capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done.stderr
        return done.stderr

    def inside(self, name, link):
        """(file of the site, anchor), or nothing if the link leads out of it."""
        if re.match(r"[a-z]+:", link):
            return None
        path, _, anchor = link.partition("#")
        return posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name, anchor

    def test_links_and_pictures(self):
        broken = []
        for name, page in self.pages.items():
            self.assertEqual(page.outer, [], "no page needs a script")
            for link in page.links + page.pictures:
                target = self.inside(name, link)
                if target is None:
                    self.assertRegex(link, r"^https?://", name)
                    self.assertNotIn(link, page.pictures, "no page needs another host")
                    continue
                path, anchor = target
                if not (self.root / path).is_file() or (anchor and anchor not in self.pages[path].ids):
                    broken.append(f"{name}: {link}")
        self.assertEqual(broken, [])

    def test_every_page_is_found_by_reading(self):
        """By links of the texts, without the list of pages at their side."""
        reached, waiting = set(), ["index.html"]
        while waiting:
            name = waiting.pop()
            if name in self.pages and name not in reached:
                reached.add(name)
                waiting += [target[0] for link in self.pages[name].own if (target := self.inside(name, link))]
        self.assertEqual(set(self.pages) - reached, set())

    def test_what_stands_outside(self):
        text = (self.root / "kernels.html").read_text()
        self.assertIn("<span>src/kernels</span>", text)
        linked = self.root.parent / "linked"
        self.build(linked, "--source", "https://example.org/OWNER/pastonly/blob/v0/")
        self.assertIn('<a href="https://example.org/OWNER/pastonly/blob/v0/src/kernels">src/kernels</a>', (linked / "kernels.html").read_text())

    def test_a_folder_of_others_is_left_alone(self):
        folder = self.root.parent / "own"
        folder.mkdir()
        (folder / "thesis.txt").write_text("mine")
        self.assertIn("holds something else", self.build(folder, code=1))
        self.assertEqual((folder / "thesis.txt").read_text(), "mine")

    @unittest.skipUnless(browser.PROGRAM, "no chromium is installed")
    def test_in_a_browser(self):
        with browser.Browser() as opened:
            for name in ("index", "lint", "checkpoints", "experiments", "leak-table", "rules/index", "ci"):
                for width in (1280, 360):
                    for dark in (False, True):
                        with self.subTest(page=name, width=width, dark=dark):
                            opened.open(self.root / f"{name}.html", width, dark)
                            wide, seen = opened.evaluate("[document.documentElement.scrollWidth, innerWidth]")
                            self.assertLessEqual(wide, seen)
                            least, where = opened.evaluate(LEAST_CONTRAST)
                            self.assertGreaterEqual(least, 4.5, where)


if __name__ == "__main__":
    unittest.main()
