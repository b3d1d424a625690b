"""Runs a composite action as GitHub's runner does: expressions, environment files, conditions. Steps with `uses` are noted, not run."""

import os
import pathlib
import re
import subprocess

import yaml


class Expression:
    """`${{ ... }}`: the part of the language that the action needs; anything else is an error."""

    TOKEN = re.compile(r"\s*(?:('(?:[^']|'')*')|(==|!=|&&|\|\||!|\(|\))|([A-Za-z_][\w.-]*))")
    WORDS = {"&&": " and ", "||": " or ", "!": " not "}

    def __init__(self, contexts, failed):
        self.contexts, self.failed = contexts, failed

    def look_up(self, path):
        value = self.contexts
        for part in path.split("."):
            value = value.get(part, "") if isinstance(value, dict) else ""
        return value

    def value(self, text):
        code, at = "", 0
        text = text.strip()
        while at < len(text):
            token = self.TOKEN.match(text, at)
            if token is None:
                raise ValueError(f"an expression that this runner does not know: {text}")
            literal, operator, name = token.groups()
            at = token.end()
            if literal:
                code += repr(literal[1:-1].replace("''", "'"))
            elif operator:
                code += self.WORDS.get(operator, operator)
            elif name in ("cancelled", "always", "failure", "success"):
                code += {"cancelled": "(lambda: False)", "always": "(lambda: True)", "failure": f"(lambda: {self.failed})",
                         "success": f"(lambda: {not self.failed})"}[name]
            else:
                code += repr(self.look_up(name))
        return eval(code, {"__builtins__": {}})  # literals, comparisons and the four functions: nothing else gets here

    def text(self, template):
        return re.sub(r"\$\{\{(.*?)\}\}", lambda found: str(self.value(found.group(1))), str(template), flags=re.DOTALL)


def environment_file(path):
    """Name and value, in both of their notations."""
    lines, values = iter(path.read_text().split("\n")), {}
    for line in lines:
        heredoc = re.fullmatch(r"([^=<]+)<<(.+)", line)
        if heredoc:
            name, end = heredoc.groups()
            block = []
            for inner in lines:
                if inner == end:
                    break
                block.append(inner)
            else:
                raise ValueError(f"{name} has no end")
            values[name] = "\n".join(block)
        elif line:
            name, value = line.split("=", 1)
            values[name] = value
    return values


class Done:
    def __init__(self):
        self.code, self.log, self.summary, self.outputs, self.used = 0, "", "", {}, []

    def commands(self):
        """Commands to the runner in the log, but for what stands where they were stopped."""
        found, stopped = [], None
        for line in self.log.splitlines():
            line = line.lstrip()
            if stopped:
                stopped = None if line == f"::{stopped}::" else stopped
            elif line.startswith("::stop-commands::"):
                stopped = line.removeprefix("::stop-commands::")
            elif line.startswith("::") or "##[" in line:
                found.append(line)
        return found


def run_action(folder, inputs, workspace, environment):
    """`folder` holds action.yml; `environment` is that of the machine."""
    action = yaml.safe_load((folder / "action.yml").read_text())
    unknown = set(inputs) - set(action["inputs"])
    if unknown:
        raise ValueError(f"no inputs of the action: {unknown}")
    temporary = pathlib.Path(environment["RUNNER_TEMP"])
    contexts = {"inputs": {name: inputs.get(name, one.get("default", "")) for name, one in action["inputs"].items()}, "steps": {}}
    done, path = Done(), environment["PATH"]
    for number, step in enumerate(action["runs"]["steps"]):
        expression = Expression(contexts, done.code != 0)
        condition = step.get("if", "success()").strip()
        if not expression.value(re.sub(r"^\$\{\{(.*)\}\}$", r"\1", condition, flags=re.DOTALL)):
            continue
        if "uses" in step:
            done.used.append((step["uses"], {key: expression.text(value) for key, value in step.get("with", {}).items()}))
            continue
        files = {name: temporary / f"{name}-{number}" for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_PATH", "GITHUB_ENV")}
        for file in files.values():
            file.write_text("")
        script = temporary / f"step {number}.sh"
        script.write_text(expression.text(step["run"]))
        ran = subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)], cwd=workspace, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, timeout=300,
                             env={**environment, **{name: str(file) for name, file in files.items()}, "PATH": path, "RUNNER_OS": "Linux",
                                  "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(workspace), "GITHUB_ACTION_PATH": str(folder),
                                  **{name: expression.text(value) for name, value in step.get("env", {}).items()}})
        done.log += ran.stdout
        done.code = done.code or ran.returncode
        done.summary += files["GITHUB_STEP_SUMMARY"].read_text()
        path = os.pathsep.join([*reversed(files["GITHUB_PATH"].read_text().split("\n")[:-1]), path])
        if "id" in step:
            contexts["steps"][step["id"]] = {"outputs": environment_file(files["GITHUB_OUTPUT"])}
    done.outputs = {name: Expression(contexts, False).text(one["value"]) for name, one in action["outputs"].items()}
    return done
