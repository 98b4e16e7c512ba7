"""The whole sweep: run, compare, suggest, and write the suggested bundle."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bulk.files import write_whole
from explainers.manifest import FrontierPoint
from trainer.config import Config
from trainer.errors import SweepError
from trainer.export.write import check_target, write_model
from trainer.pipeline import Trained, check_possible, find_regions, train
from trainer.prepare import prepare
from trainer.report.plots import plot_frontier
from trainer.sweep.execute import run_all
from trainer.sweep.frontier import (
    READING,
    Knee,
    as_table,
    on_test,
    points_of,
    suggest,
    summarise,
)
from trainer.sweep.plan import Point, Result, Run, configure, make_plan
from trainer.sweep.stability import compare_bootstraps, compare_seeds
from trainer.sweep.store import (
    OtherVersions,
    Store,
    describe_difference,
    made_otherwise,
)


@dataclass(frozen=True)
class Chosen:
    """What a sweep ends with: the table, sentences about the choice, the bundle."""

    table: str
    notes: tuple[str, ...]
    bundle: Path
    digest: str


def sweep(
    config: Config,
    base: Path,
    out: Path,
    *,
    strengths: tuple[float, ...] = (),
    seeds: int,
    jobs: int = -1,
    scheduler: str | None = None,
    progress: bool = False,
    others: OtherVersions = "refuse",
) -> Chosen:
    """Sweep the strength, and write the suggested point's bundle below ``out``.

    Parameters
    ----------
    base : the directory that the data path is relative to.
    strengths : see ``make_plan``.
    seeds : runs a strength. ``jobs``, ``scheduler``, ``progress``, ``others`` : see
        ``run_all``.

    Raises
    ------
    SweepError
        A strength is out of bounds, the directory holds another sweep or the runs of
        other versions, a worker has other data, or no run made a network.
    """
    check_possible(config)
    base = base.resolve()  # a worker's working directory is another
    prepared = prepare(config, base)
    find_regions(prepared)  # what is wrong with them is said before anything is run
    plan = make_plan(config, strengths, seeds, prepared.table.digest)
    store = Store(out, plan)
    bundle = out / "bundle" / config.name
    bundle.parent.mkdir(exist_ok=True)
    check_target(bundle)
    results = run_all(
        plan,
        config,
        base,
        store,
        jobs=jobs,
        scheduler=scheduler,
        progress=progress,
        others=others,
    )
    points = points_of(results)
    if not any(point.kind == "regularized" for point in points):
        raise SweepError("; ".join(["no run made a network", *_dead(results)]))
    varies = config.regularizer.varies
    knee = suggest(points, varies)
    table = as_table(summarise(points, on_test), varies)
    asides = [*_dead(results), *_of_other_versions(results)]
    digest, notes = _write_chosen(config, base, bundle, points, knee, asides)
    svg = plot_frontier(_frontier(points), (knee.strength, knee.seed), varies)
    svg = svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    write_whole(out / "frontier.svg", svg.encode())
    text = f"{table}\nMedians over {seeds} seeds, on test rows. {READING}\n\n"
    text += "![The same as a picture](frontier.svg)\n\n"
    write_whole(out / "frontier.md", (text + "\n\n".join(notes) + "\n").encode())
    return Chosen(table, notes, bundle, digest)


def _write_chosen(
    config: Config,
    base: Path,
    bundle: Path,
    points: list[Point],
    knee: Knee,
    asides: list[str],
) -> tuple[str, tuple[str, ...]]:
    """Train the suggested run again, which gives the same network, and write it."""
    run = Run(strength=knee.strength, seed=knee.seed)
    trained = train(configure(config, run), base)
    frontier = tuple(_frontier(points))
    metrics = msgspec.structs.replace(trained.metrics, frontier=frontier)
    notes = (
        f"Suggested by the sweep: {knee.reason}.",
        f"Over seeds: {compare_seeds(points, knee.strength)}.",
        f"Over bootstraps of the training rows: {compare_bootstraps(trained)}.",
        *asides,
        *_moved(trained, points, run),
    )
    trained = dataclasses.replace(trained, metrics=metrics, notes=notes)
    return write_model(trained, bundle), notes


def _moved(trained: Trained, points: list[Point], run: Run) -> list[str]:
    """Say so where the bundle is not the very network of its point of the frontier."""
    (point,) = [
        p
        for p in points
        if (p.kind, p.strength, p.seed) == ("regularized", run.strength, run.seed)
    ]
    tree = trained.metrics.tree
    if (tree, trained.metrics.network) == (point.test.tree, point.test.network):
        return []
    return [
        "Trained again for this bundle, the suggested run came out otherwise, as other "
        "processors or versions make it: fidelity "
        f"{tree.fidelity.value:.3f} for {point.test.tree.fidelity.value:.3f}, "
        f"{tree.leaves} leaves for {point.test.tree.leaves}. The bundle's own figures "
        "hold for it."
    ]


def _of_other_versions(results: list[Result]) -> list[str]:
    others = made_otherwise(results)
    if not others:
        return []
    return [
        f"{len(others)} of {len(results)} runs were made by other versions: "
        f"{describe_difference(others)}."
    ]


def _frontier(points: list[Point]) -> list[FrontierPoint]:
    return [
        FrontierPoint(
            kind=point.kind,
            strength=point.strength,
            seed=point.seed,
            network=point.test.network,
            tree=point.test.tree,
        )
        for point in points
    ]


def _dead(results: list[Result]) -> list[str]:
    return [
        f"{result.run.name} has no point: {result.problem}."
        for result in results
        if result.problem is not None
    ]
