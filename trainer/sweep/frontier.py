"""The frontier in figures: medians by strength, the table, and the suggested point."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from trainer.config import Varies
from trainer.errors import SweepError
from trainer.sweep.plan import Kind, Measured, Point, Result

SLACK = 0.01
"""What a simpler tree may cost in AUC and in fidelity before it is not suggested."""
NAMES: dict[Kind, str] = {
    "regularized": "regularized",
    "posthoc": "distilled afterwards",
    "projected": "projected on that tree",
    "cart": "CART on the labels",
}
READING = (
    "AUC and accuracy are those of what would be served: the network, or the CART "
    "itself. Tree accuracy is that of the tree alone; fidelity its agreement with its "
    "network, of a CART that with the network without the regularizer."
)


@dataclass(frozen=True)
class Summary:
    """Medians over the seeds of one kind at one strength.

    ``auc`` and ``accuracy`` are of what would be served: the network, or the CART.
    ``auc`` is None where it is undefined. ``spread`` is the range over seeds of the
    average path length.
    """

    kind: Kind
    strength: float
    seeds: int
    auc: float | None
    accuracy: float
    tree_accuracy: float
    fidelity: float
    balanced_fidelity: float
    average_path_length: float
    spread: tuple[float, float]
    leaves: float


@dataclass(frozen=True)
class Knee:
    """The suggested point, and why in words."""

    strength: float
    seed: int
    reason: str


Part = Callable[[Point], Measured]


def on_validation(point: Point) -> Measured:
    """Return the figures that one may choose by."""
    return point.validation


def on_test(point: Point) -> Measured:
    """Return the figures that one may report."""
    return point.test


def points_of(results: Iterable[Result]) -> list[Point]:
    """Return every point of the finished runs."""
    return [point for result in results for point in result.points]


def summarise(points: Sequence[Point], part: Part) -> list[Summary]:
    """Return one summary a kind and strength; kinds in order, strengths ascending."""
    keys = sorted(
        {(list(NAMES).index(p.kind), p.strength) for p in points}
    )  # a kind's place, then the strength
    kinds = list(NAMES)
    return [
        _summarise(
            [p for p in points if p.kind == kinds[i] and p.strength == strength], part
        )
        for i, strength in keys
    ]


def _summarise(points: list[Point], part: Part) -> Summary:
    measured = [part(point) for point in points]
    aucs = [m.network["auc"].value for m in measured if "auc" in m.network]
    lengths = [m.tree.average_path_length.value for m in measured]

    def median(values: Iterable[float]) -> float:
        return statistics.median(values)

    return Summary(
        kind=points[0].kind,
        strength=points[0].strength,
        seeds=len(points),
        auc=median(aucs) if aucs else None,
        accuracy=median(m.network["accuracy"].value for m in measured),
        tree_accuracy=median(m.tree.accuracy.value for m in measured),
        fidelity=median(m.tree.fidelity.value for m in measured),
        balanced_fidelity=median(m.tree.balanced_fidelity.value for m in measured),
        average_path_length=median(lengths),
        spread=(min(lengths), max(lengths)),
        leaves=median(float(p.leaves) for p in points),
    )


def suggest(points: Sequence[Point], varies: Varies = "strength") -> Knee:
    """Suggest the simplest point that costs next to nothing, by validation rows.

    Among the strengths whose median AUC and median balanced fidelity are within
    ``SLACK`` of the best, the one with the shortest path; of its seeds the most
    faithful.

    Parameters
    ----------
    varies : what a strength is.

    Raises
    ------
    SweepError
        No run of the regularized network finished.
    """
    regularized = [point for point in points if point.kind == "regularized"]
    if not regularized:
        raise SweepError("no run finished with a network that learned something")
    summaries = summarise(regularized, on_validation)
    best_score = max(_score(s) for s in summaries)
    faithful = max(s.balanced_fidelity for s in summaries)
    good = [
        s
        for s in summaries
        if _score(s) >= best_score - SLACK and s.balanced_fidelity >= faithful - SLACK
    ] or [max(summaries, key=lambda s: _score(s) + s.balanced_fidelity)]
    chosen = min(good, key=lambda s: s.average_path_length)
    seeds = [p for p in regularized if p.strength == chosen.strength]
    most = max(seeds, key=lambda p: p.validation.tree.balanced_fidelity.value)
    score = "AUC" if chosen.auc is not None else "accuracy"
    reason = (
        f"{varies} {chosen.strength:g}: the shortest paths "
        f"({chosen.average_path_length:.2f} decisions, {chosen.leaves:g} leaves) among "
        f"the {len(good)} of {len(summaries)} {varies}s whose network {score} "
        f"({_score(chosen):.3f}, best {best_score:.3f}) and balanced fidelity "
        f"({chosen.balanced_fidelity:.3f}, best {faithful:.3f}) are within {SLACK:g} "
        f"of the best. Medians of {chosen.seeds} seeds on validation rows; seed "
        f"{most.seed} is the most faithful of them"
    )
    return Knee(chosen.strength, most.seed, reason)


def _score(summary: Summary) -> float:
    return summary.accuracy if summary.auc is None else summary.auc


def as_table(summaries: Sequence[Summary], varies: Varies = "strength") -> str:
    """Return the frontier as a Markdown table.

    Controls are always of a price of a decision: where the regularizer's weight is what
    varies, each line says which of the two it is.
    """
    head = (
        "| | strength | path length | leaves | AUC | accuracy | "
        "tree accuracy | fidelity | balanced |\n|---|---|---|---|---|---|---|---|---|"
    )

    def unit(kind: Kind) -> str:
        if varies == "strength":
            return ""
        return "weight " if kind == "regularized" else "price "

    rows = [
        f"| {NAMES[s.kind]} | {unit(s.kind)}{s.strength:g} | "
        f"{s.average_path_length:.2f} "
        f"({s.spread[0]:.2f}-{s.spread[1]:.2f}) | {s.leaves:g} | "
        f"{'' if s.auc is None else f'{s.auc:.3f}'} | {s.accuracy:.3f} | "
        f"{s.tree_accuracy:.3f} | {s.fidelity:.3f} | {s.balanced_fidelity:.3f} |"
        for s in summaries
    ]
    return "\n".join([head, *rows]) + "\n"
