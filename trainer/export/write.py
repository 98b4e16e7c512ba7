"""From a trained model to the files and the manifest of a bundle."""

import warnings
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from explainers.arrays import Indexes
from explainers.bundle import MANIFEST, encode_array, write_bundle
from explainers.loading import (
    BACKGROUND,
    BACKGROUND_LENGTHS,
    GOLDEN_GRADIENT,
    GOLDEN_INPUTS,
    GOLDEN_LEAVES,
    GOLDEN_LENGTHS,
    GOLDEN_PROBABILITIES,
    TREE,
)
from explainers.manifest import FORMAT_VERSION, Manifest, OutputSchema
from explainers.onnx_runtime import Session
from explainers.tree import write_tree
from trainer.errors import (
    ExportError,
    GradientExportError,
    TrainingError,
    TrainingWarning,
)
from trainer.export.gate import accept_gradient, accept_graph
from trainer.export.gradients import export_gradient, map_jacobian, vector_jacobian
from trainer.export.graphs import EXAMPLE_ROWS, export_graph
from trainer.families.base import Graph
from trainer.families.feature_map import WithMap
from trainer.pipeline import Trained
from trainer.report.write import REPORT, write_report
from trainer.stored_weights import encode_weights
from trainer.threads import limited_threads

BACKGROUND_ROWS = 100
GOLDEN_ROWS = 16
EXAMPLE_STEPS = 7
"""Steps of the example sequences: neither 1 nor the number of example rows."""


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
    with limited_threads(1):
        files, unavailable = export_files(trained)
    return write_bundle(directory, describe(trained, unavailable), files)


def check_target(directory: Path) -> None:
    """Refuse to replace anything but a bundle, and make the place that it goes to.

    Raises
    ------
    TrainingError
        ``directory`` exists and is no bundle, or its parent cannot be made.
    """
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"{directory.parent}: {error.strerror}") from error
    if directory.is_symlink() or (
        directory.exists() and not (directory / MANIFEST).is_file()
    ):
        raise TrainingError(
            f"{directory} exists and is not a bundle (it has no {MANIFEST}); "
            "choose another place"
        )


def describe(trained: Trained, unavailable: dict[str, str]) -> Manifest:
    """Return the manifest, complete but for the list of files."""
    config, family = trained.prepared.config, trained.prepared.family
    classes = family.table.classes
    return Manifest(
        format=FORMAT_VERSION,
        name=config.name,
        version=config.version,
        task="binary" if len(classes) == 2 else "multiclass",
        family=family.name,
        input=msgspec.structs.replace(
            family.describe_input(), beyond_training=config.beyond_training
        ),
        output=OutputSchema(classes=classes),
        tree_features=family.describe_tree_features(),
        metrics=trained.metrics,
        provenance=trained.provenance,
        expose=config.expose,
        unavailable=unavailable,
    )


def export_files(trained: Trained) -> tuple[dict[str, bytes], dict[str, str]]:
    """Export, check and record everything; return files and what is unavailable."""
    files: dict[str, bytes] = {TREE: write_tree(trained.tree)}
    unavailable: dict[str, str] = {}
    sessions: dict[str, Session] = {}
    for name, graph in trained.prepared.family.graphs(trained.network).items():
        try:
            raw, sessions[name] = export_checked(f"{name}.onnx", graph)
            files[f"{name}.onnx"] = raw
        except GradientExportError as error:
            unavailable[name] = str(error)
            warnings.warn(
                f"the bundle has no {name}: {error}", TrainingWarning, stacklevel=2
            )
    arrays = {
        **_golden(trained, sessions),
        **_background(trained),
        **trained.prepared.family.reference(trained.network),
    }
    files |= {path: encode_array(array) for path, array in arrays.items()}
    files |= encode_weights(trained.network)
    files[REPORT] = write_report(trained)
    return files, unavailable


def export_checked(name: str, graph: Graph) -> tuple[bytes, Session]:
    """Export one graph and hold it against its module; raises ExportError."""
    examples = _examples(graph)
    if graph.outputs[-1] == "gradient":
        of_map = isinstance(graph.module, WithMap)
        jacobian = map_jacobian if of_map else vector_jacobian
        raw = export_gradient(
            graph.module, examples[0], graph.inputs[0], *examples[1:],
            outputs=graph.outputs, jacobian=jacobian,
        )  # fmt: skip
        return raw, accept_gradient(
            name, raw, graph.module, graph.sample, jacobian=jacobian
        )
    try:
        raw = export_graph(
            graph.module, examples, graph.inputs, graph.outputs, ragged=graph.ragged
        )
    except ExportError as error:
        raise ExportError(
            f"{name} cannot be written, and without it nothing can be served: the "
            "network does what has no ONNX form, such as a branch that depends on the "
            f"values of its inputs. torch says: {error}"
        ) from error
    return raw, accept_graph(name, raw, graph.module, graph.sample)


