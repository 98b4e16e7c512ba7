"""Running what a sweep has not finished yet, on this machine or on many."""

from functools import partial
from pathlib import Path

from tqdm import tqdm

from bulk.tasks import run_tasks
from trainer.config import Config
from trainer.sweep.plan import Plan, Result
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
    jobs, scheduler : see ``run_tasks``.
    progress : whether to draw a bar with the time that is left.
    """
    finished = {run.name: store.load(run) for run in plan.runs}
    waiting = [run for run in plan.runs if finished[run.name] is None]
    work = partial(execute, config=config, base=base, strengths=plan.strengths)
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
