"""The goals of the hot path, each with what was measured beside it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from benchmarks.service.measure import Figures

Results: TypeAlias = Mapping[str, Figures]
FLOOR = "floor: Flask, no model"
MLSERVER = "MLServer, V2"
PREDICT, PATH = "Leafpath predict", "Leafpath predict + path"
V2 = "Leafpath V2 JSON"
TORCHSERVE, TORCHSERVE_IG = 3.5, 11.0
"""TorchServe took 3.5 to 5.1 times the floor, and explaining by IG with 50 steps 11 to
14 times, when the peers were first measured; it is unmaintained and not part of this
run."""


@dataclass(frozen=True)
class Goal:
    """A bound, and the figure that may not exceed it; None where a rival is missing."""

    number: str
    text: str
    bound: float
    measured: float | None
    unit: str = "x"

    @property
    def verdict(self) -> str:
        """Return the last cell of the goal's row."""
        if self.measured is None:
            return "rival not installed"
        return "met" if self.measured <= self.bound else "missed"


@dataclass(frozen=True)
class Extra:
    """What is measured apart from the table."""

    gradient_ms: float
    ig_ms: float
    torch_ig_ms: float
    lime_ms: float
    memory_mb: float
    loads_torch: bool
    alone_p99_ms: float
    beside_p99_ms: float
    hit_equals_miss: bool


def goals(results: Results, extra: Extra) -> list[Goal]:
    """Return every goal with its figure, in the order of their numbers."""
    ratio = _ratios(results)
    return [
        Goal("1", "V2 JSON predict, of the floor", 1.8, ratio(V2, FLOOR)),
        Goal("2", "predict + path + fidelity, of the floor", 2.2, ratio(PATH, FLOOR)),
        Goal("2", "the same, of our own predict", 1.25, ratio(PATH, PREDICT)),
        Goal("3", "V2 JSON, of MLServer without workers", 1.0, ratio(V2, MLSERVER)),
        Goal("3", "V2 JSON, of KServe V2", 0.75, ratio(V2, "KServe, V2")),
        Goal("3", "predict, of LitServe", 0.5, ratio(PREDICT, "LitServe")),
        Goal("3", "predict, of BentoML", 0.5, ratio(PREDICT, "BentoML")),
        Goal(
            "3",
            "predict, of the floor: half of TorchServe's (3.5x to 5.1x)",
            0.5 * TORCHSERVE,
            ratio(PREDICT, FLOOR),
        ),
        Goal(
            "4",
            "predict + path, of the floor: a quarter of TorchServe's IG (11x to 14x)",
            0.25 * TORCHSERVE_IG,
            ratio(PATH, FLOOR),
        ),
        Goal(
            "5",
            "IG cached in Redis, of the floor"
            + ("" if extra.hit_equals_miss else " (BODIES DIFFER)"),
            2.5,
            ratio("Leafpath IG-50, hit in Redis", FLOOR),
        ),
        Goal("6", "gradient, in process", 0.16, extra.gradient_ms, "ms"),
        Goal("6", "IG-50, of PyTorch by hand", 1.0, extra.ig_ms / extra.torch_ig_ms),
        Goal("7", "LIME with 5,000 samples, in process", 17.0, extra.lime_ms, "ms"),
        Goal("8", "1,024 rows: time by bytes, of JSON", 0.1, _rows_by_bytes(results)),
        Goal(
            "9",
            "memory of master and 2 workers, cache in Redis",
            200.0,
            extra.memory_mb,
            "MB",
        ),
        Goal("9", "torch loaded (0 is no)", 0.0, float(extra.loads_torch), ""),
        Goal("10", "p99 of predict at 32, of the floor's", 3.0, _p99(results)),
        Goal(
            "10",
            "p99 of predict beside costly LIME, of alone",
            2.0,
            extra.beside_p99_ms / extra.alone_p99_ms,
        ),
    ]


def _ratios(results: Results) -> Callable[[str, str], float | None]:
    def ratio(ours: str, theirs: str) -> float | None:
        if theirs not in results:
            return None
        return results[ours].lowest_cpu_ms() / results[theirs].lowest_cpu_ms()

    return ratio


def _rows_by_bytes(results: Results) -> float:
    by_json, by_bytes = (
        results[f"Leafpath 1024 rows, V2 {kind}"].lowest_cpu_ms()
        for kind in ("JSON", "binary")
    )
    return by_bytes / by_json


def _p99(results: Results) -> float:
    ours, floor = (results[name].percentile_ms(32, 0.99) for name in (PREDICT, FLOOR))
    return ours / floor
