"""Timing of alternatives in one run: interleaved, so that a busy machine troubles all alike; medians and ratios."""

import statistics
import time
from collections.abc import Callable, Mapping


def interleaved(
    candidates: Mapping[str, Callable[[], None]],
    rounds: int,
    warmup: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of every call, in order of the rounds; each round calls all candidates once, in rotating order.

    `clock`: `time.process_time` where one thread computes and other programs take turns on its core.
    """
    names = list(candidates)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-warmup, rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            started = clock()
            candidates[name]()
            if number >= 0:
                seconds[name].append(clock() - started)
    return seconds


def table(seconds: Mapping[str, list[float]], reference: str) -> str:
    """Median, spread (median absolute deviation) and the median over rounds of the ratio to `reference`."""
    lines = ["| | median s | spread | ratio |", "|---|---|---|---|"]
    for name, times in seconds.items():
        median = statistics.median(times)
        spread = statistics.median(abs(t - median) for t in times)
        ratio = statistics.median(a / b for a, b in zip(times, seconds[reference], strict=True))
        lines.append(f"| {name} | {median:.4f} | {spread:.4f} | {ratio:.3f} |")
    return "\n".join(lines)
