"""Which runs a sweep makes, and what each one answers."""

import math
from importlib.metadata import version
from typing import Literal

import msgspec

from explainers.manifest import Document, Estimate, TreeMetrics
from trainer.config import MOST_WEIGHT, Config
from trainer.errors import SweepError

Kind = Literal["regularized", "posthoc", "projected", "cart"]
"""A point is the regularized network, or a control: the network without the
regularizer distilled afterwards, that network projected onto its tree, or a CART on the
labels."""

STRENGTHS = (0.002, 0.005, 0.01, 0.02, 0.04, 0.08)
"""Prices of a decision: of the pull, and of what the controls are distilled at."""
WEIGHTS = {
    "surrogate": (0.01, 0.03, 0.1, 0.3, 1.0, 3.0),
    "l2": (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3),
}
"""Weights of the regularizers that are pressed by their weight; those of l1 and
l1_orthogonal are as those of l2. Below their default of .001 no tree of breast cancer
moved."""
VERSIONED = ("leafpath", "numpy", "scikit-learn", "torch")
"""Whose version may change a network or a tree. What reads the rows need not be here:
the rows have a digest."""


class Run(Document, frozen=True, kw_only=True):
    """One training. ``strength`` is None for the controls, which share one network.

    It is the price of a decision, or the regularizer's weight: what
    ``RegularizerConfig.varies`` says.
    """

    strength: float | None
    seed: int

    @property
    def name(self) -> str:
        """The run's file name, without its ending."""
        label = "controls" if self.strength is None else f"strength-{self.strength}"
        return f"{label}-seed-{self.seed}"


class Measured(Document, frozen=True, kw_only=True):
    """Figures on one part of the data."""

    network: dict[str, Estimate]
    tree: TreeMetrics


class Point(Document, frozen=True, kw_only=True):
    """One network and tree. Choosing looks at ``validation``, reporting at ``test``.

    ``features`` are the tree features that the tree names; ``answers`` what it answers
    for each held-out row, in order, to compare trees with.
    """

    kind: Kind
    strength: float
    seed: int
    leaves: int
    validation: Measured
    test: Measured
    features: tuple[str, ...]
    answers: tuple[int, ...]


class Result(Document, frozen=True, kw_only=True):
    """What one run made, and how long it took; ``problem`` says why it made nothing.

    ``libraries`` : the versions that made it, by name (of those in ``VERSIONED``).
    """

    run: Run
    points: tuple[Point, ...]
    seconds: float
    restarts: int = 0
    problem: str | None = None
    libraries: dict[str, str] = {}


class Plan(Document, frozen=True, kw_only=True):
    """The whole sweep: what must be equal for its finished runs to count.

    ``data_digest`` : of the rows as training reads them, since a configuration names
    a file and not what it holds.
    ``prices`` : of a decision, at which the controls' network is distilled.
    """

    configuration: dict[str, object]
    data_digest: str
    strengths: tuple[float, ...]
    seeds: tuple[int, ...]
    prices: tuple[float, ...] = ()

    @property
    def runs(self) -> list[Run]:
        """Every run; the controls of a seed first, the strengths in order."""
        return [
            Run(strength=strength, seed=seed)
            for seed in self.seeds
            for strength in (None, *self.strengths)
        ]


def installed() -> dict[str, str]:
    """Return the versions of what is installed here, of those in ``VERSIONED``."""
    return {name: version(name) for name in VERSIONED}


def make_plan(
    config: Config, strengths: tuple[float, ...], seeds: int, data_digest: str
) -> Plan:
    """Plan every strength with ``seeds`` seeds, counting up from the configuration's.

    The seed moves the weights and the batches; the split stays, so that points can be
    compared row by row.

    Parameters
    ----------
    strengths : prices of a decision or weights, as ``config.regularizer.varies`` says;
        empty for those that are usual.

    Raises
    ------
    SweepError
        A strength is out of bounds.
    """
    regularizer, first = config.regularizer, config.train.seed
    if regularizer.varies == "strength":
        chosen = prices = strengths or STRENGTHS
    else:
        chosen = strengths or WEIGHTS.get(regularizer.name, WEIGHTS["l2"])
        prices = (*STRENGTHS, config.tree.strength)
    _check_strengths(config, chosen)
    built: dict[str, object] = msgspec.to_builtins(config)
    return Plan(
        configuration=built,
        data_digest=data_digest,
        strengths=tuple(sorted(set(chosen))),
        seeds=tuple(range(first, first + seeds)),
        prices=tuple(sorted(set(prices))),
    )


def _check_strengths(config: Config, strengths: tuple[float, ...]) -> None:
    name, varies = config.regularizer.name, config.regularizer.varies
    most = 1 if varies == "strength" else MOST_WEIGHT
    for value in strengths:
        if not math.isfinite(value) or not 0 <= value <= most:
            raise SweepError(
                f"strength {value:g}: with regularizer {name!r} a sweep varies the "
                f"{'price of a decision' if varies == 'strength' else 'weight'}, from "
                f"0 to {most}"
            )


def configure(config: Config, run: Run) -> Config:
    """Return the configuration of one run."""
    replace = msgspec.structs.replace
    config = replace(config, train=replace(config.train, seed=run.seed))
    if run.strength is None:
        regularizer = replace(config.regularizer, name="none", weight=None)
        return replace(config, regularizer=regularizer, decision="network")
    if config.regularizer.varies == "weight":
        regularizer = replace(config.regularizer, weight=run.strength)
        return replace(config, regularizer=regularizer)
    return replace(config, tree=replace(config.tree, strength=run.strength))
