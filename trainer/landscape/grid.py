"""Measuring a whole grid: in parallel, with a bar, and resumable after an interruption.

Every finished chunk of points is a .npy file in a folder named for what is measured;
files appear under their final name only when complete. A run that finds the folder
goes on where the last one stopped; another network, plane or grid has another folder.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
from tqdm import tqdm

from explainers.arrays import Floats
from trainer.landscape.subject import Subject
from trainer.landscape.surface import QUANTITIES, measure_points
from trainer.landscape.weights import Plane, flatten

CHUNK = 32
"""Points a part: a second or two of work, so little is lost and the bar moves."""


@dataclass(frozen=True)
class Job:
    """What is measured: a plane of one subject at the points [k, 2]."""

    subject: Subject
    plane: Plane
    points: Floats
    tree: bool = True

    @property
    def key(self) -> str:
        """32 hexadecimal digits that differ when anything that is measured does."""
        network = self.subject.network
        digest = hashlib.sha256(str(network).encode())
        for name, buffer in network.named_buffers():
            digest.update(name.encode() + buffer.numpy().tobytes())
        for weights in (self.plane.origin, self.plane.first, self.plane.second):
            digest.update(flatten(weights).numpy().tobytes())
        for part in (self.subject.train, self.subject.test):
            for tensor in part.inputs:
                digest.update(tensor.numpy().tobytes())
            digest.update(part.y.tobytes() + part.Z.tobytes())
        told = (self.subject.settings, self.subject.tree.nodes, self.tree, CHUNK)
        digest.update(repr(told).encode() + self.points.tobytes())
        return digest.hexdigest()[:32]


def measure_grid(
    job: Job, scratch: Path, *, jobs: int = 1, progress: bool = False, label: str = ""
) -> Floats:
    """Measure every point of a job.

    Parameters
    ----------
    scratch : where the folder of finished parts is made; it stays, so that the caller
        can remove it once the result is safe.
    jobs : processes.
    progress : whether to draw a bar with the expected time on stderr.

    Returns
    -------
    [k, len(QUANTITIES)] float64.
    """
    folder = scratch / job.key
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, len(job.points), CHUNK)
    paths = [folder / f"part-{start:06d}.npy" for start in starts]
    missing = [
        (start, path)
        for start, path in zip(starts, paths, strict=True)
        if read_part(path, min(CHUNK, len(job.points) - start)) is None
    ]
    bar = tqdm(total=len(job.points), unit="point", desc=label, disable=not progress)
    with bar:
        bar.update(len(job.points) - sum(_size(job, start) for start, _ in missing))
        for done in _run(job, missing, jobs):
            bar.update(done)
    return np.concatenate([np.load(path, allow_pickle=False) for path in paths])


def read_part(path: Path, rows: int) -> Floats | None:
    """Read a finished part; None where there is none, or not a whole one."""
    try:
        part: Floats = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return part if part.shape == (rows, len(QUANTITIES)) else None


def write_part(path: Path, values: Floats) -> None:
    """Write a part so that no reader ever sees half of it."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    with os.fdopen(descriptor, "wb") as stream:
        np.save(stream, values, allow_pickle=False)
    os.replace(name, path)


def _size(job: Job, start: int) -> int:
    return min(CHUNK, len(job.points) - start)


def _run(job: Job, missing: list[tuple[int, Path]], jobs: int) -> Iterator[int]:
    """Measure the missing parts; yield the points of each as it is done."""
    if jobs == 1 or len(missing) <= 1:
        yield from (_measure(job, start, path) for start, path in missing)
        return
    # One thread a process: the processes fill the cores.
    with joblib.parallel_config("loky", inner_max_num_threads=1):
        parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
        yield from parallel(
            joblib.delayed(_measure)(job, start, path) for start, path in missing
        )


def _measure(job: Job, start: int, path: Path) -> int:
    points = job.points[start : start + CHUNK]
    values = measure_points(job.subject, job.plane, points, tree=job.tree)
    write_part(path, values)
    return len(points)