def _examples(graph: Graph) -> tuple[torch.Tensor, ...]:
    arrays = graph.sample(EXAMPLE_ROWS, np.random.default_rng(0))
    first, *rest = (torch.from_numpy(np.ascontiguousarray(a)) for a in arrays)
    if graph.ragged:
        first = first[:, :1].repeat(1, EXAMPLE_STEPS, 1)
        rest = [torch.full((EXAMPLE_ROWS,), EXAMPLE_STEPS)]
    return (first, *rest)


def _golden(
    trained: Trained, sessions: dict[str, Session]
) -> dict[str, NDArray[np.generic]]:
    """Record what the accepted graphs answer on a few held-out rows."""
    family = trained.prepared.family
    inputs = family.inputs(_golden_rows(trained))
    feeds = dict(zip(sessions["predict"].inputs, inputs, strict=True))
    logits, probabilities, *_ = sessions["predict"].run(feeds)
    features = np.asarray(inputs[0], dtype=np.float32)
    if "tree_features" in sessions:
        features = sessions["tree_features"].run(feeds)[0]
    golden: dict[str, NDArray[np.generic]] = {
        GOLDEN_PROBABILITIES: probabilities,
        GOLDEN_LEAVES: trained.tree.apply(features),
        **dict(zip((GOLDEN_INPUTS, GOLDEN_LENGTHS), inputs, strict=False)),
    }
    if "gradient" in sessions:
        known = {**feeds, "tree_features": features, "target": logits.argmax(axis=1)}
        session = sessions["gradient"]
        golden[GOLDEN_GRADIENT] = session.run(
            {name: known[name] for name in session.inputs}
        )[1]
    return golden


def _golden_rows(trained: Trained) -> Indexes:
    """Pick rows on both sides of every threshold, and held-out rows of every class in
    turn, GOLDEN_ROWS of them.
    """
    prepared = trained.prepared
    held_out = prepared.family.servable(prepared.split.held_out)
    y = prepared.table.y[held_out]
    rank = np.zeros(len(y), dtype=np.int64)
    for c in np.unique(y):
        rank[y == c] = np.arange((y == c).sum())
    by_class = held_out[np.lexsort((y, rank))[:GOLDEN_ROWS]]
    return np.union1d(by_class, _rows_at_thresholds(trained, held_out))


def _rows_at_thresholds(trained: Trained, held_out: Indexes) -> Indexes:
    """Pick, for every decision, the nearest row that goes left and that goes right.

    A threshold that is altered by more than the gap between them then shows. Training
    rows stand in on a side that no held-out row takes.
    """
    tree, Z = trained.tree, trained.prepared.Z
    training = trained.prepared.family.servable(trained.prepared.split.train)
    rows = np.concatenate([held_out, training])
    leaves, unseen = tree.apply(Z[rows]), np.arange(len(rows)) < len(held_out)
    picked = [np.zeros(0, dtype=np.int64)]
    for node in tree.nodes:
        for child in (node.left, node.right):
            below = [leaf.id for leaf in tree.leaves if child in tree.path_to(leaf.id)]
            here = np.isin(leaves, below)
            here = rows[here & unseen if (here & unseen).any() else here]
            gaps = np.abs(Z[here, node.feature or 0] - (node.threshold or 0.0))
            picked.append(here[gaps.argsort(kind="stable")[:1]])
    return np.concatenate(picked)


def _background(trained: Trained) -> dict[str, NDArray[np.generic]]:
    """Pick training rows for methods that need a reference sample."""
    rows = trained.prepared.split.train
    random = np.random.default_rng(trained.prepared.config.data.seed)
    picked = np.sort(random.permutation(len(rows))[:BACKGROUND_ROWS])
    inputs = trained.prepared.family.inputs(rows[picked])
    return dict(zip((BACKGROUND, BACKGROUND_LENGTHS), inputs, strict=False))
