"""A CART of scikit-learn as the arrays that the trainer works on."""

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from explainers.arrays import Indexes, TreeFeatures
from trainer.pruning import LEAF, Grown
from trainer.routing import count_nodes, trim
from trainer.rows import Rows


def grown_from_cart(
    cart: DecisionTreeClassifier, features: TreeFeatures, classes: Indexes
) -> Grown:
    """Return a fitted CART as arrays, nodes in preorder.

    Parameters
    ----------
    cart : fitted to ``features`` [n, n_tree_features] and ``classes`` [n].
    """
    tree = cart.tree_
    grown = count_nodes(
        feature=np.where(tree.children_left < 0, LEAF, tree.feature),
        threshold=tree.threshold.astype(np.float64),
        left=tree.children_left.astype(np.int64),
        right=tree.children_right.astype(np.int64),
        leaves=cart.apply(features),
        classes=classes,
        weights=np.ones(len(classes)),
        n_classes=int(classes.max()) + 1,
    )
    return trim(grown, set(np.flatnonzero(grown.feature != LEAF).tolist()))


def fit_cart(rows: Rows, leaves: int, min_samples_leaf: int, seed: int) -> Grown:
    """Fit a CART to the labels with at most ``leaves`` leaves; nodes in preorder."""
    cart = DecisionTreeClassifier(
        max_leaf_nodes=max(leaves, 2),
        min_samples_leaf=min_samples_leaf,
        random_state=seed,
    )
    cart.fit(rows.Z, rows.y)
    return grown_from_cart(cart, rows.Z, rows.y)
