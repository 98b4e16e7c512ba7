"""Which models are served: every good bundle of one directory, loaded once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from api.errors import DuplicateModelError
from api.served_model import ServedModel
from explainers.bundle import MANIFEST
from explainers.errors import LeafpathError
from explainers.model import open_model

log = structlog.get_logger()


@dataclass(frozen=True)
class ModelStore:
    """The served models by name, and the refused bundles: directory name -> reason."""

    models: Mapping[str, ServedModel]
    refused: Mapping[str, str]

    def is_ready(self) -> bool:
        """Whether at least one model can answer."""
        return bool(self.models)


def load_models(directory: Path) -> ModelStore:
    """Verify and load every subdirectory of ``directory`` that holds a manifest.

    A bundle that cannot be trusted is logged with its reason and left out; the others
    are served. Of two bundles with one model name the first is served.
    Call this after fork: sessions do not survive one.
    """
    models: dict[str, ServedModel] = {}
    refused: dict[str, str] = {}
    for bundle in find_bundles(directory):
        try:
            model = open_model(bundle)
            _check_name(model.name, models)
        except LeafpathError as error:
            refused[bundle.name] = str(error)
            log.error("bundle refused", bundle=bundle.name, reason=str(error))
            continue
        models[model.name] = ServedModel.of(model)
        log.info("model loaded", model=model.name, digest=model.digest)
    return ModelStore(models, refused)


def _check_name(name: str, taken: Mapping[str, ServedModel]) -> None:
    if name in taken:
        raise DuplicateModelError(
            f"another bundle already holds a model named {name!r}; remove one of them, "
            "or train it under another name"
        )


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
