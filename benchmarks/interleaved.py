"""Time rivals in turn within one run, so that a noisy machine disturbs all alike."""

import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Milliseconds a call: median and the middle half of the rounds."""

    median_ms: float
    low_ms: float
    high_ms: float


def interleave(
    rivals: Mapping[str, Callable[[], object]], rounds: int = 15, seconds: float = 0.05
) -> dict[str, Timing]:
    """Call every rival in every round, each for about ``seconds``.

    Returns
    -------
    By name: median, lower and upper quartile over the rounds of the mean call.
    """
    calls = {name: _calls_for(call, seconds) for name, call in rivals.items()}
    means: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(rounds):
        for name, call in rivals.items():
            start = time.perf_counter()
            for _ in range(calls[name]):
                call()
            means[name].append((time.perf_counter() - start) / calls[name] * 1e3)
    return {name: _summary(values) for name, values in means.items()}


def load() -> str:
    """Return what else the machine is doing: the one-minute load and the cores."""
    return f"load {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores"


def _calls_for(call: Callable[[], object], seconds: float) -> int:
    call()
    start = time.perf_counter()
    call()
    return max(1, int(seconds / max(time.perf_counter() - start, 1e-9)))


def _summary(values: list[float]) -> Timing:
    low, median, high = statistics.quantiles(values, n=4)
    return Timing(median, low, high)
