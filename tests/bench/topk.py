#!/usr/bin/env python3
"""Times torch.topk on the scores that selection_bench wrote: FILE TOKENS EXPERTS COUNT THREADS.

Prints one line per setting: median milliseconds and the setting's name; then the sum of the smallest
selected score of every expert, by which the caller checks that both selected alike.
"""
import statistics
import sys
import time

import torch

path, tokens, experts, count, threads = sys.argv[1], *map(int, sys.argv[2:6])
torch.set_num_threads(threads)
scores = torch.from_file(path, size=tokens * experts, dtype=torch.float32).view(tokens, experts).clone()
columns = scores.t().contiguous()


def median(run):
    times = []
    for _ in range(25):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


print(f"torch {torch.__version__}, {torch.get_num_threads()} thread(s)", file=sys.stderr)
settings = {
    "topk over columns, sorted (default)": lambda: torch.topk(scores, count, dim=0),
    "topk over columns, unsorted": lambda: torch.topk(scores, count, dim=0, sorted=False),
    "topk over contiguous rows, sorted": lambda: torch.topk(columns, count, dim=1),
    "topk over contiguous rows, unsorted": lambda: torch.topk(columns, count, dim=1, sorted=False),
}
for name, run in settings.items():
    print(f"{median(run):.4f} {name}")
print(f"{torch.topk(columns, count, dim=1).values[:, -1].double().sum().item():.17g} check")
