"""How long work takes, of several turns."""
import statistics
import time


def timed(work, repeats):
    """The median of its seconds."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)
