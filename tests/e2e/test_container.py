"""The Containerfile without a container: what it copies is there, and what it installs is what the program is linked with. `.ci/container`
builds the image."""

import fnmatch
import pathlib
import re
import shutil
import subprocess
import unittest

from program import BINARY, ROOT

FILE = ROOT / "src/package/Containerfile"


def instructions():
    """(word, rest) of each instruction, continuations joined."""
    text = re.sub(r"^#.*\n", "", FILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def debian():
    path = pathlib.Path("/etc/os-release")
    return path.exists() and 'VERSION_ID="12"' in path.read_text() and shutil.which("ldd") and shutil.which("dpkg-query")


class Containerfile(unittest.TestCase):
    def test_shape(self):
        words = [word for word, _ in instructions()]
        last = instructions()[max(at for at, word in enumerate(words) if word == "FROM"):]
        self.assertEqual(words.count("FROM"), 2, "what builds the program is not in the image")
        self.assertTrue(all("docker.io/library/debian:12-slim" in rest for word, rest in instructions() if word == "FROM"))
        self.assertEqual(dict(last)["ENTRYPOINT"], '["pastonly"]')
        self.assertRegex(dict(last)["USER"], r"^[1-9]\d+$")
        self.assertLess([word for word, _ in last].index("COPY"), [word for word, _ in last].index("USER"))
        for label in ("title", "description", "revision"):
            self.assertIn(f"org.opencontainers.image.{label}=", dict(last)["LABEL"])

    def test_what_is_copied_is_there(self):
        """The list of what belongs to the build holds all that the build reads."""
        kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
        for path in kept:
            self.assertTrue((ROOT / path).exists(), path)
        read = re.findall(r"(?:\$\{PROJECT_SOURCE_DIR\}/|FILES |DIRECTORY |configure_file\(|GLOB_RECURSE \w+ CONFIGURE_DEPENDS |GLOB \w+ CONFIGURE_DEPENDS )"
                          r"((?:src|include|audits|docs)/[\w./*-]+)", (ROOT / "CMakeLists.txt").read_text())
        self.assertGreater(len(read), 5)
        for path in read:
            self.assertTrue(any(path == one or path.startswith(one + "/") or fnmatch.fnmatch(path, one) for one in kept), path)
        self.assertIn(("COPY", ". ."), instructions())

    @unittest.skipUnless(debian(), "this is no Debian 12")
    def test_libraries(self):
        linked = re.findall(r"=> (/\S+)", subprocess.run(["ldd", BINARY], capture_output=True, text=True, check=True).stdout)
        owners = set()
        for path in linked:
            for spelt in (path, f"/usr{path}", str(pathlib.Path(path).resolve())):
                found = subprocess.run(["dpkg-query", "-S", spelt], capture_output=True, text=True)
                if found.returncode == 0:
                    owners.add(found.stdout.split(":")[0])
                    break
            else:
                if "asan" not in path and "ubsan" not in path:
                    self.fail(f"no package holds {path}")
        installed = next(rest for word, rest in reversed(instructions()) if word == "RUN" and "apt-get install" in rest)
        listed = set(re.search(r"--no-install-recommends ([a-z0-9 .+-]+?) +&&", installed).group(1).split())
        # Every Debian has the rest: of libzip, and of the C library.
        self.assertEqual(owners - listed - {"libc6", "libgcc-s1", "libbz2-1.0", "zlib1g"}, set(), "linked, and not in the image")
        self.assertEqual(listed - owners, set(), "in the image, and not linked")


if __name__ == "__main__":
    unittest.main()
