"""A bundle made ready to answer: its sessions and its tree (loading.py makes it)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from explainers.arrays import (
    Encoded,
    Floats,
    Gradients,
    Indexes,
    Inputs,
    Logits,
    Probabilities,
    TreeFeatures,
)
from explainers.errors import NonFiniteError
from explainers.manifest import Manifest
from explainers.masks import all_finite
from explainers.onnx_runtime import Session
from explainers.rules import rule
from explainers.tree import DistilledTree

GRAPHS = ("predict", "tree_features", "gradient", "gradcam")
TRAINING_ROWS = "training_rows"
"""What a method requires that shows rows of the background sample."""
FEATURE_MAP = "feature_map"
"""The third output of predict.onnx, where it has a ``head``, and what a method requires
that uses it."""


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
    ``caps`` is how much of a method's parameters whoever serves the model allows at the
    most: method -> parameter -> most.
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
    caps: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

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

    @property
    def encoded_shape(self) -> tuple[int, ...]:
        """The shape of one encoded input: what gradients are taken at."""
        if self.manifest.family == "tabular":
            return (len(self.manifest.tree_features),)
        return self.manifest.input.shape

    @cached_property
    def logits_at_mean(self) -> Floats:
        """[n_classes]: what the network answers at the training mean; no sequences."""
        mean = np.ascontiguousarray(
            np.broadcast_to(self.mean, (1, *self.encoded_shape))
        )
        # The logits do not depend on the target.
        logits, _ = self.gradient(mean, np.zeros(1, dtype=np.int64))
        return np.asarray(logits[0], dtype=np.float64)

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
