"""The rivals at the same leaf budget: what one would have got without Leafpath."""

import msgspec
from sklearn.tree import DecisionTreeClassifier

from explainers.arrays import Indexes
from explainers.manifest import ControlMetrics
from explainers.tree import DistilledTree
from trainer.assemble import assemble_tree
from trainer.cart import grown_from_cart
from trainer.config import RegularizerConfig
from trainer.distill import distill
from trainer.fit import fit
from trainer.metrics import measure_network, measure_tree
from trainer.prepare import Prepared
from trainer.pruning import Grown
from trainer.rows import Rows, predict_rows


def measure_cart(prepared: Prepared, decisions: Indexes, leaves: int) -> ControlMetrics:
    """Fit a plain CART to the labels, with as many leaves, and measure it.

    Parameters
    ----------
    decisions : [n_test] of Leafpath's network: the CART's fidelity is its agreement
        with them.
    leaves : the most that it may have.
    """
    seed, leaf_size = prepared.config.train.seed, prepared.min_samples_leaf
    fitted = prepared.rows(prepared.split.train)
    cart = DecisionTreeClassifier(
        max_leaf_nodes=leaves, min_samples_leaf=leaf_size, random_state=seed
    )
    cart.fit(fitted.Z, fitted.y)
    tree = as_tree(
        grown_from_cart(cart, fitted.Z, fitted.y), fitted, prepared.n_classes
    )
    test = prepared.rows(prepared.split.test)
    return ControlMetrics(
        description=(
            f"CART fitted to the labels, at most {leaves} leaves of at least "
            f"{leaf_size} rows; its fidelity is agreement with the regularized network"
        ),
        tree=measure_tree(tree, test, decisions, seed),
    )


def as_tree(grown: Grown, fitted: Rows, n_classes: int) -> DistilledTree:
    """Return a control as a DistilledTree, for measuring alone."""
    return assemble_tree(
        grown,
        fitted=fitted,
        fitted_decisions=fitted.y,
        held_out=fitted.Z,
        held_out_decisions=fitted.y,
        n_classes=n_classes,
    )


def measure_posthoc(
    prepared: Prepared, leaves: int, *, progress: bool = False
) -> ControlMetrics:
    """Train the same network without the regularizer, distil it alike, and measure.

    L2 is the weight decay that both networks share; the tree has the same strength and
    leaf size, and at most as many leaves.
    """
    config = msgspec.structs.replace(
        prepared.config, regularizer=RegularizerConfig(name="none")
    )
    seed = config.train.seed
    fitted = prepared.rows(prepared.split.train)
    run = fit(prepared.build_network, fitted, config, progress=progress)
    pruned = distill(
        fitted.Z,
        predict_rows(run.network, fitted),
        strength=config.tree.strength,
        min_samples_leaf=prepared.min_samples_leaf,
        max_leaves=leaves,
        seed=seed,
    )
    tree = as_tree(pruned, fitted, prepared.n_classes)
    test = prepared.rows(prepared.split.test)
    probabilities = predict_rows(run.network, test)
    return ControlMetrics(
        description=(
            "the same network without the regularizer (L2 alone), distilled by the "
            f"same procedure into at most {leaves} leaves"
        ),
        network=measure_network(probabilities, test.y, seed),
        tree=measure_tree(tree, test, probabilities.argmax(axis=1), seed),
    )
