"""Training steps per second, ours against PyTorch eager, alternating in one run; medians of the rounds.

usage: train_ratio.py TRAIN_BENCH [small] [large] [--rounds N] [--seconds S]
Run with a Python that has torch 2.13.0. Every way of writing the grouped experts and every thread count is
tried once; the fastest is PyTorch's figure.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TARGETS = {"small": 4.0, "large": 1.5}


def run(command):
    result = subprocess.run(command, capture_output=True, text=True)
    return json.loads(result.stdout.splitlines()[-1]) if result.returncode == 0 else None


def peer(config, threads, seconds, how):
    return run([sys.executable, os.path.join(HERE, "train_bench.py"), config, "--threads", str(threads),
                "--seconds", str(seconds), "--experts", how])


def ours(binary, config, threads, seconds):
    return run([binary, config, "--threads", str(threads), "--seconds", str(seconds)])


def best_peer(config, cores, seconds):
    candidates = [peer(config, threads, seconds, how)
                  for how in ("loop", "bmm", "grouped") for threads in sorted({1, cores})]
    for candidate in filter(None, candidates):
        print(f"  PyTorch {candidate['experts']:8} threads {candidate['threads']}: "
              f"{candidate['steps_per_second']:.3f} steps/s")
    return max(filter(None, candidates), key=lambda c: c["steps_per_second"])


def compare(binary, config, rounds, seconds):
    cores = os.cpu_count()
    print(f"{config}:")
    chosen = best_peer(config, cores, seconds)
    pairs = [(ours(binary, config, cores, seconds), peer(config, chosen["threads"], seconds, chosen["experts"]))
             for _ in range(rounds)]
    our_rate = statistics.median(a["steps_per_second"] for a, _ in pairs)
    their_rate = statistics.median(b["steps_per_second"] for _, b in pairs)
    ratio = statistics.median(a["steps_per_second"] / b["steps_per_second"] for a, b in pairs)
    share = statistics.median(a["fraction_of_peak"] for a, _ in pairs)
    peak = statistics.median(a["eigen_peak_gflops"] for a, _ in pairs)
    print(f"  ours {our_rate:.3f} steps/s ({cores} threads), PyTorch {their_rate:.3f} steps/s "
          f"({chosen['threads']} threads, {chosen['experts']})")
    print(f"  ratio {ratio:.2f} (target {TARGETS[config]}); {share:.2f} of a large Eigen product's "
          f"{peak:.0f} GFLOP/s on {cores} threads")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("configs", nargs="*", default=["small", "large"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    for config in options.configs:
        compare(options.binary, config, options.rounds, options.seconds)


if __name__ == "__main__":
    main()
