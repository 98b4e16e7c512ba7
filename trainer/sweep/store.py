"""Finished runs on disk: one JSON file each, whole or not there at all."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

import msgspec

from bulk.files import write_whole
from trainer.errors import SweepError
from trainer.sweep.plan import Plan, Result, Run, installed

T = TypeVar("T")
OtherVersions: TypeAlias = Literal["refuse", "redo", "keep"]
"""What becomes of finished runs that other versions of the libraries made."""
PLAN = "plan.json"
RUNS = "runs"


class Store:
    """The directory of a sweep.

    Parameters
    ----------
    directory : made where it is missing. What it holds must be of the same plan.

    Raises
    ------
    SweepError
        The directory holds the runs of another configuration or of other data.
    """

    def __init__(self, directory: Path, plan: Plan) -> None:
        self.directory = directory
        self._runs = directory / RUNS
        self._prices = set(plan.prices)
        try:
            self._runs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SweepError(f"{directory}: {error.strerror}") from error
        self._check_plan(plan)

    def _check_plan(self, plan: Plan) -> None:
        path = self.directory / PLAN
        if not path.exists():
            if any(self._runs.iterdir()):
                raise SweepError(
                    f"{self.directory} holds runs but no {PLAN}; choose another place"
                )
            write_whole(path, msgspec.json.encode(plan, order="sorted"))
            return
        found = _read(path, Plan)
        # Compared as text: a tuple that was written is read as a list.
        texts = [
            msgspec.json.encode(p.configuration, order="sorted") for p in (found, plan)
        ]
        if texts[0] != texts[1]:
            raise SweepError(
                f"{self.directory} holds the runs of another configuration (see its "
                f"{PLAN}); choose another place, or delete it to start anew"
            )
        if found.data_digest != plan.data_digest:
            raise SweepError(
                f"{self.directory} holds the runs of other data: the rows have changed "
                "since; choose another place, or delete it to start anew"
            )
        write_whole(path, msgspec.json.encode(plan, order="sorted"))

    def load(self, run: Run) -> Result | None:
        """Return what a run made, or None where it has not finished.

        Controls answer at every price at once: those that were made for other prices
        have not finished.
        """
        path = self._path(run)
        result = _read(path, Result) if path.exists() else None
        if result is not None and run.strength is None and result.points:
            made = {point.strength for point in result.points}
            return result if made == self._prices else None
        return result

    def load_all(
        self, runs: Iterable[Run], others: OtherVersions = "refuse"
    ) -> dict[str, Result | None]:
        """Return what each run made, by its name; None where it is to be run.

        Raises
        ------
        SweepError
            Other versions made some of it, and ``others`` is "refuse".
        """
        found = {run.name: self.load(run) for run in runs}
        differing = made_otherwise(found.values())
        if not differing or others == "keep":
            return found
        if others == "redo":
            old = {result.run.name for result in differing}
            return {name: None if name in old else r for name, r in found.items()}
        made = sum(result is not None for result in found.values())
        raise SweepError(
            f"{len(differing)} of the {made} finished runs in {self.directory} were "
            f"made by other versions ({describe_difference(differing)}); figures of "
            "two versions are not compared unasked. --other-versions redo runs them "
            "again, --other-versions keep counts them as they are"
        )

    def save(self, result: Result) -> None:
        """Keep what a run made."""
        write_whole(self._path(result.run), msgspec.json.encode(result))

    def _path(self, run: Run) -> Path:
        return self._runs / f"{run.name}.json"


def made_otherwise(results: Iterable[Result | None]) -> list[Result]:
    """Return those that other versions of the libraries made than those here."""
    here = installed()
    return [r for r in results if r is not None and r.libraries != here]


def describe_difference(results: Iterable[Result]) -> str:
    """Say what was installed when these were made, and what is here."""
    here = installed()
    differences = {
        f"{name} {result.libraries.get(name, 'unknown')}, here {have}"
        for result in results
        for name, have in here.items()
        if result.libraries.get(name) != have
    }
    return "; ".join(sorted(differences))


def _read(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (msgspec.MsgspecError, OSError) as error:
        raise SweepError(f"{path}: {error}; delete it to run it again") from error
