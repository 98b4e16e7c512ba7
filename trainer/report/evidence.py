"""What the report looks at: answers of network and tree on the test rows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from explainers.arrays import Indexes, Probabilities, TreeFeatures
from explainers.manifest import TreeFeature
from trainer.fit import predict_probabilities
from trainer.pipeline import Trained
from trainer.rows import predict_rows


@dataclass(frozen=True)
class Evidence:
    """Test rows: the network's probabilities [n, n_classes]; the rest is [n].

    ``decide`` answers further rows of tree features, for networks that read these.
    """

    columns: tuple[TreeFeature, ...]
    classes: tuple[str, ...]
    probabilities: Probabilities
    y: Indexes
    leaves: Indexes
    tree_answers: Indexes
    decide: Callable[[TreeFeatures], Indexes]

    @property
    def decisions(self) -> Indexes:
        """What the network decides."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @property
    def agrees(self) -> NDArray[np.bool_]:
        """Where tree and network give the same answer."""
        return np.asarray(self.decisions == self.tree_answers)


def gather(trained: Trained) -> Evidence:
    """Answer the test rows with network and tree."""
    prepared, network = trained.prepared, trained.network
    test = prepared.rows(prepared.split.test)
    leaves = trained.tree.apply(test.Z)
    return Evidence(
        columns=prepared.family.describe_tree_features(),
        classes=prepared.table.classes,
        probabilities=predict_rows(network, test),
        y=test.y,
        leaves=leaves,
        tree_answers=trained.tree.labels[leaves],
        decide=lambda Z: predict_probabilities(network, Z).argmax(axis=1),
    )
