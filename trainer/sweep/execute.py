"""Running many runs at once: on this machine with joblib, on many with dask."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from joblib import Parallel, delayed
from tqdm import tqdm

from trainer.config import Config
from trainer.errors import SweepError
from trainer.sweep.plan import Plan, Result, Run
from trainer.sweep.run import execute
from trainer.sweep.store import Store


def run_all(
    plan: Plan,
    config: Config,
    base: Path,
    store: Store,
    *,
    jobs: int = -1,
    scheduler: str | None = None,
    progress: bool = False,
) -> list[Result]:
    """Run what has not finished yet; return every result, in the plan's order.

    A result is on disk before the next one is waited for, so whatever kills the sweep
    costs the runs that were under way and no others.

    Parameters
    ----------
    jobs : processes on this machine; -1 for one a core.
    scheduler : address of a dask scheduler ("tcp://host:8786"); its workers need
        Leafpath installed and the data at the same path.
    progress : whether to draw a bar with the time that is left.
    """
    finished = {run.name: store.load(run) for run in plan.runs}
    waiting = [run for run in plan.runs if finished[run.name] is None]
    if scheduler is None:
        arriving = _run_here(waiting, config, base, plan, jobs)
    else:
        arriving = _run_on_cluster(waiting, config, base, plan, scheduler)
    with tqdm(
        total=len(plan.runs),
        initial=len(plan.runs) - len(waiting),
        unit="run",
        disable=not progress,
    ) as bar:
        for result in arriving:
            store.save(result)
            finished[result.run.name] = result
            bar.set_postfix_str(result.run.name)
            bar.update()
    return [result for result in finished.values() if result is not None]


def _run_here(
    runs: list[Run], config: Config, base: Path, plan: Plan, jobs: int
) -> Iterator[Result]:
    if not runs:
        return iter(())
    parallel = Parallel(n_jobs=jobs, return_as="generator_unordered")
    results: Iterator[Result] = parallel(
        delayed(execute)(run, config, base, plan.strengths) for run in runs
    )
    return results


def _run_on_cluster(
    runs: list[Run], config: Config, base: Path, plan: Plan, scheduler: str
) -> Iterator[Result]:
    try:
        from distributed import Client, as_completed
    except ModuleNotFoundError as error:
        raise SweepError(
            "--scheduler needs dask: pip install 'leafpath[train,scale]'"
        ) from error
    try:
        client = Client(scheduler, timeout="10s", set_as_default=False)
    except OSError as error:
        raise SweepError(
            f"no dask scheduler answers at {scheduler}: {error}"
        ) from error
    with client:
        futures = [
            client.submit(execute, run, config, base, plan.strengths, pure=False)
            for run in runs
        ]
        for future in as_completed(futures, loop=client.loop):
            yield future.result()
            with suppress(KeyError):
                futures.remove(future)  # a finished result need not stay in memory
