"""A bundle made ready to answer: sessions, tree, and the checks before publication."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from explainers.arrays import (
    Encoded,
    Gradients,
    Indexes,
    Inputs,
    Logits,
    Probabilities,
    TreeFeatures,
)
from explainers.bundle import Bundle, SignatureCheck, decode_array, read_bundle
from explainers.errors import (
    GoldenMismatchError,
    IntegrityError,
    NonFiniteError,
    TreeError,
)
from explainers.manifest import Manifest
from explainers.masks import all_finite
from explainers.onnx_runtime import Session
from explainers.onnx_safety import check_graph
from explainers.rules import rule
from explainers.tree import DistilledTree, read_tree

GRAPHS = ("predict", "tree_features", "gradient", "gradcam")
TRAINING_ROWS = "training_rows"
"""What a method requires that shows rows of the background sample."""
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
FEATURE_MAP = "feature_map"
"""That output's name, and what a method requires that uses it."""

GOLDEN_TOLERANCE = 1e-4
"""Relative to the largest value: another CPU's kernels differ by a few 1e-6."""


class Prediction(msgspec.Struct, frozen=True, eq=False):
    """What network and tree answer for a batch of n inputs.

    ``encoded`` is what the gradient is taken with respect to. ``lengths`` counts each
    row's steps (1 for families without time); ``labels`` are the network's class
    indexes, ``leaves`` the tree's leaf ids, ``tree_labels`` the tree's class indexes;
    all [n].
    """

    inputs: Inputs
    lengths: Indexes
    tree_features: TreeFeatures
    encoded: Encoded
    logits: Logits
    probabilities: Probabilities
    labels: Indexes
    leaves: Indexes
    tree_labels: Indexes

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Model:
    """One served model, immutable. Build it with ``load_model``.

    ``mean`` and ``spread`` are the training mean and standard deviation of the encoded
    input, broadcastable to one row's shape; the baseline and the unit of noise.
    ``head`` [n_classes, k] are the weights of a global-average-pool head, if there is
    one: the gradient of a logit by the feature map is its row over the map's size.
    """

    manifest: Manifest
    digest: str
    tree: DistilledTree
    background: Inputs
    background_lengths: Indexes
    mean: NDArray[np.float32]
    spread: NDArray[np.float32]
    sessions: dict[str, Session]
    files: dict[str, bytes]
    head: NDArray[np.float32] | None = None

    @property
    def name(self) -> str:
        """The model's name, as in its path."""
        return self.manifest.name

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of logits and probabilities."""
        return self.manifest.output.classes

    @property
    def is_encoded(self) -> bool:
        """Whether the gradient is taken at other columns than the inputs themselves."""
        return self.manifest.family == "tabular" and "tree_features" in self.sessions

    @property
    def feature_layer(self) -> str:
        """Name of the layer whose output the last feature map is."""
        if self.head is not None:
            return FEATURE_MAP
        layer: str = self.sessions["gradcam"].outputs[0]
        return layer

    @cached_property
    def has_categories(self) -> bool:
        """Whether an input holds strings, which no matrix of numbers can carry."""
        features = self.manifest.input.features
        return any(feature.kind == "categorical" for feature in features)

    @cached_property
    def may_miss(self) -> bool:
        """Whether an input may lack a value."""
        return any(f.missing == "impute" for f in self.manifest.input.features)

    @cached_property
    def training_range(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Lowest and highest value that training saw, [n_features] each; the codes of
        categories begin at 0.
        """
        lowest = float(np.finfo(np.float32).min)
        ranges = [
            (0.0, np.inf)
            if feature.kind == "categorical"
            else (
                lowest if feature.minimum is None else feature.minimum,
                np.inf if feature.maximum is None else feature.maximum,
            )
            for feature in self.manifest.input.features
        ]
        low, high = np.array(ranges, dtype=np.float32).T
        return low, high

    @cached_property
    def sources(self) -> NDArray[np.intp]:
        """[n_tree_features]: the input column that each tree feature derives from."""
        columns = self.manifest.tree_features
        return np.array([column.source for column in columns], dtype=np.intp)

    @cached_property
    def path_masks(self) -> dict[int, NDArray[np.bool_]]:
        """By leaf: which values of an input the path to it looks at.

        The input's shape; of a sequence [1, n_channels], since a path names channels.
        """
        return {leaf.id: self._path_mask(leaf.id) for leaf in self.tree.leaves}

    @cached_property
    def rules(self) -> dict[int, str]:
        """By leaf: the path to it in words."""
        columns = self.manifest.tree_features
        return {leaf.id: rule(self.tree, columns, leaf.id) for leaf in self.tree.leaves}

    def _path_mask(self, leaf: int) -> NDArray[np.bool_]:
        shape = self.manifest.input.shape
        ragged = self.manifest.family == "sequence"
        mask = np.zeros((1, *shape[1:]) if ragged else shape, dtype=bool)
        for feature in self.tree.intervals(leaf):
            column = self.manifest.tree_features[feature]
            if column.patch is None:
                mask[..., column.source] = True
            else:
                top, left, height, width = column.patch
                mask[column.source, top : top + height, left : left + width] = True
        return mask

    @cached_property
    def provides(self) -> frozenset[str]:
        """What a method may require: graphs, the family, whether rows may be shown."""
        shown = {TRAINING_ROWS} if self.manifest.expose == "tree" else set()
        has_map = self.head is not None or "gradcam" in self.sessions
        mapped = {FEATURE_MAP} if has_map else set()
        return frozenset(self.sessions) | shown | mapped | {self.manifest.family}

    def why_missing(self, requirement: str) -> str:
        """Say why this bundle does not provide what a method requires."""
        if requirement == TRAINING_ROWS:
            return (
                f"its bundle exposes the {self.manifest.expose} only, no training rows"
            )
        if requirement == FEATURE_MAP:
            reason = self.manifest.unavailable.get(
                "gradcam", "no layer's output is one"
            )
            return f"its network has no feature map ({reason})"
        if requirement not in GRAPHS:
            return f"the method is for {requirement} inputs, not {self.manifest.family}"
        reason = self.manifest.unavailable.get(
            requirement, "the bundle has no such graph"
        )
        return f"no graph {requirement!r} ({reason})"

    @cached_property
    def background_prediction(self) -> Prediction:
        """What network and tree answer for the background sample."""
        return self.predict(self.background, self.background_lengths)

    def predict(self, inputs: Inputs, lengths: Indexes | None = None) -> Prediction:
        """Answer a batch with network and tree.

        Parameters
        ----------
        inputs : [n, *shape] float32, as ``encode_instances`` returns.
        lengths : [n] int64, the steps of each sequence; None means all.

        Raises
        ------
        NonFiniteError
            The network answered NaN or infinity.
        """
        if lengths is None:
            is_sequence = self.manifest.family == "sequence"
            lengths = _full_lengths(len(inputs), inputs.shape[1] if is_sequence else 1)
        logits, probabilities = self.forward(inputs, lengths)
        features = self.to_tree_features(inputs, lengths)
        leaves = self.tree.apply(features)
        return Prediction(
            inputs=inputs,
            lengths=lengths,
            tree_features=features,
            encoded=features if self.manifest.family == "tabular" else inputs,
            logits=logits,
            probabilities=probabilities,
            labels=logits.argmax(axis=1),
            leaves=leaves,
            tree_labels=self.tree.labels[leaves],
        )

    def forward(
        self, inputs: Inputs, lengths: Indexes | None = None
    ) -> tuple[Logits, Probabilities]:
        """Run the network alone: logits and probabilities, both [n, n_classes].

        Raises
        ------
        NonFiniteError
            The network answered NaN or infinity.
        """
        feeds = self._feeds(inputs, lengths)
        logits, probabilities, *_ = self.sessions["predict"].run(feeds)
        if not all_finite(logits):
            raise NonFiniteError(
                f"model {self.name!r} answered a non-finite logit; an input far "
                "outside the training range is the usual cause"
            )
        return logits, probabilities

    def feature_map(self, inputs: Inputs) -> NDArray[np.float32]:
        """Return the last feature map, [n, k, h, w]; only where there is a ``head``."""
        session = self.sessions["predict"]
        position = session.outputs.index(FEATURE_MAP)
        return session.run({"input": inputs})[position]

    def to_tree_features(
        self, inputs: Inputs, lengths: Indexes | None = None
    ) -> TreeFeatures:
        """Return what the tree splits on: [n, n_tree_features] float32, finite."""
        session = self.sessions.get("tree_features")
        return (
            inputs if session is None else session.run(self._feeds(inputs, lengths))[0]
        )

    def gradient(
        self, encoded: Encoded, targets: Indexes, lengths: Indexes | None = None
    ) -> tuple[Logits, Gradients]:
        """Differentiate one logit a row.

        Parameters
        ----------
        encoded : [n, *shape] float32. targets : [n] int64 class indexes.
        lengths : [n] int64, for sequences.

        Returns
        -------
        Logits [n, n_classes] and d logit[target] / d encoded [n, *shape].

        Raises
        ------
        NonFiniteError
            A logit or a gradient is NaN or infinite.
        """
        session = self.sessions["gradient"]
        feeds: dict[str, NDArray[np.generic]] = {
            session.inputs[0]: encoded,
            "target": targets,
        }
        if lengths is not None and self.manifest.family == "sequence":
            feeds["lengths"] = lengths
        logits, gradient = session.run(feeds)
        if not (all_finite(logits) and all_finite(gradient)):
            raise NonFiniteError(f"model {self.name!r}: a non-finite gradient")
        return logits, gradient

    def map_gradient(
        self, inputs: Inputs, targets: Indexes
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Differentiate one logit a row with respect to the last feature map.

        Parameters
        ----------
        inputs : [n, *shape] float32. targets : [n] int64 class indexes.

        Returns
        -------
        The map and d logit[target] / d map, both [n, k, h, w]. Where there is a
        ``head``, the gradient is its weights over the number of positions, exactly.

        Raises
        ------
        NonFiniteError
            The map or the gradient is NaN or infinite.
        """
        if self.head is None:
            features, gradient = self.sessions["gradcam"].run(
                {"input": inputs, "target": targets}
            )
        else:
            features = self.feature_map(inputs)
            positions = features.shape[2] * features.shape[3]
            weights = self.head[targets] / np.float32(positions)  # [n, k]
            gradient = np.broadcast_to(weights[:, :, None, None], features.shape)
        if not (all_finite(features) and all_finite(gradient)):
            raise NonFiniteError(f"model {self.name!r}: a non-finite feature map")
        return features, gradient

    def _feeds(
        self, inputs: Inputs, lengths: Indexes | None
    ) -> dict[str, NDArray[np.generic]]:
        feeds: dict[str, NDArray[np.generic]] = {"input": inputs}
        if lengths is not None and self.manifest.family == "sequence":
            feeds["lengths"] = lengths
        return feeds


@lru_cache(maxsize=64)
def _full_lengths(rows: int, steps: int) -> Indexes:
    """Return ``steps`` for every row; shared by all answers, so nobody may write."""
    lengths = np.full(rows, steps, dtype=np.int64)
    lengths.flags.writeable = False
    return lengths


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
