"""The files in which workers count. Each worker has its room before it counts: writing
to mapped memory without room kills. Those of the dead are added up, so that no number
of restarts makes them more. gunicorn's master does that; nothing here may import
onnxruntime.
"""

import contextlib
import fcntl
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

from prometheus_client import Metric, multiprocess, values
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector

DEAD, MASTER = "dead", "master"
"""Stand where the process id does in the names of prometheus-client's files."""

_JOINED: dict[str, Callable[[float, float], float]] = {
    "counter": float.__add__,
    "histogram": float.__add__,  # buckets, sum and count, not yet cumulative
    "summary": float.__add__,
    "gauge_max": max,
}
"""By the kind of a file, what two workers said together. Of gauges that only live
workers speak for there is no file left when one is dead."""

ROOM_BYTES = {
    "counter": 2**18,
    "histogram": 2**20,
    "summary": 2**16,
    "gauge_max": 2**16,
    "gauge_livemax": 2**16,
}
"""What a worker may say in each kind of file before it must grow: a histogram's take
some 3,000 bytes for each route of each model that is asked."""


class AllWorkers:
    """What all workers of one server counted, those that are gone among them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def collect(self) -> Iterable[Metric]:
        """Read the files while none is being added to another."""
        with _locked(self._directory, fcntl.LOCK_SH):
            reader = MultiProcessCollector(None, str(self._directory))  # type: ignore[no-untyped-call]
            metrics: Iterable[Metric] = reader.collect()  # type: ignore[no-untyped-call]
            return metrics


def reserve(directory: Path, worker: int) -> None:
    """Make the files of a worker with their room.

    Raises
    ------
    OSError
        There is none; no file is left behind.
    """
    files = {directory / f"{kind}_{worker}.db": n for kind, n in ROOM_BYTES.items()}
    try:
        for path, size_bytes in files.items():
            # Whoever reads the metrics finds a file with its room, or none.
            scratch = path.with_suffix(".new")
            _reserve(scratch, size_bytes)
            scratch.rename(path)
    except OSError:
        for path in files:
            path.unlink(missing_ok=True)
            path.with_suffix(".new").unlink(missing_ok=True)
        raise


def count_for_nobody() -> None:
    """Let this process, which has no files, count in its own memory alone."""
    values.ValueClass = values.MutexValue


def add_up(directory: Path, alive: Collection[int]) -> None:
    """Forget what dead workers said of themselves, and keep the sum of their counts.

    While a worker reads the metrics the sums wait for the next death: nothing that
    answers requests may hold the master up.

    Parameters
    ----------
    alive : process ids of the workers that still count.

    Raises
    ------
    OSError
        There is no room. What was not added up still counts.
    """
    dead = [
        (kind, owner, path)
        for path in sorted(directory.glob("*.db"))
        for kind, _, owner in [path.stem.rpartition("_")]
        if owner not in (DEAD, MASTER) and int(owner) not in alive
    ]
    for _, owner, _ in dead:
        multiprocess.mark_process_dead(int(owner), str(directory))  # type: ignore[no-untyped-call]
    with (
        contextlib.suppress(BlockingIOError),
        _locked(directory, fcntl.LOCK_EX | fcntl.LOCK_NB),
    ):
        for kind, _, path in dead:
            if kind in _JOINED:
                _join(path, directory / f"{kind}_{DEAD}.db", _JOINED[kind])


def tell_deaths(directory: Path, deaths: Mapping[str, int]) -> None:
    """Tell how many workers died since the master started, by reason.

    Raises
    ------
    OSError
        There is no room. What was told before still stands.
    """
    name, text = "leafpath_worker_deaths", "Workers that ended other than told to."
    _write(
        directory / f"counter_{MASTER}.db",
        {
            mmap_key(name, f"{name}_total", ["reason"], [reason], text): float(count)
            for reason, count in deaths.items()
        },
    )


def _join(path: Path, total: Path, joined: Callable[[float, float], float]) -> None:
    """Add one file to another, which is replaced as a whole."""
    values = dict(_values(total)) if total.exists() else {}
    for key, value in _values(path):
        values[key] = joined(values[key], value) if key in values else value
    _write(total, values)
    path.unlink()


def _write(path: Path, values: Mapping[str, float]) -> None:
    """Write a file as a whole, in the place of the one that is there."""
    scratch = path.with_suffix(".new")
    _reserve(scratch, sum(len(key) + 64 for key in values))
    store = MmapedDict(str(scratch))  # type: ignore[no-untyped-call]
    for key, value in values.items():
        store.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    store.close()  # type: ignore[no-untyped-call]
    scratch.replace(path)


def _values(path: Path) -> Iterator[tuple[str, float]]:
    for key, value, *_ in MmapedDict.read_all_values_from_file(str(path)):  # type: ignore[no-untyped-call]
        yield key, value


def _reserve(path: Path, size_bytes: int) -> None:
    """Make a file of zeros that has its room, or raise: writing to mapped memory
    without room would kill the process instead.
    """
    with path.open("wb") as stream:
        if sys.platform == "linux":
            os.posix_fallocate(stream.fileno(), 0, max(size_bytes, 4096))


@contextlib.contextmanager
def _locked(directory: Path, how: int) -> Iterator[None]:
    """Hold the lock of the directory, which a killed process lets go of too."""
    held = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(held, how)
        yield
    finally:
        os.close(held)
