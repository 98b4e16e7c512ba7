"""From a trained model to the files and the manifest of a bundle."""

import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from explainers.arrays import Indexes, Inputs
from explainers.bundle import MANIFEST, encode_array, write_bundle
from explainers.manifest import (
    FORMAT_VERSION,
    InputSchema,
    Manifest,
    OutputSchema,
)
from explainers.model import (
    BACKGROUND,
    GOLDEN_GRADIENT,
    GOLDEN_INPUTS,
    GOLDEN_LEAVES,
    GOLDEN_PROBABILITIES,
    TREE,
)
from explainers.onnx_runtime import Session
from explainers.tree import write_tree
from trainer.data.encoding import (
    describe_inputs,
    describe_tree_features,
    is_identity,
)
from trainer.errors import GradientExportError, TrainingError, TrainingWarning
from trainer.export.gate import accept_gradient, accept_graph
from trainer.export.gradients import export_gradient
from trainer.export.graphs import EXAMPLE_ROWS, export_graph
from trainer.families.tabular import Predictor
from trainer.pipeline import Trained
from trainer.prepare import Prepared

BACKGROUND_ROWS = 100
GOLDEN_ROWS = 16


def write_model(trained: Trained, directory: Path) -> str:
    """Write the bundle of a trained model; return its digest.

    Raises
    ------
    TrainingError
        ``directory`` exists and is no bundle, or its parent does not exist.
    ExportError
        The prediction cannot be exported.
    """
    check_target(directory)
    files, unavailable = export_files(trained)
    return write_bundle(directory, describe(trained, unavailable), files)


def check_target(directory: Path) -> None:
    """Refuse to replace anything but a bundle; raises TrainingError."""
    if not directory.parent.is_dir():
        raise TrainingError(f"{directory.parent}: no such directory")
    if directory.is_symlink() or (
        directory.exists() and not (directory / MANIFEST).is_file()
    ):
        raise TrainingError(
            f"{directory} exists and is not a bundle (it has no {MANIFEST}); "
            "choose another place"
        )


def describe(trained: Trained, unavailable: dict[str, str]) -> Manifest:
    """Return the manifest, complete but for the list of files."""
    prepared = trained.prepared
    config, table = prepared.config, prepared.table
    inputs = describe_inputs(table.columns, prepared.X_train)
    Z = prepared.Z[prepared.split.train]
    columns = describe_tree_features(prepared.plan, Z, prepared.moments)
    return Manifest(
        format=FORMAT_VERSION,
        name=config.name,
        version=config.version,
        task="binary" if len(table.classes) == 2 else "multiclass",
        family="tabular",
        input=InputSchema(shape=(len(inputs),), features=inputs),
        output=OutputSchema(classes=table.classes),
        tree_features=columns,
        metrics=trained.metrics,
        provenance=trained.provenance,
        expose=config.expose,
        unavailable=unavailable,
    )


def export_files(trained: Trained) -> tuple[dict[str, bytes], dict[str, str]]:
    """Export, check and record everything; return files and what is unavailable."""
    files: dict[str, bytes] = {TREE: write_tree(trained.tree)}
    unavailable: dict[str, str] = {}
    sessions = {"predict": _add_prediction(trained, files)}
    if not is_identity(trained.prepared.plan):
        sessions["tree_features"] = _add_tree_features(trained, files)
    try:
        sessions["gradient"] = _add_gradient(trained, files)
    except GradientExportError as error:
        unavailable["gradient"] = str(error)
        warnings.warn(
            f"the bundle has no gradient: {error}", TrainingWarning, stacklevel=2
        )
    files |= {path: encode_array(a) for path, a in _golden(trained, sessions).items()}
    files[BACKGROUND] = encode_array(_background(trained))
    return files, unavailable


def _add_prediction(trained: Trained, files: dict[str, bytes]) -> Session:
    module = Predictor(trained.prepared.encoder, trained.network).eval()
    raw = export_graph(
        module,
        (_example(trained.prepared.X_train),),
        ["input"],
        ["logits", "probabilities"],
    )
    files["predict.onnx"] = raw
    return accept_graph("predict.onnx", raw, module, _sampler(trained.prepared.X_train))


def _add_tree_features(trained: Trained, files: dict[str, bytes]) -> Session:
    example = _example(trained.prepared.X_train)
    raw = export_graph(
        trained.prepared.encoder, (example,), ["input"], ["tree_features"]
    )
    files["tree_features.onnx"] = raw
    sampler = _sampler(trained.prepared.X_train)
    return accept_graph("tree_features.onnx", raw, trained.prepared.encoder, sampler)


def _add_gradient(trained: Trained, files: dict[str, bytes]) -> Session:
    name = "input" if is_identity(trained.prepared.plan) else "tree_features"
    Z = trained.prepared.Z[trained.prepared.split.train]
    raw = export_gradient(trained.network, _example(Z), name)
    session = accept_gradient("gradient.onnx", raw, trained.network, _sampler(Z))
    files["gradient.onnx"] = raw
    return session


def _example(rows: Inputs) -> torch.Tensor:
    return torch.from_numpy(np.resize(rows, (EXAMPLE_ROWS, rows.shape[1])).copy())


class _sampler:
    """Draws fresh rows: each column independently from the training values."""

    def __init__(self, rows: Inputs) -> None:
        self._rows = rows

    def __call__(self, n: int, random: np.random.Generator) -> Inputs:
        n_rows, n_columns = self._rows.shape
        picked = random.integers(0, n_rows, size=(n, n_columns))
        return self._rows[picked, np.arange(n_columns)]


def _golden(
    trained: Trained, sessions: dict[str, Session]
) -> dict[str, NDArray[np.generic]]:
    """Record what the accepted graphs answer on a few held-out rows."""
    inputs = trained.prepared.table.X[_golden_rows(trained)]
    logits, probabilities = sessions["predict"].run({"input": inputs})
    features = inputs
    if "tree_features" in sessions:
        features = sessions["tree_features"].run({"input": inputs})[0]
    golden: dict[str, NDArray[np.generic]] = {
        GOLDEN_INPUTS: inputs,
        GOLDEN_PROBABILITIES: probabilities,
        GOLDEN_LEAVES: trained.tree.apply(features),
    }
    if "gradient" in sessions:
        session = sessions["gradient"]
        feeds = dict(
            zip(session.inputs, (features, logits.argmax(axis=1)), strict=True)
        )
        golden[GOLDEN_GRADIENT] = session.run(feeds)[1]
    return golden


def _golden_rows(trained: Trained) -> NDArray[np.int64]:
    """Pick held-out rows of every class in turn, up to GOLDEN_ROWS."""
    held_out = _servable(trained.prepared)
    y = trained.prepared.table.y[held_out]
    rank = np.zeros(len(y), dtype=np.int64)
    for c in np.unique(y):
        rank[y == c] = np.arange((y == c).sum())
    return np.sort(held_out[np.lexsort((y, rank))[:GOLDEN_ROWS]])


def _servable(prepared: Prepared) -> Indexes:
    """Return the held-out rows that lack no value which the model will refuse."""
    held_out = prepared.split.held_out
    refused = ~np.isnan(prepared.X_train).any(axis=0)
    gaps = np.isnan(prepared.table.X[held_out]) & refused
    return held_out[~gaps.any(axis=1)]


def _background(trained: Trained) -> Inputs:
    """Pick training rows for methods that need a reference sample."""
    X = trained.prepared.X_train
    random = np.random.default_rng(trained.prepared.config.data.seed)
    picked = np.sort(random.permutation(len(X))[:BACKGROUND_ROWS])
    return X[picked]
