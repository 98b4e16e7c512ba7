"""Routing against scikit-learn, path length against a hand count, malformed trees."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.tree import DecisionTreeClassifier

from explainers.errors import TreeError
from explainers.manifest import Estimate
from explainers.tree import MAX_DEPTH, DistilledTree, read_tree, write_tree


def _placed_at_thresholds(classifier, features, n, rng) -> np.ndarray:
    """Random rows of which every value that is split on sits at one of its thresholds,
    or one float32 step beside it: where a float64 walk goes wrong."""
    rows = features[rng.integers(len(features), size=n)].astype(np.float32)
    fitted = classifier.tree_
    for feature in np.unique(fitted.feature[fitted.feature >= 0]):
        thresholds = fitted.threshold[fitted.feature == feature]
        chosen = rng.choice(thresholds, size=n).astype(np.float32)
        step = rng.integers(-1, 2, size=n)
        toward = np.where(step < 0, -np.inf, np.inf).astype(np.float32)
        rows[:, feature] = np.where(step == 0, chosen, np.nextafter(chosen, toward))
    return rows


def test_leaves_match_sklearn_on_random_and_threshold_placed_inputs(
    cancer, deep_tree, to_tree
):
    features, _ = cancer
    rng = np.random.default_rng(0)
    random = rng.uniform(features.min(0), features.max(0), size=(5000, 30))
    placed = _placed_at_thresholds(deep_tree, features, 5000, rng)
    rows = np.concatenate([random.astype(np.float32), placed])
    assert np.array_equal(to_tree(deep_tree).apply(rows), deep_tree.apply(rows))


def test_float64_inputs_are_rounded_to_float32_before_comparing(deep_tree, to_tree):
    """The 3-in-85 trap: comparing in double precision reaches another leaf."""
    fitted = deep_tree.tree_
    rows = np.zeros((fitted.node_count, 30))
    for i, (feature, threshold) in enumerate(
        zip(fitted.feature, fitted.threshold, strict=True)
    ):
        if feature >= 0:
            rows[i, feature] = np.nextafter(threshold, np.inf)
    tree = to_tree(deep_tree)
    assert np.array_equal(tree.apply(rows), deep_tree.apply(rows))
    alone = [tree.apply(row[None])[0] for row in rows]  # a walk of its own
    assert np.array_equal(alone, deep_tree.apply(rows))


def test_paths_match_sklearn_decision_path(cancer, deep_tree, to_tree):
    features, _ = cancer
    tree = to_tree(deep_tree)
    indicator = deep_tree.decision_path(features)
    for row, leaf in enumerate(tree.apply(features)):
        expected = indicator.indices[indicator.indptr[row] : indicator.indptr[row + 1]]
        assert list(tree.path_to(int(leaf))) == sorted(expected.tolist())


@given(seed=st.integers(0, 2**32 - 1), leaves=st.integers(2, 12))
def test_any_sklearn_tree_routes_alike(to_tree, seed, leaves):
    rng = np.random.default_rng(seed)
    # Few distinct values, so that many rows sit exactly at thresholds.
    features = rng.integers(0, 4, size=(60, 3)).astype(np.float32) / 8
    labels = np.concatenate([[0, 1, 2], rng.integers(0, 3, size=57)])
    classifier = DecisionTreeClassifier(max_leaf_nodes=leaves, random_state=0)
    classifier.fit(features, labels)
    assert np.array_equal(
        to_tree(classifier).apply(features), classifier.apply(features)
    )


def test_average_path_length_counts_decision_nodes_by_hand(linear_model):
    # a <= 0.5: one decision; a > 0.5: two.
    rows = np.array([[0, 0, 0], [1, -2, 0], [1, 0, 0], [0.5, 9, 9]], dtype=np.float32)
    assert linear_model.tree.average_path_length(rows) == (1 + 2 + 2 + 1) / 4
    assert linear_model.tree.depth == 2


def test_average_path_length_is_the_mean_row_length_of_decision_path(
    cancer, deep_tree, to_tree
):
    features, _ = cancer
    touched = deep_tree.decision_path(features).sum(axis=1)  # the leaf included
    assert to_tree(deep_tree).average_path_length(features) == pytest.approx(
        float(touched.mean()) - 1, abs=1e-12
    )


def test_average_path_length_does_not_depend_on_the_numbering(linear_model):
    """The released 2018 code averages leaf indexes; renumbering exposes that."""
    renumber = {0: 0, 1: 4, 2: 1, 3: 3, 4: 2}
    nodes = sorted(
        (
            msgspec.structs.replace(
                node,
                id=renumber[node.id],
                left=None if node.left is None else renumber[node.left],
                right=None if node.right is None else renumber[node.right],
            )
            for node in linear_model.tree.nodes
        ),
        key=lambda node: node.id,
    )
    renumbered = DistilledTree(tuple(nodes), 3, 2)
    rows = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    original = linear_model.tree
    assert renumbered.average_path_length(rows) == original.average_path_length(rows)
    assert np.array_equal(renumbered.decide(rows), original.decide(rows))


def test_a_single_leaf_has_path_length_zero(linear_model):
    leaf = msgspec.structs.replace(linear_model.tree.nodes[1], id=0)
    tree = DistilledTree((leaf,), 3, 2)
    assert tree.average_path_length(np.zeros((2, 3), dtype=np.float32)) == 0
    assert tree.path_to(0) == (0,)


def test_written_tree_reads_back_the_same(linear_model):
    tree = linear_model.tree
    assert read_tree(write_tree(tree), 3, 2).nodes == tree.nodes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({2: {"right": 0}}, "reached twice"),
        ({2: {"right": 2}}, "reached twice"),
        ({2: {"left": 4}}, "reached twice"),
        ({2: {"right": 9}}, "names child 9"),
        ({2: {"right": -1}}, "names child -1"),
        ({0: {"feature": 3}}, "there are 3 features"),
        ({0: {"feature": -1}}, "there are 3 features"),
        ({0: {"threshold": None}}, "is a decision"),
        ({0: {"label": 1}}, "is a decision"),
        ({1: {"label": None}}, "label is None"),
        ({1: {"label": 2}}, "there are 2 classes"),
        ({1: {"threshold": 1.0}}, "is a leaf"),
        ({1: {"id": 7}}, "ids count up"),
        ({1: {"class_counts": (1, 2, 3)}}, "counts must be 2"),
        ({1: {"label_counts": (1, -2)}}, "counts must be 2"),
        ({1: {"n": 7}}, "are not 7 rows"),
        ({3: {"n": 2, "class_counts": (1, 1), "label_counts": (1, 1)}},
         r"nodes\[2\].class_counts is not the sum"),
        ({3: {"label_counts": (1, 0)}}, r"nodes\[2\].label_counts is not the sum"),
        ({3: {"label": 0}}, "decides for none of its rows"),
        ({2: {"threshold": float("inf")}}, "threshold is inf"),
        ({4: {"fidelity": Estimate(value=0.9, n=1, low=0.8, high=1.1)}}, "no share"),
        ({0: {"feature": None, "threshold": None, "left": None, "right": None,
              "label": 0}}, "not reached from the root"),
    ],
)  # fmt: skip
def test_what_is_not_a_tree_is_refused(linear_model, changes, message):
    nodes = tuple(
        msgspec.structs.replace(node, **changes.get(node.id, {}))
        for node in linear_model.tree.nodes
    )
    with pytest.raises(TreeError, match=message):
        DistilledTree(nodes, 3, 2)


def test_a_tree_deeper_than_the_limit_is_refused(linear_model):
    decision, leaf = linear_model.tree.nodes[0], linear_model.tree.nodes[1]
    nodes = []
    for level in range(MAX_DEPTH + 1):
        at = 2 * level
        nodes += [
            msgspec.structs.replace(decision, id=at, left=at + 1, right=at + 2),
            msgspec.structs.replace(leaf, id=at + 1),
        ]
    nodes.append(msgspec.structs.replace(leaf, id=len(nodes)))
    with pytest.raises(TreeError, match="deeper than"):
        DistilledTree(tuple(nodes), 3, 2)


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"{}", b'{"nodes": []}', b'{"nodes": [{"id": 0}]}',
     b"\xff", b"[" * 9999],
)  # fmt: skip
def test_unreadable_tree_json_is_refused(raw):
    with pytest.raises(TreeError):
        read_tree(raw, 3, 2)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"low":0.2', b'"low":0.6'),
        (b'"high":0.8', b'"high":0.4'),
        (b'"n":10', b'"n":-1'),
        (b'"threshold":0.5', b'"threshold":1e999'),
    ],
)
def test_numbers_that_cannot_be_are_refused_when_read(linear_model, old, new):
    raw = write_tree(linear_model.tree)
    assert old in raw
    with pytest.raises(TreeError, match="tree.json"):
        read_tree(raw.replace(old, new, 1), 3, 2)
