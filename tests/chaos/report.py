"""The promises as a table, as JSON, and in a document."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.service.report import write_between
from tests.chaos.figure import Figure
from tests.chaos.promises import PROMISES

HEAD = [
    "| | promise | figure | at most | measured | kept | s | load |",
    "|---|---|---|---|---|---|---|---|",
]


@dataclass(frozen=True)
class Row:
    """What a promise's fire showed and how long it burnt; or why it could not.

    Parameters
    ----------
    load : what the machine was doing before.
    """

    name: str
    counts: Mapping[str, int]
    figures: Sequence[Figure]
    seconds: float
    load: str
    problem: str | None = None

    @property
    def status(self) -> int:
        """0 when it is kept, 1 when it is not, 2 when it could not be tried."""
        if self.problem is not None:
            return 2
        return int(not all(figure.is_kept for figure in self.figures))


def table(rows: Iterable[Row], *, head: bool = True) -> str:
    """Return the rows as Markdown, a line for each figure."""
    lines = list(HEAD) if head else []
    for row in rows:
        if row.problem is not None:
            said = " ".join(row.problem.split())[-300:].replace("|", "/")
            lines.append(_line(row, said, "", "", "**not tried**", first=True))
        for number, one in enumerate(row.figures):
            kept = "yes" if one.is_kept else "**no**"
            bound, value = (
                f"{x:.4g} {one.unit}".strip() for x in (one.most, one.value)
            )
            lines.append(_line(row, one.what, bound, value, kept, first=number == 0))
    return "\n".join(lines)


def _line(row: Row, *cells: str, first: bool) -> str:
    head = (f"`{row.name}`", PROMISES[row.name].text) if first else ("", "")
    last = (f"{row.seconds:.0f}", row.load) if first else ("", "")
    return f"| {' | '.join([*head, *cells, *last])} |"


def tests_table() -> str:
    """Return which tests hold the promises in small, as Markdown."""
    lines = ["| | the same in small, in `make test` |", "|---|---|"]
    for name, promise in PROMISES.items():
        own = f"tests/chaos/test_promises.py::test_promise_is_kept_in_small[{name}]"
        tests = promise.tests or (own,)
        lines.append(f"| `{name}` | {', '.join(f'`{test}`' for test in tests)} |")
    return "\n".join(lines)


def write(document: Path, rows: Sequence[Row]) -> None:
    """Put the tables into a document, and the figures into JSON beside it.

    Rows that were not run now stay as they were.
    """
    beside = document.with_suffix(".json")
    before = read(beside) if beside.exists() else []
    known = {row.name: row for row in (*before, *rows)}
    ordered = [known[name] for name in PROMISES if name in known]
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(ordered)) + b"\n")
    write_between("promises", table(ordered), document)
    write_between("in small", tests_table(), document)


def read(path: Path) -> list[Row]:
    """Return the rows of an earlier run."""
    return msgspec.json.decode(path.read_bytes(), type=list[Row])
