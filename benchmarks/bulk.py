"""A file explained on one machine: rows a second, CPU, memory and bytes, by its size.

The breast-cancer demo, its rows drawn again with noise, is asked for tree path and
integrated gradients with their defaults by `leafpath explain`, start and checks
included. The file is one row group, as pandas writes it. Usage: python -m benchmarks
bulk [BUNDLE]
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from sklearn.datasets import load_breast_cancer

from benchmarks.interleaved import load

BUNDLE = Path("bundles/breast-cancer")
RUNS = ((10_000, 1), (100_000, 1), (100_000, 2), (1_000_000, 2))
"""Rows of the file, and processes."""

NOISE = 0.03  # of each column's standard deviation
EVERY_S = 0.2  # between two looks at the memory


@dataclass(frozen=True)
class Run:
    """Seconds by the clock and of CPU; memory at its peak; bytes of the answers."""

    rows: int
    jobs: int
    wall_s: float
    cpu_s: float
    largest_mb: float
    all_mb: float
    answer_bytes: int


@dataclass
class Memory:
    """Bytes at the peak: of the largest process (RSS), and of all together (PSS, which
    counts what they share once).

    As seen every ``EVERY_S``: the kernel's own peak (``ru_maxrss``) would count what
    the benchmark held when it started the command.
    """

    largest: int = 0
    together: int = 0


def main() -> None:
    """Run every size once, and print the table as Markdown."""
    bundle = Path(sys.argv[2]) if len(sys.argv) > 2 else BUNDLE
    print(f"Before: {load()}.", flush=True)
    print(
        "| rows | processes | s | rows/s | CPU s | CPU microseconds a row "
        "| largest process MB | all processes MB | answers, bytes a row |\n"
        "|---|---|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as name:
        for run in measure(bundle, Path(name)):
            print(row(run), flush=True)
    print(f"After: {load()}.")


def measure(bundle: Path, folder: Path) -> Iterator[Run]:
    """Yield what each run took."""
    for rows, jobs in RUNS:
        data = folder / f"{rows}.parquet"
        if not data.exists():
            write_rows(data, rows)
        yield explain(data, bundle, folder / f"{rows}-{jobs}", rows, jobs)


def write_rows(path: Path, n: int) -> None:
    """Write ``n`` rows of 30 inputs: real ones drawn again, with noise."""
    data = load_breast_cancer(as_frame=True).data
    random = np.random.default_rng(0)
    drawn = data.iloc[random.integers(len(data), size=n)].reset_index(drop=True)
    noise = random.normal(scale=NOISE, size=drawn.shape) * data.std().to_numpy()
    (drawn + noise).to_parquet(path)


def explain(data: Path, bundle: Path, out: Path, rows: int, jobs: int) -> Run:
    """Explain one file by the command, and wait for it."""
    command = [
        sys.executable, "-m", "leafpath", "explain", data, "--bundle", bundle,
        "--out", out, "--methods", "tree_path,integrated_gradients",
        "--jobs", str(jobs), "--quiet",
    ]  # fmt: skip
    usual = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=usual)
    peak = Memory()
    ended = threading.Event()
    watch = threading.Thread(target=watch_memory, args=(process.pid, peak, ended))
    watch.start()
    _, status, usage = os.wait4(process.pid, 0)  # its own, and of what it waited for
    wall_s = time.perf_counter() - start
    ended.set()
    watch.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"leafpath explain ended with {process.returncode}")
    return Run(
        rows,
        jobs,
        wall_s,
        usage.ru_utime + usage.ru_stime,
        peak.largest / 1e6,
        peak.together / 1e6,
        sum(part.stat().st_size for part in out.glob("part-*.parquet")),
    )


def watch_memory(pid: int, peak: Memory, ended: threading.Event) -> None:
    """Keep in ``peak`` what a process and its children held, until they have ended."""
    while not ended.wait(EVERY_S):
        try:
            parent = psutil.Process(pid)
            processes = [parent, *parent.children(recursive=True)]
            held = [process.memory_full_info() for process in processes]
        except psutil.Error:  # one of them has just ended
            continue
        peak.largest = max(peak.largest, *(memory.rss for memory in held))
        peak.together = max(peak.together, sum(memory.pss for memory in held))


def row(run: Run) -> str:
    """Return a run's line of the table."""
    return (
        f"| {run.rows:,} | {run.jobs} | {run.wall_s:.1f} | {run.rows / run.wall_s:,.0f}"
        f" | {run.cpu_s:.1f} | {run.cpu_s / run.rows * 1e6:.0f} | {run.largest_mb:.0f}"
        f" | {run.all_mb:.0f} | {run.answer_bytes / run.rows:.0f} |"
    )
