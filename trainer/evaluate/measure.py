"""Everything that evaluation.json says, measured on rows that fitted nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from explainers.arrays import Floats, Indexes, Inputs
from explainers.hiding import usual_input
from explainers.manifest import Estimate
from explainers.methods.lime.segments import Segments
from explainers.model import Model
from explainers.registry import EXPLAINERS, available, parse_parameters
from trainer.errors import ConfigError
from trainer.evaluate.curves import (
    FRACTIONS,
    area,
    deletion_curve,
    insertion_curve,
)
from trainer.evaluate.document import CONTROL, Evaluation, MethodRecord, estimate
from trainer.evaluate.fidelity import (
    draw_near,
    drops_without,
    infidelity,
    max_sensitivity,
)
from trainer.evaluate.parts import (
    Answer,
    contributions,
    divide,
    in_spreads,
    sum_by_part,
)
from trainer.evaluate.randomise import randomised, rank_correlation, stages
from trainer.pipeline import Trained

METHODS = (
    "gradient",
    "input_x_gradient",
    "integrated_gradients",
    "smoothgrad",
    "occlusion",
    "lime",
    "grad_cam",
    "hires_cam",
    "layer_cam",
)
"""What can be evaluated: attributions to the inputs that speak of the network."""

MASKS = 100
"""Perturbations a row that infidelity is the mean over."""
ORDERS = 5
"""Random orders a row that the control is the mean over."""
NEAR = 10
"""Inputs around each row that max-sensitivity is the largest change over."""
RADIUS = 0.02
"""How far they lie, in training standard deviations: captum's default, in our unit."""


@dataclass(frozen=True)
class Settings:
    """What the command was asked for; no ``methods`` means all that the bundle has."""

    rows: int
    seed: int
    methods: tuple[str, ...]
    progress: bool


@dataclass(frozen=True)
class Row:
    """One input without padding, its usual input, its parts, and the class explained.

    ``drops`` [MASKS] is what the logit loses under ``masks`` [MASKS, n_parts];
    ``near`` [NEAR, *shape] are inputs close by.
    """

    x: Inputs
    usual: Inputs
    parts: Segments
    target: int
    masks: NDArray[np.bool_]
    drops: Floats
    near: Inputs


def evaluate(trained: Trained, model: Model, settings: Settings) -> Evaluation:
    """Measure every method on test rows; the same seed gives the same document.

    Raises
    ------
    ConfigError
        A method that cannot be evaluated, or that this bundle cannot answer.
    """
    names = choose_methods(model, settings.methods)
    random = np.random.default_rng(settings.seed)
    rows = [
        prepare_row(model, x, random) for x in pick_rows(trained, settings.rows, random)
    ]
    family, network = trained.prepared.family, trained.network
    altered = list(randomised(model, family, network, settings.seed))
    control = [
        [
            random.permutation(len(set(row.parts.ravel().tolist())))
            for _ in range(ORDERS)
        ]
        for row in rows
    ]
    methods = {CONTROL: curves_record(model, rows, control)} | {
        name: measure_method(model, altered, rows, name, settings) for name in names
    }
    return Evaluation(
        model=model.name,
        version=model.manifest.version,
        rows=len(rows),
        seed=settings.seed,
        radius=RADIUS,
        fractions=tuple(FRACTIONS.tolist()),
        layers=tuple(stages(network)),
        methods=methods,
    )


def choose_methods(model: Model, wanted: Sequence[str]) -> list[str]:
    """Return the methods to evaluate, of those that the bundle can answer."""
    possible = [name for name in METHODS if name in available(model)]
    for name in wanted:
        if name not in possible:
            raise ConfigError(
                f"{name!r} cannot be evaluated here; possible: {', '.join(possible)}"
            )
    return [name for name in possible if name in (wanted or possible)]


def pick_rows(trained: Trained, n: int, random: np.random.Generator) -> list[Inputs]:
    """Return up to n random test rows as a client would send them, without padding."""
    prepared = trained.prepared
    test = prepared.family.servable(prepared.split.test)
    picked = np.sort(random.permutation(test)[:n])
    inputs, *lengths = prepared.family.inputs(picked)
    found = np.asarray(inputs, dtype=np.float32)
    if not lengths:
        return list(found)
    return [x[:length] for x, length in zip(found, lengths[0].tolist(), strict=True)]


def prepare_row(model: Model, x: Inputs, random: np.random.Generator) -> Row:
    """Draw what one row is perturbed by, and ask the network once for all methods."""
    target = int(model.predict(x[None]).labels[0])
    usual, parts = usual_input(model, x.shape), divide(model, x.shape)
    masks = random.integers(0, 2, (MASKS, int(parts.max()) + 1)).astype(bool)
    drops = drops_without(model, x, usual, parts, masks, target)
    near = draw_near(model, x, RADIUS, NEAR, random)
    return Row(x, usual, parts, target, masks, drops, near)


def explain(
    model: Model, name: str, inputs: Inputs, target: int, seed: int
) -> list[Answer]:
    """Ask one method for a class of some inputs of one length: [n, *shape]."""
    method = EXPLAINERS[name]
    parameters = parse_parameters(method, {"target": target, "seed": seed})
    return method.explain(model, model.predict(inputs), parameters)


def measure_method(
    model: Model,
    altered: Sequence[Model],
    rows: Sequence[Row],
    name: str,
    settings: Settings,
) -> MethodRecord:
    """Measure one method; the network's own class is explained throughout."""
    orders: list[list[Indexes]] = []
    missed, moved = [], []
    alike: list[list[float | None]] = []
    for row in tqdm(rows, desc=name, disable=not settings.progress, leave=False):
        inputs = np.concatenate([row.x[None], row.near])
        here, *near = explain(model, name, inputs, row.target, settings.seed)
        found = [in_spreads(model, result) for result in (here, *near)]
        worth = sum_by_part(contributions(model, here, row.x, row.usual), row.parts)
        orders.append([np.argsort(-worth, kind="stable")])
        missed.append(infidelity(worth, row.masks, row.drops))
        moved.append(max_sensitivity(found[0], found[1:]))
        others = [
            explain(other, name, row.x[None], row.target, settings.seed)[0]
            for other in altered
        ]
        alike.append([rank_correlation(found[0], in_spreads(model, o)) for o in others])
    return msgspec.structs.replace(
        curves_record(model, rows, orders),
        infidelity=_estimate(missed),
        max_sensitivity=_estimate(moved),
        randomised=tuple(_mean(column) for column in zip(*alike, strict=True)),
    )


def curves_record(
    model: Model,
    rows: Sequence[Row],
    orders: Sequence[Sequence[Indexes]],
) -> MethodRecord:
    """Return a record with the mean curves of each row's orders alone."""
    deletions, insertions = [], []
    for row, some in zip(rows, orders, strict=True):
        arguments = [
            (model, row.x, row.usual, row.parts, order, row.target) for order in some
        ]
        deletions.append(np.mean([deletion_curve(*a) for a in arguments], axis=0))
        insertions.append(np.mean([insertion_curve(*a) for a in arguments], axis=0))
    return MethodRecord(
        deletion=estimate([area(curve) for curve in deletions]),
        insertion=estimate([area(curve) for curve in insertions]),
        deletion_curve=tuple(np.mean(deletions, axis=0).tolist()),
        insertion_curve=tuple(np.mean(insertions, axis=0).tolist()),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _estimate(values: Iterable[float | None]) -> Estimate | None:
    """Return the mean over the rows that have a value; None where none has."""
    known = [value for value in values if value is not None]
    return estimate(known) if known else None
