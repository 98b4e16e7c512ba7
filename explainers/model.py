"""A bundle made ready to answer: sessions, tree, and the checks before publication."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from explainers.arrays import (
    Gradients,
    Indexes,
    Inputs,
    Logits,
    Probabilities,
    TreeFeatures,
)
from explainers.bundle import Bundle, decode_array, read_bundle
from explainers.errors import GoldenMismatchError, IntegrityError, NonFiniteError
from explainers.manifest import Manifest
from explainers.onnx_runtime import Session
from explainers.onnx_safety import check_graph
from explainers.tree import DistilledTree, read_tree

GRAPHS = ("predict", "tree_features", "gradient", "gradcam")
TRAINING_ROWS = "training_rows"
"""What a method requires that shows rows of the background sample."""
TREE = "tree.json"
BACKGROUND = "reference/background.npy"
GOLDEN_INPUTS = "golden/inputs.npy"
GOLDEN_PROBABILITIES = "golden/probabilities.npy"
GOLDEN_LEAVES = "golden/leaves.npy"
GOLDEN_GRADIENT = "golden/gradient.npy"

GOLDEN_TOLERANCE = 1e-4
"""Relative to the largest value: another CPU's kernels differ by a few 1e-6."""


@dataclass(frozen=True)
class Prediction:
    """What network and tree answer for a batch of n inputs.

    ``labels`` are the network's class indexes, ``leaves`` the tree's leaf ids and
    ``tree_labels`` the tree's class indexes; all [n].
    """

    inputs: Inputs
    tree_features: TreeFeatures
    logits: Logits
    probabilities: Probabilities
    labels: Indexes
    leaves: Indexes
    tree_labels: Indexes

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Model:
    """One served model, immutable. Build it with ``load_model``."""

    manifest: Manifest
    digest: str
    tree: DistilledTree
    background: Inputs
    sessions: dict[str, Session]
    files: dict[str, bytes]

    @property
    def name(self) -> str:
        """The model's name, as in its path."""
        return self.manifest.name

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of logits and probabilities."""
        return self.manifest.output.classes

    @cached_property
    def spread(self) -> NDArray[np.float32]:
        """[n_tree_features]: training standard deviation of each tree feature."""
        columns = self.manifest.tree_features
        return np.array([column.spread for column in columns], dtype=np.float32)

    @cached_property
    def mean(self) -> NDArray[np.float32]:
        """[n_tree_features]: training mean of each tree feature."""
        columns = self.manifest.tree_features
        return np.array([column.mean for column in columns], dtype=np.float32)

    @cached_property
    def sources(self) -> NDArray[np.intp]:
        """[n_tree_features]: the input column that each tree feature derives from."""
        columns = self.manifest.tree_features
        return np.array([column.source for column in columns], dtype=np.intp)

    def predict(self, inputs: Inputs) -> Prediction:
        """Answer a batch with network and tree.

        Parameters
        ----------
        inputs : [n, n_inputs] float32, as ``encode_instances`` returns.

        Raises
        ------
        NonFiniteError
            The network answered NaN or infinity.
        """
        logits, probabilities = self.forward(inputs)
        features = self.to_tree_features(inputs)
        leaves = self.tree.apply(features)
        return Prediction(
            inputs=inputs,
            tree_features=features,
            logits=logits,
            probabilities=probabilities,
            labels=logits.argmax(axis=1),
            leaves=leaves,
            tree_labels=self.tree.labels[leaves],
        )

    def forward(self, inputs: Inputs) -> tuple[Logits, Probabilities]:
        """Run the network alone: logits and probabilities, both [n, n_classes].

        Raises
        ------
        NonFiniteError
            The network answered NaN or infinity.
        """
        logits, probabilities = self.sessions["predict"].run({"input": inputs})
        if not np.isfinite(logits).all():
            raise NonFiniteError(
                f"model {self.name!r} answered a non-finite logit; an input far "
                "outside the training range is the usual cause"
            )
        return logits, probabilities

    def to_tree_features(self, inputs: Inputs) -> TreeFeatures:
        """Return what the tree splits on: [n, n_tree_features] float32, finite."""
        session = self.sessions.get("tree_features")
        return inputs if session is None else session.run({"input": inputs})[0]

    def gradient(
        self, features: TreeFeatures, targets: Indexes
    ) -> tuple[Logits, Gradients]:
        """Differentiate one logit a row.

        Parameters
        ----------
        features : [n, n_tree_features] float32.
        targets : [n] int64 class indexes.

        Returns
        -------
        Logits [n, n_classes] and d logit[target] / d feature [n, n_tree_features].

        Raises
        ------
        NonFiniteError
            A logit or a gradient is NaN or infinite.
        """
        session = self.sessions["gradient"]
        logits, gradient = session.run(
            {session.inputs[0]: features, session.inputs[1]: targets}
        )
        if not (np.isfinite(logits).all() and np.isfinite(gradient).all()):
            raise NonFiniteError(f"model {self.name!r}: a non-finite gradient")
        return logits, gradient

    @cached_property
    def provides(self) -> frozenset[str]:
        """What a method may require: the graphs, and whether rows may be shown."""
        shown = {TRAINING_ROWS} if self.manifest.expose == "tree" else set()
        return frozenset(self.sessions) | shown

    def why_missing(self, requirement: str) -> str:
        """Say why this bundle does not provide what a method requires."""
        if requirement == TRAINING_ROWS:
            return (
                f"its bundle exposes the {self.manifest.expose} only, no training rows"
            )
        reason = self.manifest.unavailable.get(
            requirement, "the bundle has no such graph"
        )
        return f"no graph {requirement!r} ({reason})"

    @cached_property
    def background_prediction(self) -> Prediction:
        """What network and tree answer for the background sample."""
        return self.predict(self.background)


def open_model(directory: Path) -> Model:
    """Read, verify and load the bundle in ``directory``; raises BundleError."""
    return load_model(read_bundle(directory))


def load_model(bundle: Bundle) -> Model:
    """Turn checked bytes into a model, and check that it still answers as recorded.

    Raises
    ------
    BundleError
        A graph that is not allowed or does not load, a tree that is none, arrays of the
        wrong shape, or golden inputs that no longer give the golden outputs.
    """
    manifest = bundle.manifest
    sessions = {
        graph: _open_graph(bundle, f"{graph}.onnx")
        for graph in GRAPHS
        if f"{graph}.onnx" in bundle.files
    }
    for required in ("predict.onnx", TREE):
        if required not in bundle.files:
            raise IntegrityError(f"{required}: every bundle must have it")
    columns = len(manifest.tree_features)
    if "tree_features" not in sessions and columns != len(manifest.input.features):
        raise IntegrityError("tree_features.onnx: missing, but the manifest needs it")
    tree = read_tree(bundle.files[TREE], columns, len(manifest.output.classes))
    background = _inputs(bundle, BACKGROUND)
    model = Model(
        manifest, bundle.digest, tree, background, sessions, _documents(bundle)
    )
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


def _inputs(bundle: Bundle, path: str) -> Inputs:
    array = decode_array(bundle, path)
    expected = bundle.manifest.input.shape
    if array.dtype != np.float32 or array.shape[1:] != expected or not len(array):
        raise IntegrityError(
            f"{path}: {array.dtype} {list(array.shape)}, expected float32 "
            f"[n >= 1, {', '.join(map(str, expected))}]"
        )
    return cast(Inputs, array)


def _check_golden(model: Model, bundle: Bundle) -> None:
    try:
        prediction = model.predict(_inputs(bundle, GOLDEN_INPUTS))
        _compare(bundle, GOLDEN_PROBABILITIES, prediction.probabilities)
        if not np.array_equal(decode_array(bundle, GOLDEN_LEAVES), prediction.leaves):
            raise GoldenMismatchError(f"{GOLDEN_LEAVES}: the tree routes differently")
        if "gradient" in model.sessions:
            _, gradient = model.gradient(prediction.tree_features, prediction.labels)
            _compare(bundle, GOLDEN_GRADIENT, gradient)
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
