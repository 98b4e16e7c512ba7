"""Running many tasks at once: on this machine with joblib, on many with dask.

It knows nothing of what the tasks do.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import suppress
from typing import TypeVar

from joblib import Parallel, delayed

from bulk.errors import TaskError

Task = TypeVar("Task")
Answer = TypeVar("Answer")


def run_tasks(
    work: Callable[[Task], Answer],
    tasks: Sequence[Task],
    *,
    jobs: int = -1,
    scheduler: str | None = None,
) -> Iterator[Answer]:
    """Yield ``work(task)`` of every task, in the order in which they are done.

    Parameters
    ----------
    work : importable, so that another process can run it; equal for equal tasks, since
        a task whose worker dies is run again.
    jobs : processes on this machine; -1 for one a core, never 0.
    scheduler : address of a dask scheduler ("tcp://host:8786"); its workers need
        Leafpath installed and the files at the same paths.

    Raises
    ------
    TaskError
        ``jobs`` is 0, dask is not installed, no scheduler answers or it went away, or
        workers died.
    """
    if jobs == 0:
        raise TaskError("--jobs is 0; give how many processes, or -1 for one a core")
    if not tasks:
        return iter(())
    if scheduler is None:
        return _run_here(work, tasks, jobs)
    return _run_on_cluster(work, tasks, scheduler)


def _run_here(
    work: Callable[[Task], Answer], tasks: Sequence[Task], jobs: int
) -> Iterator[Answer]:
    parallel = Parallel(n_jobs=jobs, return_as="generator_unordered")
    try:
        yield from parallel(delayed(work)(task) for task in tasks)
    except BrokenExecutor as error:
        raise TaskError(
            "a process was killed, for want of memory perhaps; start again, with fewer "
            "--jobs, to go on"
        ) from error


def _run_on_cluster(
    work: Callable[[Task], Answer], tasks: Sequence[Task], scheduler: str
) -> Iterator[Answer]:
    try:
        from distributed import CancelledError, Client, KilledWorker, as_completed
        from distributed.comm import CommClosedError
    except ModuleNotFoundError as error:
        raise TaskError(
            "--scheduler needs dask: pip install 'leafpath[scale]'"
        ) from error
    try:
        client = Client(scheduler, timeout="10s", set_as_default=False)
    except OSError as error:
        raise TaskError(f"no dask scheduler answers at {scheduler}: {error}") from error
    with client:
        futures = [client.submit(work, task, pure=False) for task in tasks]
        try:
            for future in as_completed(futures, loop=client.loop):
                yield future.result()
                with suppress(KeyError):
                    futures.remove(future)  # a finished result need not stay in memory
        except KilledWorker as error:
            raise TaskError(f"a task killed its workers: {error}") from error
        except (CancelledError, CommClosedError) as error:
            raise TaskError(
                f"the scheduler at {scheduler} is gone; start again to go on"
            ) from error
