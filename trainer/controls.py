"""The rivals at the same leaf budget: what one would have got without Leafpath.

Where the bundle has one tree a region, so have they: otherwise the figures would
compare regions with none, and not this regularizer with none.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from explainers.arrays import Indexes
from explainers.manifest import ControlMetrics
from explainers.tree import DistilledTree
from trainer.assemble import assemble_tree
from trainer.cart import fit_cart
from trainer.config import RegularizerConfig
from trainer.fit import fit
from trainer.metrics import measure_network, measure_tree
from trainer.prepare import Prepared
from trainer.pruning import Grown
from trainer.regions import Regions, distil, graft
from trainer.routing import recount, trim
from trainer.rows import Rows, predict_rows


def count_leaves(tree: DistilledTree) -> list[int]:
    """Return the leaves of each region; of the whole tree where there are none."""
    roots = [region.root for region in tree.regions] or [0]
    return [sum(node.is_leaf for node in tree.preorder(root)) for root in roots]


def grow_cart(
    prepared: Prepared, leaves: Sequence[int], regions: Regions | None
) -> Grown:
    """Fit a CART to the labels of the training rows; one a region where there are any.

    Parameters
    ----------
    leaves : the most that each region's may have; see ``count_leaves``.
    """
    rows = prepared.rows(prepared.split.train)
    region = np.zeros(len(rows), np.int64) if regions is None else regions.of(rows.Z)
    parts = [
        _grow_part(prepared, Rows(rows.Z[region == r], rows.y[region == r]), most)
        for r, most in enumerate(leaves)
    ]
    if regions is None:
        return parts[0]
    return recount(graft(regions, parts), rows.Z, rows.y, np.ones(len(rows)))


def _grow_part(prepared: Prepared, rows: Rows, most: int) -> Grown:
    cart = fit_cart(rows, most, prepared.min_samples_leaf, prepared.config.train.seed)
    return cart if most > 1 else trim(cart, set())


def measure_cart(
    prepared: Prepared,
    decisions: Indexes,
    leaves: Sequence[int],
    regions: Regions | None,
) -> ControlMetrics:
    """Fit a plain CART to the labels, with as many leaves, and measure it.

    Parameters
    ----------
    decisions : [n_test] of Leafpath's network: the CART's fidelity is its agreement
        with them.
    leaves, regions : see ``grow_cart``.
    """
    fitted = prepared.rows(prepared.split.train)
    cart = grow_cart(prepared, leaves, regions)
    tree = as_tree(cart, fitted, fitted.y, prepared.n_classes)
    test = prepared.rows(prepared.split.test)
    return ControlMetrics(
        description=(
            f"CART fitted to the labels{_each(regions)}, at most {sum(leaves)} leaves "
            f"of at least {prepared.min_samples_leaf} rows; its fidelity is agreement "
            "with the regularized network"
        ),
        tree=measure_tree(tree, test, decisions, prepared.config.train.seed),
    )


def _each(regions: Regions | None) -> str:
    return "" if regions is None else ", one for each region"


def as_tree(
    grown: Grown, fitted: Rows, answers: Indexes, n_classes: int
) -> DistilledTree:
    """Return a control as a DistilledTree, for measuring alone.

    Parameters
    ----------
    answers : [n] classes of the n ``fitted`` rows that the tree was grown to answer:
        their labels, or what a network decides.
    """
    return assemble_tree(
        grown,
        fitted=fitted,
        fitted_decisions=answers,
        held_out=fitted.Z,
        held_out_decisions=answers,
        n_classes=n_classes,
    )


def measure_posthoc(
    prepared: Prepared,
    leaves: Sequence[int],
    regions: Regions | None,
    *,
    progress: bool = False,
) -> ControlMetrics:
    """Train the same network without the regularizer, distil it alike, and measure.

    L2 is the weight decay that both networks share; the tree has the same strength,
    leaf size and regions, and at most as many leaves in each.
    """
    config = msgspec.structs.replace(
        prepared.config, regularizer=RegularizerConfig(name="none")
    )
    seed = config.train.seed
    fitted = prepared.rows(prepared.split.train)
    run = fit(prepared.build_network, fitted, config, progress=progress)
    answers = predict_rows(run.network, fitted)
    pruned = distil(
        regions,
        fitted.Z,
        answers,
        strength=config.tree.strength,
        min_samples_leaf=prepared.min_samples_leaf,
        max_leaves=leaves,
        seed=seed,
    )
    tree = as_tree(pruned, fitted, answers.argmax(axis=1), prepared.n_classes)
    test = prepared.rows(prepared.split.test)
    probabilities = predict_rows(run.network, test)
    return ControlMetrics(
        description=(
            "the same network without the regularizer (L2 alone), distilled by the "
            f"same procedure{_each(regions)}, into at most {sum(leaves)} leaves"
        ),
        network=measure_network(probabilities, test.y, seed),
        tree=measure_tree(tree, test, probabilities.argmax(axis=1), seed),
    )
