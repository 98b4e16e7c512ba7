"""How much room is left where the server writes, for Prometheus to ask."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from api.generations import Generation
from api.jobs.queue import directory_of_jobs
from api.metrics import MULTIPROCESS_DIRECTORY
from api.settings import Settings


class DiskCollector(Collector):
    """Asks the file systems at every scrape.

    Parameters
    ----------
    written : what is written -> a directory of the file system that holds it.
    """

    def __init__(self, written: Mapping[str, Path]) -> None:
        self._written = written

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return the metric; without what is not there, or not yet."""
        free = GaugeMetricFamily(
            "leafpath_disk_free_ratio",
            "Share that is free, of bytes or of files, where the server writes.",
            labels=["holds"],
        )
        for holds, path in self._written.items():
            try:
                free.add_metric([holds], free_ratio(os.statvfs(path)))
            except OSError:
                continue
        yield free


def free_ratio(found: os.statvfs_result) -> float:
    """Return the share of bytes that is free, or of files where that is smaller."""
    bytes_free = found.f_bavail / max(1, found.f_blocks)
    # Some file systems have no bound of files, and say that they have none.
    return min(bytes_free, found.f_favail / found.f_files if found.f_files else 1.0)


def where_written(settings: Settings) -> dict[str, Path]:
    """Return what this server writes, each with the directory where it does."""
    written: dict[str, Path] = {}
    if MULTIPROCESS_DIRECTORY in os.environ:
        written["metrics"] = Path(os.environ[MULTIPROCESS_DIRECTORY])
    if (generation := Generation.current()) is not None:
        written["copies"] = generation.document.parent
    if settings.computes_jobs:
        with contextlib.suppress(FileNotFoundError):  # there is no TMPDIR
            written["jobs"] = directory_of_jobs(settings)
    return written
