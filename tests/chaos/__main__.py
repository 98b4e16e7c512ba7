"""`python -m tests.chaos [NAME ...]`: put the promises through their fires.

Prints the table of promises; the status is 1 when one is not kept, and 2 when one could
not be tried. ``--write docs/chaos.md`` puts the table there, and all figures into JSON
beside it; rows that are not run stay as they were.
"""

import argparse
import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

# Servers inherit it; the figures compare, and threads of the algebra would only spin.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from benchmarks.interleaved import load
from tests.chaos.promises import PROMISES
from tests.chaos.report import Row, table, write
from tests.chaos.site import site

LIMIT_S = 570
"""When the last fire is put out: half a minute is left to stop what it started."""


class Over(BaseException):
    """The time is up: no fire may take that for an error of its own."""


def main() -> int:
    """Run the promises that were named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PROMISES))
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--small", action="store_true", help="as the tests do")
    size.add_argument("--full", action="store_false", dest="small", help="the default")
    parser.add_argument("--write", type=Path, metavar="DOCUMENT")
    arguments = parser.parse_args()
    names = arguments.names or list(PROMISES)
    if unknown := set(names) - set(PROMISES):
        parser.error(f"no promise {unknown}; there are {', '.join(PROMISES)}")
    rows: list[Row] = []
    ends = time.monotonic() + LIMIT_S
    # What the applications in this process log; servers have logs of their own.
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        for name in names:
            rows.append(_try(name, arguments.small, ends))
            print(table(rows[-1:], head=len(rows) == 1), flush=True)
    if arguments.write:
        write(arguments.write, rows)
    return max(row.status for row in rows)


def _try(name: str, is_small: bool, ends: float) -> Row:
    """Put one promise through its fire; what goes wrong is written into its row."""
    promise, before, start = PROMISES[name], load(), time.monotonic()
    counts = promise.small if is_small else promise.full
    try:
        with site() as place, until(ends):
            figures = promise.fire(place, **counts)
        return Row(name, counts, figures, time.monotonic() - start, before)
    except (Over, Exception) as error:  # the other promises are tried all the same
        problem = f"{type(error).__name__}: {error}"
        return Row(name, counts, [], time.monotonic() - start, before, problem)


@contextlib.contextmanager
def until(ends: float) -> Iterator[None]:
    """End the block when the time is up, and nothing outside of it: neither what stops
    the servers of a fire, nor what writes its row down.

    Parameters
    ----------
    ends : by the monotonic clock; a block that begins later is not entered.
    """
    signal.signal(signal.SIGALRM, _over)
    left = ends - time.monotonic()
    if left <= 0:
        _over()
    signal.setitimer(signal.ITIMER_REAL, left)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _over(*_: object) -> NoReturn:
    raise Over(f"no time left of {LIMIT_S} s")


if __name__ == "__main__":
    sys.exit(main())
