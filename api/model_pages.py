"""What the API says about a model: its page, and its list of explanation methods."""

import re
from typing import Any

import msgspec

from api.explaining import is_cached
from api.schemas import MethodList, MethodPage, ModelPage, ModelReference, ModelSummary
from explainers.methods.base import Explainer
from explainers.model import Model
from explainers.registry import EXPLAINERS, as_served, available

DOCUMENTS = {
    "evaluation": "evaluation.json",
    "gallery": "gallery/index.json",
    "landscape": "landscape.json",
    "report": "report.html",
}
"""Where a bundle holds what the trainer wrote for people."""

FILES = re.compile(
    r"evaluation\.json|report\.html|landscape\.(json|svg|png)"
    r"|(gallery|landscape)/.+\.(json|svg|png)"
)
"""The files that these documents and their pictures are sent from."""

SHOWING_ALL = ("tree", "examples", "report")
"""What shows the whole tree or rows of training, and so needs ``expose: tree``."""


def summary(model: Model) -> ModelSummary:
    """Return the line of a model in the list of models."""
    manifest = model.manifest
    return ModelSummary(
        name=model.name,
        ready=True,
        version=manifest.version,
        digest=model.digest,
        task=manifest.task,
        family=manifest.family,
        expose=manifest.expose,
    )


def model_page(model: Model) -> ModelPage:
    """Return inputs, classes, metrics and methods of a model."""
    return ModelPage(
        **msgspec.structs.asdict(summary(model)),
        inputs=model.manifest.input,
        classes=model.classes,
        metrics=model.manifest.metrics,
        methods=list(_offered(model)),
        documents=_documents(model),
        files=_files(model),
    )


def method_list(model: Model, reference: ModelReference) -> MethodList:
    """Return every method with its parameters, and why some are not available."""
    offered = _offered(model)
    return MethodList(
        model=reference,
        methods=[
            _method_page(model, as_served(model, method), name in offered)
            for name, method in EXPLAINERS.items()
        ],
    )


def parameters_schema(method: Explainer) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a method's parameters."""
    schema = msgspec.json.schema(method.parameters)
    # The schema of one flat Struct: a reference and its only definition.
    return dict(schema["$defs"][method.parameters.__name__])


def _documents(model: Model) -> list[str]:
    held = [name for name, path in DOCUMENTS.items() if path in model.files]
    views = sorted(path for path in model.files if path.startswith("landscape/"))
    shown = ["tree", "examples", *held, *views]
    if model.manifest.expose == "tree":
        return shown
    return [name for name in shown if name not in SHOWING_ALL]


def _files(model: Model) -> dict[str, str]:
    hidden = [] if model.manifest.expose == "tree" else [DOCUMENTS["report"]]
    return {
        file.path: file.sha256
        for file in model.manifest.files
        if FILES.fullmatch(file.path) and file.path not in hidden
    }


def _offered(model: Model) -> dict[str, Explainer]:
    return {} if model.manifest.expose == "prediction" else available(model)


def _method_page(model: Model, method: Explainer, offered: bool) -> MethodPage:
    return MethodPage(
        name=method.name,
        summary=method.summary,
        source=method.source,
        cost=method.cost,
        rows=method.rows(model, method.parameters()),
        cached=is_cached(method),
        available=offered,
        reason=None if offered else _reason(model, method),
        parameters=parameters_schema(method),
    )


def _reason(model: Model, method: Explainer) -> str:
    if model.manifest.expose == "prediction":
        return "the bundle exposes predictions only"
    missing = next(r for r in method.requires if r not in model.provides)
    return model.why_missing(missing)
