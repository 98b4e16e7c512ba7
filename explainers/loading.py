"""From checked bytes to a model, and the checks before it is published."""

from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from explainers.arrays import Indexes, Inputs
from explainers.bundle import Bundle, SignatureCheck, decode_array, read_bundle
from explainers.errors import GoldenMismatchError, IntegrityError, TreeError
from explainers.manifest import Manifest
from explainers.model import FEATURE_MAP, GRAPHS, Model
from explainers.onnx_runtime import Session
from explainers.onnx_safety import check_graph
from explainers.tree import read_tree

TREE = "tree.json"
BACKGROUND = "reference/background.npy"
BACKGROUND_LENGTHS = "reference/background_lengths.npy"
GOLDEN_INPUTS = "golden/inputs.npy"
GOLDEN_LENGTHS = "golden/lengths.npy"
GOLDEN_PROBABILITIES = "golden/probabilities.npy"
GOLDEN_LEAVES = "golden/leaves.npy"
GOLDEN_GRADIENT = "golden/gradient.npy"
MEAN = "reference/mean.npy"
SPREAD = "reference/spread.npy"
"""Training mean and spread of the input, broadcastable to its shape: sequences and
images. Tables keep theirs in the manifest, one a tree feature."""
HEAD = "reference/head.npy"
"""[n_classes, k] float32: d logit / d mean of the last feature map, of a network whose
logits are linear in it; predict.onnx then has that map as a third output."""

GOLDEN_TOLERANCE = 1e-4
"""Relative to the largest value: another CPU's kernels differ by a few 1e-6."""


def open_model(directory: Path, check_signature: SignatureCheck | None = None) -> Model:
    """Read, verify and load the bundle in ``directory``; raises BundleError."""
    return load_model(read_bundle(directory, check_signature))


def load_model(bundle: Bundle) -> Model:
    """Turn checked bytes into a model, and check that it still answers as recorded.

    Raises
    ------
    BundleError
        A graph that is not allowed or does not load, a tree that is none, arrays of the
        wrong shape, or golden inputs that no longer give the golden outputs.
    """
    for required in ("predict.onnx", TREE):
        if required not in bundle.files:
            raise IntegrityError(f"{required}: every bundle must have it")
    manifest = bundle.manifest
    sessions = {
        graph: _open_graph(bundle, f"{graph}.onnx")
        for graph in GRAPHS
        if f"{graph}.onnx" in bundle.files
    }
    columns = len(manifest.tree_features)
    if "tree_features" not in sessions and manifest.input.shape != (columns,):
        raise IntegrityError("tree_features.onnx: missing, but the manifest needs it")
    background, lengths = _inputs(bundle, BACKGROUND, BACKGROUND_LENGTHS)
    mean, spread = _moments(bundle)
    model = Model(
        manifest=manifest,
        digest=bundle.digest,
        tree=read_tree(bundle.files[TREE], columns, len(manifest.output.classes)),
        background=background,
        background_lengths=lengths,
        mean=mean,
        spread=spread,
        sessions=sessions,
        files=_documents(bundle),
        head=_head(bundle, sessions["predict"]),
    )
    _check_metrics(model)
    _check_golden(model, bundle)
    return model


def _open_graph(bundle: Bundle, path: str) -> Session:
    check_graph(path, bundle.files[path])
    return Session(path, bundle.files[path])


def _documents(bundle: Bundle) -> dict[str, bytes]:
    """Keep what may be served as it is; the graphs live on in their sessions."""
    return {
        path: content
        for path, content in bundle.files.items()
        if not path.endswith((".onnx", ".npy"))
    }


def _moments(bundle: Bundle) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    manifest = bundle.manifest
    if manifest.family == "tabular":
        columns = manifest.tree_features
        mean = np.array([column.mean for column in columns], dtype=np.float32)
        spread = np.array([column.spread for column in columns], dtype=np.float32)
        return mean, spread
    moments = []
    for path in (MEAN, SPREAD):
        array = decode_array(bundle, path)
        shape = manifest.input.shape
        fits = array.ndim <= len(shape) and all(
            a in (1, s) for a, s in zip(array.shape[::-1], shape[::-1], strict=False)
        )
        if array.dtype != np.float32 or not fits or not np.isfinite(array).all():
            raise IntegrityError(f"{path}: not finite float32 for input {list(shape)}")
        moments.append(cast(NDArray[np.float32], array))
    return moments[0], moments[1]


def _head(bundle: Bundle, predict: Session) -> NDArray[np.float32] | None:
    """Read the head's weights; there must be a feature map for them."""
    if HEAD not in bundle.files:
        return None
    array = decode_array(bundle, HEAD)
    rows = len(bundle.manifest.output.classes)
    fits = array.ndim == 2 and len(array) == rows and array.dtype == np.float32
    if not fits or not np.isfinite(array).all() or FEATURE_MAP not in predict.outputs:
        raise IntegrityError(
            f"{HEAD}: not finite float32 [{rows}, k], or predict.onnx has no output "
            f"{FEATURE_MAP!r}"
        )
    return cast(NDArray[np.float32], array)


