"""Real trees from scikit-learn, and a linear model whose explanations are known."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.tree import DecisionTreeClassifier

from explainers.bundle import write_bundle
from explainers.loading import open_model
from explainers.manifest import Manifest
from explainers.model import Model
from explainers.tree import DistilledTree, Node
from tests.explainers.linear_bundle import HALF, WEIGHTS, make_files, make_manifest


def _to_nodes(classifier: DecisionTreeClassifier) -> tuple[Node, ...]:
    fitted = classifier.tree_
    nodes = []
    for i in range(fitted.node_count):
        counts = tuple(
            int(c) for c in np.round(fitted.value[i][0] * fitted.n_node_samples[i])
        )
        leaf = fitted.children_left[i] < 0
        nodes.append(
            Node(
                id=i,
                feature=None if leaf else int(fitted.feature[i]),
                threshold=None if leaf else float(fitted.threshold[i]),
                left=None if leaf else int(fitted.children_left[i]),
                right=None if leaf else int(fitted.children_right[i]),
                label=int(np.argmax(counts)) if leaf else None,
                n=int(fitted.n_node_samples[i]),
                class_counts=counts,
                label_counts=counts,
                fidelity=HALF,
            )
        )
    return tuple(nodes)


@pytest.fixture(scope="session")
def to_tree() -> Callable[[DecisionTreeClassifier], DistilledTree]:
    """Turn a fitted scikit-learn classifier into a DistilledTree, thresholds as is."""

    def convert(classifier: DecisionTreeClassifier) -> DistilledTree:
        return DistilledTree(
            _to_nodes(classifier), classifier.n_features_in_, classifier.n_classes_
        )

    return convert


@pytest.fixture(scope="session")
def cancer() -> tuple[np.ndarray, np.ndarray]:
    features, labels = load_breast_cancer(return_X_y=True)
    return features.astype(np.float32), labels


@pytest.fixture(scope="session")
def deep_tree(cancer) -> DecisionTreeClassifier:
    return DecisionTreeClassifier(random_state=0).fit(*cancer)


@pytest.fixture
def linear_files() -> dict[str, bytes]:
    """The files of the linear bundle, for tests that break one of them."""
    return make_files()


@pytest.fixture
def linear_manifest() -> Manifest:
    return make_manifest()


@pytest.fixture
def linear_bundle(tmp_path, linear_manifest, linear_files) -> Path:
    """A bundle on disk whose network is logits = input @ WEIGHTS + BIAS."""
    directory = tmp_path / "linear"
    write_bundle(directory, linear_manifest, linear_files)
    return directory


@pytest.fixture
def linear_model(linear_bundle) -> Model:
    return open_model(linear_bundle)


@pytest.fixture(scope="session")
def linear_model_once(tmp_path_factory) -> Model:
    """The linear model, opened once: for properties that run many times."""
    directory = tmp_path_factory.mktemp("bundles") / "linear"
    write_bundle(directory, make_manifest(), make_files())
    return open_model(directory)


@pytest.fixture
def linear_weights() -> np.ndarray:
    """[n_inputs, n_classes]."""
    return WEIGHTS
