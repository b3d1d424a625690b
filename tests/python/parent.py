"""The other side of the process protocol, as small as it can be: asks runs and reads the answers."""

import json
import os
import subprocess

from pastonly import safetensors


class Parent:
    def __init__(self, command, **environment):
        """`command` with the pipes named in its environment."""
        asks_read, asks_write = os.pipe()
        answers_read, answers_write = os.pipe()
        self.child = subprocess.Popen(command, pass_fds=(asks_read, answers_write), stderr=subprocess.PIPE, stdout=subprocess.PIPE,
                                      env={**os.environ, **environment, "PASTONLY_IN_FD": str(asks_read), "PASTONLY_OUT_FD": str(answers_write)})
        os.close(asks_read)
        os.close(answers_write)
        self.asks, self.answers = os.fdopen(asks_write, "wb"), os.fdopen(answers_read, "rb")
        self.hello = json.loads(self.answers.readline() or b"{}")

    def say(self, line):
        self.asks.write(line)
        self.asks.flush()
        return json.loads(self.answers.readline() or b"{}")

    def run(self, folder, number, tokens, valid=None, seed=0, **more):
        """(answer, trace or None)."""
        given = {"tokens": tokens} if valid is None else {"tokens": tokens, "valid": valid}
        asked = {"type": "run", "id": number, "seed": seed, "in": f"{folder}/{number}.in.safetensors", "out": f"{folder}/{number}.out.safetensors",
                 **more}
        safetensors.write(asked["in"], given, {"schema": "pastonly.tokens/1"})
        answer = self.say(json.dumps(asked).encode() + b"\n")
        return answer, safetensors.read(asked["out"])[0] if os.path.exists(asked["out"]) else None

    def end(self):
        """(exit code, standard output, standard error)."""
        self.asks.close()
        out, errors = self.child.communicate(timeout=60)
        self.answers.close()
        return self.child.returncode, out.decode(), errors.decode()
