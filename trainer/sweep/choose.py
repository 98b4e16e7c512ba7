"""The whole sweep: run, compare, suggest, and write the suggested bundle."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bulk.files import write_whole
from explainers.manifest import FrontierPoint
from trainer.config import Config
from trainer.export.write import check_target, write_model
from trainer.pipeline import check_possible, train
from trainer.prepare import prepare
from trainer.report.plots import plot_frontier
from trainer.sweep.execute import run_all
from trainer.sweep.frontier import (
    Knee,
    as_table,
    on_test,
    points_of,
    suggest,
    summarise,
)
from trainer.sweep.plan import Point, Result, Run, configure, make_plan
from trainer.sweep.stability import compare_bootstraps, compare_seeds
from trainer.sweep.store import Store


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
    strengths: tuple[float, ...],
    seeds: int,
    jobs: int = -1,
    scheduler: str | None = None,
    progress: bool = False,
) -> Chosen:
    """Sweep the strength, and write the suggested point's bundle below ``out``.

    Parameters
    ----------
    base : the directory that the data path is relative to.
    seeds : runs a strength. ``jobs``, ``scheduler``, ``progress`` : see ``run_all``.
    """
    check_possible(config)
    rows = prepare(config, base).table
    plan = make_plan(config, strengths, seeds, rows.digest)
    store = Store(out, plan)
    bundle = out / "bundle" / config.name
    bundle.parent.mkdir(exist_ok=True)
    check_target(bundle)
    results = run_all(
        plan, config, base, store, jobs=jobs, scheduler=scheduler, progress=progress
    )
    points = points_of(results)
    knee = suggest(points)
    table = as_table(summarise(points, on_test))
    digest, notes = _write_chosen(config, base, bundle, points, knee)
    notes = (*_dead(results), *notes)
    svg = plot_frontier(_frontier(points), (knee.strength, knee.seed))
    svg = svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    write_whole(out / "frontier.svg", svg.encode())
    text = f"{table}\nMedians over {seeds} seeds, on test rows.\n\n"
    write_whole(out / "frontier.md", (text + "\n\n".join(notes) + "\n").encode())
    return Chosen(table, notes, bundle, digest)


def _write_chosen(
    config: Config, base: Path, bundle: Path, points: list[Point], knee: Knee
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
    )
    trained = dataclasses.replace(trained, metrics=metrics, notes=notes)
    return write_model(trained, bundle), notes


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
        f"{result.run.name} has no point: {result.problem}"
        for result in results
        if result.problem is not None
    ]
