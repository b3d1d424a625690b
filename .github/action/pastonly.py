"""The work of action.yml: `install` puts pastonly on the path, `run` runs it and hands its report to the workflow.

What a workflow may set comes in as environment variables and goes out as single arguments: no value becomes code, an option
or a command to the runner. Exit codes are those of pastonly; 4 also where an input of the action is wrong.
"""

import glob
import json
import os
import pathlib
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile

COMMANDS = ("audit", "compare", "lint")
FORMATS = {"json": "json", "sarif": "sarif", "html": "html", "markdown": "md", "github": "annotations"}
VERDICTS = {"fail": 1, "inconclusive": 3}


class WrongInput(Exception):
    """What is wrong, in one sentence."""


def given(name):
    return os.environ.get(f"INPUT_{name}", "").strip()


def annotate(kind, text):
    """A line of the log that the page of the run shows."""
    for character, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        text = text.replace(character, code)
    print(f"::{kind} title=pastonly::{text}", flush=True)


def append(variable, text):
    with open(os.environ[variable], "a", encoding="utf-8") as file:
        file.write(text)


def wheel_at(place):
    if place.startswith("https://"):
        return place
    if "://" in place:
        raise WrongInput(f"wheel: {place} is no https address")
    found = [place] if os.path.isfile(place) else sorted(glob.glob(place))
    if len(found) != 1 or not found[0].endswith(".whl"):
        raise WrongInput(f"wheel: {place} names {len(found)} files; it must name one .whl")
    return os.path.abspath(found[0])


def wanted_package():
    wheel, version = given("WHEEL"), given("VERSION")
    if wheel and version:
        raise WrongInput("give a wheel or a version, not both")
    if wheel:
        return wheel_at(wheel)
    if version and not re.fullmatch(r"[0-9][0-9A-Za-z.+!-]*", version):
        raise WrongInput(f"version: {version} is no version")
    return f"pastonly=={version}" if version else None


def install():
    package = wanted_package()
    if package is None:
        if not shutil.which("pastonly"):
            raise WrongInput("no pastonly is on the path: give a wheel (a file or an https address) or a version")
        return 0
    # An environment of its own. Of it only the program goes on the path, so that the job's Python stays the job's.
    root = pathlib.Path(tempfile.mkdtemp(prefix="pastonly-", dir=os.environ.get("RUNNER_TEMP")))
    subprocess.run([sys.executable, "-m", "venv", root / "venv"], check=True)
    done = subprocess.run([root / "venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", package])
    # The program itself where the wheel keeps it apart: what starts it from bin knows no blanks in the path of its Python.
    program = next((root / "venv").glob("lib/python*/site-packages/pastonly.scripts/pastonly"), root / "venv/bin/pastonly")
    if done.returncode != 0 or not program.is_file():
        raise WrongInput(f"{package} could not be installed; the log says why")
    (root / "bin").mkdir()
    (root / "bin/pastonly").symlink_to(program)
    append("GITHUB_PATH", f"{root / 'bin'}\n")
    return 0


def command_line(directory, name):
    command = given("COMMAND")
    if command not in COMMANDS:
        raise WrongInput(f"command: {command or 'nothing'} is none of {', '.join(COMMANDS)}")
    try:
        arguments = shlex.split(given("ARGUMENTS"))
    except ValueError as wrong:
        raise WrongInput(f"arguments: {wrong}") from None
    line = ["pastonly", command, *arguments, "-o", "text"]
    for kind, ending in FORMATS.items():
        line += ["-o", f"{kind}={directory / name}.{ending}"]
    if given("POLICY"):
        if command == "lint":
            raise WrongInput("policy: lint takes none; an option is an error or it is not")
        line += ["--policy", given("POLICY")]
    subjects = [subject.strip() for subject in given("SUBJECT").splitlines() if subject.strip()]
    return line + ["--", *subjects] if subjects else line


def run_apart(line):
    """Exit code and error messages. Whatever a file's name says, the runner takes no command from what is printed meanwhile."""
    token = secrets.token_hex(16)
    print(f"::stop-commands::{token}\n{shlex.join(line)}", flush=True)
    messages = []
    try:
        with subprocess.Popen(line, stderr=subprocess.PIPE, text=True, errors="replace") as program:
            for said in program.stderr:  # progress as it comes, and in the end what is wrong
                print(said, end="", flush=True)
                messages += [said.strip()] if said.startswith("pastonly: ") else []
        code = program.returncode
    except OSError as wrong:
        code, messages = 2, [f"pastonly: {wrong.strerror}"]
        print(messages[0])
    print(f"\n::{token}::", flush=True)
    return (128 - code if code < 0 else code), "\n".join(messages)


def tolerated():
    """Exit codes that do not fail the job."""
    words = [word for word in re.split(r"[,\s]+", given("FAIL_ON")) if word]
    if words == ["never"]:
        words = []
    elif not words or not set(words) <= set(VERDICTS):
        raise WrongInput(f"fail-on: {given('FAIL_ON') or 'nothing'} is not never, nor a list of {', '.join(VERDICTS)}")
    return {code for verdict, code in VERDICTS.items() if verdict not in words}


def show(files, code, messages):
    """Annotations and the step's summary."""
    if files["github"].is_file():
        print(files["github"].read_text(encoding="utf-8"), flush=True)
    elif code != 0:
        annotate("error", messages or f"pastonly ended with exit code {code}")
    if files["markdown"].is_file():
        append("GITHUB_STEP_SUMMARY", files["markdown"].read_text(encoding="utf-8") + "\n")
    elif messages:
        append("GITHUB_STEP_SUMMARY", "pastonly wrote no report:\n\n" + "".join(f"    {line}\n" for line in messages.splitlines()) + "\n")


def verdict_of(path):
    try:
        return json.loads(path.read_text(encoding="utf-8")).get("verdict", "none")
    except (OSError, ValueError, AttributeError):
        return "error"


def run():
    may_pass = tolerated()
    name = given("NAME") or f"pastonly-{given('COMMAND')}"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise WrongInput(f"name: {name} holds more than letters, digits, '.', '_' and '-'")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="pastonly-report-", dir=os.environ.get("RUNNER_TEMP")))
    line = command_line(directory, name)
    code, messages = run_apart(line)
    files = {kind: directory / f"{name}.{ending}" for kind, ending in FORMATS.items()}
    show(files, code, messages)
    paths = {kind: str(path) if path.is_file() else "" for kind, path in files.items()}
    outputs = {"verdict": verdict_of(files["json"]), "exit-code": str(code), "report": paths["json"], "html": paths["html"],
               "sarif": paths["sarif"], "directory": str(directory), "name": name}
    for key, value in outputs.items():
        end = secrets.token_hex(16)
        append("GITHUB_OUTPUT", f"{key}<<{end}\n{value}\n{end}\n")
    if code in may_pass:
        annotate("notice", f"exit code {code} does not fail this job: fail-on is {given('FAIL_ON')}")
        return 0
    return code


if __name__ == "__main__":
    try:
        sys.exit({"install": install, "run": run}[sys.argv[1]]())
    except WrongInput as wrong:
        annotate("error", str(wrong))
        sys.exit(4)
