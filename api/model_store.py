"""Which models are served: every good bundle of one directory, loaded once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from api.errors import SettingsError
from api.generations import Generation, Served
from api.served_model import ServedModel
from api.settings import Settings
from explainers.bundle import MANIFEST, SignatureCheck, read_bundle
from explainers.errors import KeyFileError, LeafpathError
from explainers.loading import load_model, open_model
from explainers.model import Model

log = structlog.get_logger()


@dataclass(frozen=True)
class ModelStore:
    """The served models by name, and the refused bundles: directory name -> reason.

    ``outdated`` are the models of refused bundles that are served as they were before.
    """

    models: Mapping[str, ServedModel]
    refused: Mapping[str, str]
    outdated: frozenset[str] = frozenset()

    def is_ready(self) -> bool:
        """Whether at least one model can answer."""
        return bool(self.models)


@dataclass(frozen=True)
class _Loaded:
    """What one directory came to: a model, a problem, or an old model and why."""

    directory: str
    model: Model | None
    problem: str | None = None

    @property
    def served(self) -> Served:
        """The same, as a generation writes it down."""
        return Served(None if self.model is None else self.model.digest, self.problem)


def open_store(settings: Settings) -> ModelStore:
    """Load what this process is to serve: what its generation decided, if it has one.

    Call this after fork: sessions do not survive one.

    Raises
    ------
    SettingsError
        The trusted keys cannot be read.
    """
    check = signature_check(settings.trusted_keys)
    generation = Generation.current()
    if generation is None:
        return load_models(settings.bundles, check)
    with generation.locked():
        served = generation.read()
        if served is None:
            return _decide(generation, settings.bundles, check)
    return _store(
        _load_copy(generation, settings.bundles / name, one, check)
        for name, one in served.items()
    )


def signature_check(trusted_keys: Path | None) -> SignatureCheck | None:
    """Return what checks signatures; None where unsigned bundles are trusted.

    Raises
    ------
    SettingsError
        The keys cannot be read, or the package that checks signatures is missing.
    """
    if trusted_keys is None:
        return None
    try:
        from explainers.signatures import read_trusted_keys

        return read_trusted_keys(trusted_keys).check
    except KeyFileError as error:
        raise SettingsError(f"LEAFPATH_TRUSTED_KEYS: {error}") from error
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"LEAFPATH_TRUSTED_KEYS needs the package {error.name!r}, which is not "
            "installed: pip install 'leafpath[sign]'"
        ) from error


def load_models(directory: Path, check: SignatureCheck | None = None) -> ModelStore:
    """Verify and load every subdirectory of ``directory`` that holds a manifest.

    A bundle that cannot be trusted is logged with its reason and left out; the others
    are served. Of two bundles with one model name the first is served.
    """
    return _store(_load(path, check) for path in find_bundles(directory))


def find_bundles(directory: Path) -> list[Path]:
    """Return the subdirectories that hold a manifest, in order of name."""
    if not directory.is_dir():
        return []
    return sorted(
        entry
        for entry in directory.iterdir()
        # A name with a leading dot is a bundle being written.
        if not entry.name.startswith(".") and (entry / MANIFEST).is_file()
    )


def _decide(
    generation: Generation, directory: Path, check: SignatureCheck | None
) -> ModelStore:
    """Load what lies there; for what is refused, what the last generation served."""
    before = generation.previous()
    loaded: list[_Loaded] = []
    for path in _known_bundles(directory, before):
        one = _load(path, check, generation)
        if one.problem is not None and path.name in before:
            last = Served(before[path.name].digest, one.problem)
            one = _load_copy(generation, path, last, check)
        loaded.append(one)
    generation.decide({one.directory: one.served for one in loaded})
    return _store(loaded)


def _known_bundles(directory: Path, before: Iterable[str]) -> Sequence[Path]:
    """Return the bundles that lie there, and those that did before.

    A bundle without manifest is damaged; one whose directory is gone was withdrawn,
    unless the directory of all bundles is gone.
    """
    lost = {
        directory / name
        for name in before
        if (directory / name).is_dir() or not directory.is_dir()
    }
    return sorted({*find_bundles(directory), *lost})


def _load(
    path: Path, check: SignatureCheck | None, generation: Generation | None = None
) -> _Loaded:
    try:
        bundle = read_bundle(path, check)
        model = load_model(bundle)
    except LeafpathError as error:
        log.error("bundle refused", bundle=path.name, reason=str(error))
        return _Loaded(path.name, None, str(error))
    if generation is not None:
        generation.keep(bundle)
    return _Loaded(path.name, model)


def _load_copy(
    generation: Generation, path: Path, served: Served, check: SignatureCheck | None
) -> _Loaded:
    """Load a bundle that a generation serves: its copy or, where somebody has cleaned
    that away, the bundle itself if it is still the same.
    """
    if served.digest is None:
        return _Loaded(path.name, None, served.problem)
    problem = f"there is no copy of {served.digest} any more"
    for place in (generation.copy_of(served.digest), path):
        try:
            model = open_model(place, check)
        except LeafpathError as error:
            problem = str(error)
            continue
        if model.digest == served.digest:
            return _Loaded(path.name, model, served.problem)
    log.error("bundle lost", bundle=path.name, reason=problem)
    return _Loaded(path.name, None, served.problem or problem)


def _store(loaded: Iterable[_Loaded]) -> ModelStore:
    models: dict[str, ServedModel] = {}
    refused: dict[str, str] = {}
    outdated: set[str] = set()
    for one in loaded:
        problem, model = one.problem, one.model
        if model is not None and model.name in models:
            problem, model = _taken(model.name), None
            log.error("bundle refused", bundle=one.directory, reason=problem)
        if model is not None:
            models[model.name] = ServedModel.of(model)
            log.info("model loaded", model=model.name, digest=model.digest)
        if model is not None and problem is not None:
            outdated.add(model.name)
            problem += f"; {model.digest} is served as before"
        if problem is not None:
            refused[one.directory] = problem
    return ModelStore(models, refused, frozenset(outdated))


def _taken(name: str) -> str:
    return (
        f"another bundle already holds a model named {name!r}; remove one of them, or "
        "train it under another name"
    )
