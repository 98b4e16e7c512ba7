"""How many CPU threads training may use."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]


@contextmanager
def limited_threads(n: int) -> Iterator[None]:
    """Let torch, BLAS and OpenMP use n threads each.

    A step of a small network is too short to share. Threads that wait for one another
    spin, so on a busy machine the libraries' default (a thread a core) makes things
    worse: the breast cancer example took 282 s with two threads and 33 s with one, on
    two cores that had six other processes to run.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        with threadpool_limits(n):
            yield
    finally:
        torch.set_num_threads(before)