def _inputs(bundle: Bundle, path: str, lengths_path: str) -> tuple[Inputs, Indexes]:
    """Read inputs and, for sequences, their lengths; check them by the manifest."""
    array = decode_array(bundle, path)
    shape, family = bundle.manifest.input.shape, bundle.manifest.family
    ragged = family == "sequence"
    fits = (
        array.ndim == len(shape) + 1
        and array.shape[2:] == shape[1:]
        and (array.shape[1] <= shape[0] if ragged else array.shape[1] == shape[0])
    )
    if array.dtype != np.float32 or not fits or not len(array):
        raise IntegrityError(
            f"{path}: {array.dtype} {list(array.shape)}, expected float32 "
            f"[n >= 1, {', '.join(map(str, shape))}]"
        )
    _check_values(bundle.manifest, path, cast(Inputs, array))
    lengths = np.ones(len(array), dtype=np.int64)
    if ragged:
        lengths = cast(Indexes, decode_array(bundle, lengths_path))
        inside = lengths.shape == (len(array),) and lengths.dtype == np.int64
        if not inside or lengths.min() < 1 or lengths.max() > array.shape[1]:
            raise IntegrityError(f"{lengths_path}: not the lengths of {path}")
    return cast(Inputs, array), lengths


def _check_values(manifest: Manifest, path: str, inputs: Inputs) -> None:
    """Refuse infinity, NaN where nothing may be missing, and codes of no category."""
    channel_axis = -1 if manifest.family == "sequence" else 1
    columns = np.moveaxis(inputs, channel_axis, 0)
    for feature, values in zip(manifest.input.features, columns, strict=True):
        if feature.missing == "impute":
            values = values[~np.isnan(values)]
        codes = np.arange(len(feature.categories))
        known = np.isin(values, codes) if len(codes) else np.isfinite(values)
        if not known.all():
            raise IntegrityError(
                f"{path}: {feature.name!r} holds {values[~known][0]}, which is no "
                f"{'category' if len(codes) else 'finite number'}"
            )


def _check_metrics(model: Model) -> None:
    """Hold what the manifest says of the tree's size against the tree."""
    told = model.manifest.metrics.tree
    if (told.leaves, told.depth) != (len(model.tree.leaves), model.tree.depth):
        raise TreeError(
            f"tree.json has {len(model.tree.leaves)} leaves and depth "
            f"{model.tree.depth}; manifest.json says {told.leaves} and {told.depth}"
        )


def _check_golden(model: Model, bundle: Bundle) -> None:
    inputs, lengths = _inputs(bundle, GOLDEN_INPUTS, GOLDEN_LENGTHS)
    try:
        prediction = model.predict(inputs, lengths)
        _compare(bundle, GOLDEN_PROBABILITIES, prediction.probabilities)
        if not np.array_equal(decode_array(bundle, GOLDEN_LEAVES), prediction.leaves):
            raise GoldenMismatchError(f"{GOLDEN_LEAVES}: the tree routes differently")
        if "gradient" in model.sessions:
            _, gradient = model.gradient(
                prediction.encoded, prediction.labels, prediction.lengths
            )
            _compare(bundle, GOLDEN_GRADIENT, gradient)
        if FEATURE_MAP in model.provides:
            features, weights = model.map_gradient(inputs, prediction.labels)
            if features.ndim != 4 or weights.shape != features.shape:
                raise GoldenMismatchError(
                    f"feature map {list(features.shape)}, its gradient "
                    f"{list(weights.shape)}: expected [n, k, h, w] twice"
                )
    except (IntegrityError, GoldenMismatchError):
        raise
    except Exception as error:  # onnxruntime raises many types when a graph misfits
        raise GoldenMismatchError(f"golden inputs cannot be run: {error}") from error


def _compare(bundle: Bundle, path: str, found: NDArray[np.float32]) -> None:
    golden = decode_array(bundle, path)
    if golden.shape != found.shape or golden.dtype != np.float32:
        raise GoldenMismatchError(
            f"{path}: recorded {golden.dtype} {list(golden.shape)}, "
            f"the graph answers float32 {list(found.shape)}"
        )
    recorded = cast(NDArray[np.float32], golden)
    gap = float(np.abs(recorded - found).max())
    allowed = GOLDEN_TOLERANCE * max(float(np.abs(recorded).max()), 1e-6)
    if not gap <= allowed:
        raise GoldenMismatchError(
            f"{path}: the graph's answer differs by {gap:.3g} (allowed {allowed:.3g})"
        )
