"""Prefill of 512 tokens on one random OLMoE-shaped checkpoint: pastonly beside transformers, turn by turn.

usage: checkpoint_ratio.py CHECKPOINT_BENCH DIRECTORY [--dtype float32|bfloat16] [--layers N] [--threads N] [--repeats N]
The checkpoint is written to DIRECTORY where it is not there yet: width 2048, 64 experts of 1024, 8 a token; one layer is
1.7 GB in float32, two are in bfloat16.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

POSITIONS = 512


def write(directory, dtype, layers):
    import torch
    import transformers
    if os.path.exists(os.path.join(directory, "config.json")):
        return
    config = transformers.OlmoeConfig(vocab_size=8192, num_hidden_layers=layers, intermediate_size=1024)
    torch.manual_seed(1)
    torch.set_default_dtype(getattr(torch, dtype))
    model = transformers.OlmoeForCausalLM(config)
    model.save_pretrained(directory, max_shard_size="1GB")


def anonymous_mib():
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) // 1024 for line in file if line.startswith("RssAnon:"))


def serve(directory, dtype, threads):
    """transformers in a process of its own: one line of JSON for every line read."""
    import torch
    import transformers
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(threads)
    model = transformers.AutoModelForCausalLM.from_pretrained(directory, dtype=getattr(torch, dtype)).eval()
    tokens = torch.tensor([[(t * 7919 + 13) % model.config.vocab_size for t in range(POSITIONS)]])
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        with torch.no_grad():
            logits = model(tokens).logits
        seconds = time.perf_counter() - start
        own = torch.log_softmax(logits[0, :-1].double(), -1).gather(1, tokens[0, 1:, None]).mean().item()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(json.dumps({"seconds": seconds, "anonymous_mib": anonymous_mib(), "peak_mib": peak, "log_prob": own}), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("directory")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--layers", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--serve", action="store_true")
    arguments = parser.parse_args()
    if arguments.serve:
        return serve(arguments.directory, arguments.dtype, arguments.threads)
    layers = arguments.layers or (1 if arguments.dtype == "float32" else 2)
    write(arguments.directory, arguments.dtype, layers)
    server = subprocess.Popen([sys.executable, __file__, arguments.binary, arguments.directory, "--serve", "--dtype", arguments.dtype,
                               "--threads", str(arguments.threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    server.stdout.readline()
    ways = {"float32 products (the default)": []}
    if arguments.dtype == "bfloat16":
        ways["--precision bfloat16"] = ["bfloat16"]
    own, theirs, mine = {way: [] for way in ways}, [], {}
    for turn in range(arguments.repeats + 1):
        server.stdin.write("\n")
        server.stdin.flush()
        other = json.loads(server.stdout.readline())
        for way, precision in ways.items():
            done = subprocess.run([arguments.binary, arguments.directory, str(POSITIONS), str(arguments.threads), "2", *precision],
                                  capture_output=True, text=True, check=True)
            mine[way] = json.loads(done.stdout)
            if turn > 0:  # the first warms all up
                own[way].append(min(mine[way]["seconds"]))
        if turn > 0:
            theirs.append(other["seconds"])
    server.stdin.close()
    server.wait()
    print(f"{arguments.dtype} checkpoint, {layers} layers, {POSITIONS} tokens, {arguments.threads} threads; load {os.getloadavg()[0]:.1f}")
    print(f"transformers {statistics.median(theirs):.3f} s, {other['anonymous_mib']} MiB that are no file's, mean ln p {other['log_prob']:.5f}")
    for way, seconds in own.items():
        print(f"pastonly     {statistics.median(seconds):.3f} s, {mine[way]['anonymous_mib']} MiB that are no file's, "
              f"mean ln p {mine[way]['log_prob']:.5f}, {statistics.median(theirs) / statistics.median(seconds):.2f} times as fast: {way}")
    print(f"(medians of {arguments.repeats}, turn by turn)")


if __name__ == "__main__":
    main()
