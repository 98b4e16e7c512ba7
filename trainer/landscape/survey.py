"""Everything that is measured for one landscape, in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from explainers.arrays import Floats
from trainer.errors import LandscapeError
from trainer.landscape.directions import (
    Trajectory,
    principal_directions,
    random_direction,
)
from trainer.landscape.document import (
    CurvatureRecord,
    Directions,
    LandscapeDocument,
    LineRecord,
    PlaneRecord,
    TrajectoryRecord,
    as_row,
    by_quantity,
)
from trainer.landscape.grid import Job, measure_grid
from trainer.landscape.recorder import Recorder
from trainer.landscape.sharpness import measure_sharpness
from trainer.landscape.subject import Part, Subject
from trainer.landscape.weights import Plane, Weights, weights_of

MARGIN = 0.25
"""Room around the trajectory, as a share of its extent."""
NO_CHECKPOINTS = (
    "no checkpoints: a bundle holds its final weights only; `leafpath landscape` on "
    "the configuration trains and records them"
)


@dataclass(frozen=True)
class Settings:
    """How finely and how far to look.

    ``points`` is the side of the grid; ``span`` how far each random direction is
    followed both ways, in filter norms; ``jobs`` the number of processes; ``scratch``
    where finished parts are kept until the end.
    """

    scratch: Path
    points: int = 25
    span: float = 1.0
    seed: int = 0
    jobs: int = 1
    progress: bool = False


def survey(
    subjects: Sequence[Subject], recorder: Recorder | None, settings: Settings
) -> LandscapeDocument:
    """Measure the landscape around one or several networks.

    Parameters
    ----------
    subjects : the network first, then those to set beside it; all are looked at along
        the same random directions, each scaled to its own filters.
    recorder : checkpoints of the first one's training; None where there are none.
    """
    first = subjects[0]
    trajectory, reason = None, NO_CHECKPOINTS
    if recorder is not None:
        names = weights_of(first.network)
        checkpoints = [align(weights, names) for weights in recorder.checkpoints]
        try:
            trajectory, reason = principal_directions(checkpoints, recorder.epochs), ""
        except LandscapeError as error:  # the other planes are worth having
            reason = str(error)
    planes = [_random_plane(subject, settings) for subject in subjects]
    if trajectory is not None:
        planes.append(_trajectory_plane(first, checkpoints[-1], trajectory, settings))
    return LandscapeDocument(
        seed=settings.seed,
        rows={"train": len(first.train), "test": len(first.test)},
        lines=tuple(_line(subject, settings) for subject in subjects),
        planes=tuple(planes),
        trajectory=None if trajectory is None else _record(trajectory),
        no_trajectory=reason or None,
        curvature=tuple(_curvature(subject, settings.seed) for subject in subjects),
    )


def _directions(subject: Subject, settings: Settings) -> Plane:
    weights = weights_of(subject.network)
    return Plane(
        weights,
        random_direction(weights, 2 * settings.seed),
        random_direction(weights, 2 * settings.seed + 1),
    )


def _line(subject: Subject, settings: Settings) -> LineRecord:
    alpha = np.linspace(-settings.span, settings.span, 4 * (settings.points // 2) + 1)
    points = np.column_stack([alpha, np.zeros_like(alpha)])
    job = Job(subject, _directions(subject, settings), points)
    values = _measure(job, settings, f"{subject.name}, line")
    columns = by_quantity(values)
    return LineRecord(
        network=subject.name,
        alpha=tuple(alpha.round(6).tolist()),
        values={name: as_row(column) for name, column in columns.items()},
    )


def _random_plane(subject: Subject, settings: Settings) -> PlaneRecord:
    axis = np.linspace(-settings.span, settings.span, settings.points)
    plane = _directions(subject, settings)
    return _plane(subject, plane, (axis, axis), settings, "random")


def align(checkpoint: Weights, names: Weights) -> Weights:
    """Name a checkpoint's weights as the finished network does.

    A temperature or a projection may have been put around the network after training.
    """
    # Both list the same parameters in the same order.
    prefix = next(iter(names)).removesuffix(next(iter(checkpoint)))
    return {f"{prefix}{name}": value for name, value in checkpoint.items()}


def _trajectory_plane(
    subject: Subject, end: Weights, trajectory: Trajectory, settings: Settings
) -> PlaneRecord:
    # The origin is where training ended, before the logits got their temperature.
    plane = Plane(end, trajectory.first, trajectory.second)
    low, high = trajectory.coordinates.min(axis=0), trajectory.coordinates.max(axis=0)
    room = MARGIN * max(high - low)  # the same both ways: the axes share a unit
    axes = [
        np.linspace(a - room, b + room, settings.points)
        for a, b in zip(low, high, strict=True)
    ]
    return _plane(subject, plane, (axes[0], axes[1]), settings, "trajectory")


def _plane(
    subject: Subject,
    plane: Plane,
    axes: tuple[Floats, Floats],
    settings: Settings,
    directions: Directions,
) -> PlaneRecord:
    alpha, beta = np.meshgrid(*axes)  # [n_beta, n_alpha]
    points = np.column_stack([alpha.ravel(), beta.ravel()])
    label = f"{subject.name}, {directions} plane"
    values = _measure(Job(subject, plane, points), settings, label)
    return PlaneRecord(
        network=subject.name,
        directions=directions,
        alpha=tuple(axes[0].round(6).tolist()),
        beta=tuple(axes[1].round(6).tolist()),
        values={
            name: tuple(as_row(row) for row in column.reshape(alpha.shape))
            for name, column in by_quantity(values).items()
        },
    )


def _measure(job: Job, settings: Settings, label: str) -> Floats:
    return measure_grid(
        job,
        settings.scratch,
        jobs=settings.jobs,
        progress=settings.progress,
        label=label,
    )


def _record(trajectory: Trajectory) -> TrajectoryRecord:
    coordinates = trajectory.coordinates.round(6)
    return TrajectoryRecord(
        epochs=trajectory.epochs,
        alpha=tuple(coordinates[:, 0].tolist()),
        beta=tuple(coordinates[:, 1].tolist()),
        explained_variance=tuple(trajectory.explained.round(6).tolist()),
    )


def _curvature(subject: Subject, seed: int) -> CurvatureRecord:
    part: Part = subject.train
    y = torch.from_numpy(part.y)

    def loss(network: nn.Module) -> Tensor:
        return nn.functional.cross_entropy(network(*part.inputs), y)

    found = measure_sharpness(subject.network, loss, seed)
    return CurvatureRecord(
        network=subject.name,
        largest=found.largest.value,
        smallest=found.smallest.value,
        negative_share=found.negative_share,
        residuals=(found.largest.residual, found.smallest.residual),
        iterations=found.largest.iterations + found.smallest.iterations,
    )
