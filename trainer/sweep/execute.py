"""Running what a sweep has not finished yet, on this machine or on many."""

from functools import partial
from pathlib import Path

from tqdm import tqdm

from bulk.tasks import run_tasks
from trainer.config import Config
from trainer.sweep.plan import Plan, Result
from trainer.sweep.run import execute, origin_here
from trainer.sweep.store import OtherVersions, Store


def run_all(
    plan: Plan,
    config: Config,
    base: Path,
    store: Store,
    *,
    jobs: int = -1,
    scheduler: str | None = None,
    progress: bool = False,
    others: OtherVersions = "refuse",
) -> list[Result]:
    """Run what has not finished yet; return every result, in the plan's order.

    A result is on disk before the next one is waited for, so whatever kills the sweep
    costs the runs that were under way and no others.

    Parameters
    ----------
    jobs, scheduler : see ``run_tasks``.
    progress : whether to draw a bar with the time that is left.
    others : see ``Store.load_all``.
    """
    finished = store.load_all(plan.runs, others)
    waiting = [run for run in plan.runs if finished[run.name] is None]
    origin = origin_here(config, base)
    work = partial(execute, config=config, base=base, plan=plan, origin=origin)
    arriving = run_tasks(work, waiting, jobs=jobs, scheduler=scheduler)
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
