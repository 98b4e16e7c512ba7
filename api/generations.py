"""What each generation of workers serves: decided once, and kept until the next.

A generation is the workers between two HUPs. Its first worker verifies the bundles and
keeps a copy of each good one, and of the files of keys; every other worker, one that
replaces a killed worker among them, loads those copies. So all workers serve the same
bytes, a bundle that is put down without HUP changes nothing, and where a new bundle is
refused the copy of the generation before is there to go on with. The copies are
verified like any bundle.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog

from api.errors import SettingsError
from explainers.bundle import Bundle, copy_bundle

log = structlog.get_logger()

GENERATION = "BUNDLES_GENERATION"
"""Environment variable by which gunicorn's master names the document of a generation.
It is not one of the settings: nobody but the master sets it."""


class Served(msgspec.Struct, frozen=True):
    """What one directory of LEAFPATH_BUNDLES came to.

    ``digest`` is the bundle that is served, if any; ``problem`` says why the bundle
    that lies there is not.
    """

    digest: str | None
    problem: str | None = None


@dataclass(frozen=True)
class Generation:
    """One generation; ``document`` is its file, named by its number.

    Beside it lie the documents of other generations and the copies, by digest.
    """

    document: Path

    @classmethod
    def current(cls) -> "Generation | None":
        """Return the generation of this process; None outside gunicorn."""
        path = os.environ.get(GENERATION)
        return None if path is None else cls(Path(path))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let one worker at a time decide; a killed one lets go of the lock."""
        with (self.document.parent / "lock").open("wb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def read(self) -> dict[str, Served] | None:
        """Return what was decided, by directory name; None before that."""
        try:
            raw = self.document.read_bytes()
        except FileNotFoundError:
            return None
        return msgspec.json.decode(raw, type=dict[str, Served])

    def previous(self) -> dict[str, Served]:
        """Return what the last generation before this one served."""
        for document in reversed(self._documents()):
            if _number(document) < _number(self.document):
                return Generation(document).read() or {}
        return {}

    def copy_of(self, digest: str) -> Path:
        """Return where the copy of a bundle lies."""
        return self.document.parent / digest.removeprefix("sha256:")

    def keep(self, bundle: Bundle) -> None:
        """Copy a verified bundle, unless that was done before.

        Without room for it the bundle is served all the same, by every worker that
        reads it itself; only a later bad one then leaves nothing to go on with.
        """
        copy = self.copy_of(bundle.digest)
        try:
            if not copy.exists():
                copy_bundle(bundle, copy)
        except OSError as error:
            log.error("no copy kept", digest=bundle.digest, reason=str(error))

    def good_file(
        self, name: str, path: Path, check: Callable[[Path], object]
    ) -> tuple[Path, str | None]:
        """Return the copy of a file of keys that this generation reads.

        Beside it, why that is the file of the generation before, where it is.

        Parameters
        ----------
        check : raises SettingsError where the file cannot be meant.

        Raises
        ------
        SettingsError
            It cannot be meant, and no generation before has kept one.
        """
        copy = self.document.with_suffix(f".{name}")
        note = Path(f"{copy}.problem")
        with self.locked():
            if copy.exists():
                return copy, note.read_text() if note.exists() else None
            good, problem = self._choose(copy, path, check)
            try:
                self._keep_file(copy, note, good, problem)
                check(copy)  # the file may have been replaced while it was copied
            except (OSError, SettingsError) as error:
                log.error("no copy kept", file=str(path), reason=str(error))
                copy.unlink(missing_ok=True)
                return good, problem
            return copy, problem

    def _choose(
        self, copy: Path, path: Path, check: Callable[[Path], object]
    ) -> tuple[Path, str | None]:
        """Return the file if it can be meant; or else the one before, and why."""
        try:
            check(path)
        except SettingsError as error:
            before = self._before(copy)
            if before is None:
                raise
            log.error("keys refused", file=str(path), reason=str(error))
            return before, str(error)
        return path, None

    def _keep_file(
        self, copy: Path, note: Path, good: Path, problem: str | None
    ) -> None:
        scratch = Path(f"{copy}.new")
        scratch.touch(mode=0o600)
        scratch.write_bytes(good.read_bytes())
        if problem is not None:
            note.write_text(problem)
        scratch.replace(copy)
        while (old := self._before(copy)) is not None:
            old.unlink()
            Path(f"{old}.problem").unlink(missing_ok=True)

    def _before(self, copy: Path) -> Path | None:
        """Return the last copy of an earlier generation."""
        copies = copy.parent.glob(f"*{copy.suffix}")
        older = [one for one in copies if _number(one) < _number(copy)]
        return max(older, key=_number, default=None)

    def decide(self, served: Mapping[str, Served]) -> None:
        """Write down what this generation serves, and forget what none needs."""
        scratch = self.document.with_suffix(".new")
        try:
            scratch.write_bytes(msgspec.json.encode(served))
            scratch.replace(self.document)
        except OSError as error:
            log.error("generation not written down", reason=str(error))
            return
        for document in self._documents():
            if _number(document) < _number(self.document):
                document.unlink()
        self._forget_copies()

    def _forget_copies(self) -> None:
        needed = {
            self.copy_of(one.digest)
            for document in self._documents()
            for one in (Generation(document).read() or {}).values()
            if one.digest is not None
        }
        for entry in self.document.parent.iterdir():
            if entry.is_dir() and entry not in needed:
                shutil.rmtree(entry, ignore_errors=True)

    def _documents(self) -> list[Path]:
        return sorted(self.document.parent.glob("*.json"), key=_number)


def _number(document: Path) -> int:
    return int(document.stem)


def first(directory: Path) -> Path:
    """Return the document of the first generation in an empty directory."""
    return directory / "1.json"


def following(document: Path) -> Path:
    """Return the document of the next generation."""
    return document.with_name(f"{_number(document) + 1}.json")
