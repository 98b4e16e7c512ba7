"""Which models are served: every good bundle of one directory, loaded once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from api.errors import DuplicateModelError
from api.served_model import ServedModel
from explainers.bundle import MANIFEST
from explainers.errors import BundleError
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
    are served. Call this after fork: sessions do not survive one.

    Raises
    ------
    DuplicateModelError
        Two bundles hold models of one name: which of them should answer?
    """
    models: dict[str, ServedModel] = {}
    sources: dict[str, Path] = {}
    refused: dict[str, str] = {}
    for bundle in find_bundles(directory):
        try:
            model = open_model(bundle)
        except BundleError as error:
            refused[bundle.name] = str(error)
            log.error("bundle refused", bundle=bundle.name, reason=str(error))
            continue
        if model.name in models:
            raise DuplicateModelError(
                f"{sources[model.name]} and {bundle} both hold a model named "
                f"{model.name!r}; remove one, or train it under another name"
            )
        models[model.name] = ServedModel.of(model)
        sources[model.name] = bundle
        log.info("model loaded", model=model.name, digest=model.digest)
    return ModelStore(models, refused)


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
