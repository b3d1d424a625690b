"""Training steps per second, ours against PyTorch eager, alternating in one run; medians of the rounds.

usage: train_ratio.py TRAIN_BENCH [small] [large] [--rounds N] [--seconds S]
Run with a Python that has torch 2.13.0. Every way of writing the grouped experts and every thread count is
tried once; the fastest is PyTorch's figure. On a machine that is busy with other work wall-clock ratios say
little: the ratio of processor time per step, one thread against one thread, is printed as well.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TARGETS = {"small": 4.0, "large": 1.5}
WAYS = ("loop", "bmm", "grouped")


def run(command):
    result = subprocess.run(command, capture_output=True, text=True)
    return json.loads(result.stdout.splitlines()[-1]) if result.returncode == 0 else None


def timing(threads, seconds, least):
    return ["--threads", str(threads), "--seconds", str(seconds), "--least", str(least)]


def peer(config, threads, seconds, least, how):
    return run([sys.executable, os.path.join(HERE, "train_bench.py"), config, "--experts", how]
               + timing(threads, seconds, least))


def ours(binary, config, threads, seconds, least):
    return run([binary, config] + timing(threads, seconds, least))


def candidates(config, cores, seconds):
    tried = [peer(config, threads, seconds, 1, how) for how in WAYS for threads in sorted({1, cores})]
    for one in filter(None, tried):
        print(f"  PyTorch {one['experts']:8} {one['threads']} threads: {one['steps_per_second']:.3f} steps/s, "
              f"{one['processor_milliseconds']:.1f} ms of processor time a step", flush=True)
    return [one for one in tried if one]


def median(pairs, field, side):
    return statistics.median(pair[side][field] for pair in pairs)


def ratio(pairs, field):
    """Ours over theirs, pair by pair."""
    return statistics.median(a[field] / b[field] for a, b in pairs)


def compare(binary, config, rounds, seconds, least):
    cores = os.cpu_count()
    print(f"{config} (load {os.getloadavg()[0]:.1f} on {cores} cores):", flush=True)
    tried = candidates(config, cores, min(seconds, 2.0))
    best = max(tried, key=lambda c: c["steps_per_second"])
    thrifty = min((c for c in tried if c["threads"] == 1), key=lambda c: c["processor_milliseconds"])
    walls, processors = [], []
    for _ in range(rounds):
        walls.append((ours(binary, config, cores, seconds, least),
                      peer(config, best["threads"], seconds, least, best["experts"])))
        processors.append((ours(binary, config, 1, seconds, least), peer(config, 1, seconds, least, thrifty["experts"])))
    print(f"  wall clock: ours {median(walls, 'steps_per_second', 0):.3f} steps/s ({cores} threads), "
          f"PyTorch {median(walls, 'steps_per_second', 1):.3f} ({best['threads']} threads, {best['experts']}): "
          f"ratio {ratio(walls, 'steps_per_second'):.2f} (target {TARGETS[config]})")
    print(f"  processor time a step, one thread: ours {median(processors, 'processor_milliseconds', 0):.1f} ms, "
          f"PyTorch {median(processors, 'processor_milliseconds', 1):.1f} ms ({thrifty['experts']}): "
          f"ratio {1 / ratio(processors, 'processor_milliseconds'):.2f}")
    for pairs, threads in ((walls, cores), (processors, 1)):
        print(f"  {threads} threads: {median(pairs, 'fraction_of_peak', 0):.2f} of a large Eigen product's "
              f"{median(pairs, 'eigen_peak_gflops', 0):.0f} GFLOP/s in the same process, "
              f"{median(pairs, 'processor_fraction_of_peak', 0):.2f} by processor time", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("configs", nargs="*", default=["small", "large"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--least", type=int, default=2, help="steps of a measurement, however long they take")
    options = parser.parse_args()
    for config in options.configs:
        compare(options.binary, config, options.rounds, options.seconds, options.least)


if __name__ == "__main__":
    main()
