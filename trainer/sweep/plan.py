"""Which runs a sweep makes, and what each one answers."""

from typing import Literal

import msgspec

from explainers.manifest import Document, Estimate, TreeMetrics
from trainer.config import Config

Kind = Literal["regularized", "posthoc", "projected", "cart"]
"""A point is the regularized network, or a control: the network without the
regularizer distilled afterwards, that network projected onto its tree, or a CART on the
labels."""

STRENGTHS = (0.002, 0.005, 0.01, 0.02, 0.04, 0.08)
SEEDS = 3


class Run(Document, frozen=True, kw_only=True):
    """One training. ``strength`` is None for the controls, which share one network."""

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
    """What one run made, and how long it took; ``problem`` says why it made nothing."""

    run: Run
    points: tuple[Point, ...]
    seconds: float
    restarts: int = 0
    problem: str | None = None


class Plan(Document, frozen=True, kw_only=True):
    """The whole sweep: what must be equal for its finished runs to count.

    ``data_digest`` : of the rows as training reads them, since a configuration names
    a file and not what it holds.
    """

    configuration: dict[str, object]
    data_digest: str
    strengths: tuple[float, ...]
    seeds: tuple[int, ...]

    @property
    def runs(self) -> list[Run]:
        """Every run; the controls of a seed first, the strengths in order."""
        return [
            Run(strength=strength, seed=seed)
            for seed in self.seeds
            for strength in (None, *self.strengths)
        ]


def make_plan(
    config: Config, strengths: tuple[float, ...], seeds: int, data_digest: str
) -> Plan:
    """Plan every strength with ``seeds`` seeds, counting up from the configuration's.

    The seed moves the weights and the batches; the split stays, so that points can be
    compared row by row.
    """
    first = config.train.seed
    built: dict[str, object] = msgspec.to_builtins(config)
    return Plan(
        configuration=built,
        data_digest=data_digest,
        strengths=tuple(sorted(set(strengths))),
        seeds=tuple(range(first, first + seeds)),
    )


def configure(config: Config, run: Run) -> Config:
    """Return the configuration of one run."""
    replace = msgspec.structs.replace
    config = replace(config, train=replace(config.train, seed=run.seed))
    if run.strength is None:
        regularizer = replace(config.regularizer, name="none", weight=None)
        return replace(config, regularizer=regularizer, decision="network")
    return replace(config, tree=replace(config.tree, strength=run.strength))
