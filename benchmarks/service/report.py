"""The results as JSON, as tables in docs/performance.md, and as a picture."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import orjson

from benchmarks.service.goals import FLOOR, Goal
from benchmarks.service.measure import CONNECTIONS, Figures
from benchmarks.service.processes import ROOT

DOCUMENT = ROOT / "docs" / "performance.md"
RESULTS = ROOT / "docs" / "performance"


def as_json(results: Mapping[str, Figures], facts: Mapping[str, Any]) -> bytes:
    """Return everything that was measured, without the single answers."""
    targets = {
        name: {
            "cpu_ms": figures.cpu_ms,
            "rps": figures.rps,
            "p50_ms": _percentiles(figures, 0.5),
            "p99_ms": _percentiles(figures, 0.99),
        }
        for name, figures in results.items()
    }
    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps({**facts, "targets": targets}, option=options)


def _percentiles(figures: Figures, share: float) -> dict[int, float]:
    return {c: figures.percentile_ms(c, share) for c in figures.latencies_ms}


def table(results: Mapping[str, Figures], memory_mb: Mapping[str, float]) -> str:
    """Return the targets as Markdown; CPU of the best and of the median round."""
    floor = results[FLOOR].lowest_cpu_ms()
    lines = [
        "| | CPU ms a request (median round) | x floor | requests/s at 1, 8, 32 | "
        "p50 / p99 ms at 1 | at 8 | at 32 | memory MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, figures in results.items():
        cpu, median = figures.lowest_cpu_ms(), statistics.median(figures.cpu_ms)
        rates = [f"{statistics.median(figures.rps[c]):.0f}" for c in CONNECTIONS]
        times = [
            " / ".join(f"{figures.percentile_ms(c, p):.1f}" for p in (0.5, 0.99))
            for c in CONNECTIONS
        ]
        cells = [name, f"{cpu:.3f} ({median:.3f})", f"{cpu / floor:.2f}"]
        cells += [", ".join(rates), *times, f"{memory_mb[name]:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def goals_table(goals: Sequence[Goal]) -> str:
    """Return the goals as Markdown."""
    lines = ["| goal | | at most | measured | |", "|---|---|---|---|---|"]
    for goal in goals:
        measured = "" if goal.measured is None else f"{goal.measured:.2f} {goal.unit}"
        bound = f"{goal.bound:g} {goal.unit}".strip()
        lines.append(
            f"| {goal.number} | {goal.text} | {bound} | {measured} | {goal.verdict} |"
        )
    return "\n".join(lines)


def write_between(name: str, content: str, document: Path = DOCUMENT) -> None:
    """Replace what stands between a pair of markers in the document."""
    opening, closing = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, _, rest = document.read_text().partition(opening)
    _, _, after = rest.partition(closing)
    document.write_text(f"{before}{opening}\n{content}\n{closing}{after}")


def plot(results: Mapping[str, Figures], path: Path) -> None:
    """Draw the processor time of every target with one row, with its rounds."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = {name: f for name, f in results.items() if "1024" not in name}
    figure, axes = pyplot.subplots(figsize=(8, 0.34 * len(shown) + 1))
    for at, (name, figures) in enumerate(shown.items()):
        ours = name.startswith("Leafpath")
        axes.barh(at, figures.lowest_cpu_ms(), color="#2a7f62" if ours else "#9aa5b1")
        axes.plot(figures.cpu_ms, [at] * len(figures.cpu_ms), "|", color="#1f2933")
    axes.set_yticks(range(len(shown)), list(shown))
    axes.invert_yaxis()
    axes.set_xlabel("server CPU, ms a request (bar: best round; ticks: all rounds)")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
