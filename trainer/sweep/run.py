"""One run of a sweep, from a configuration to its points. It knows no other run."""

import threading
import time
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from explainers.arrays import Indexes, Probabilities
from explainers.tree import DistilledTree
from trainer.assemble import assemble_tree
from trainer.cart import fit_cart
from trainer.config import Config
from trainer.distill import distill
from trainer.errors import DeadRunError, SurrogateError
from trainer.fit import fit
from trainer.metrics import measure_network, measure_tree
from trainer.pipeline import calibrate, project_onto, train
from trainer.prepare import Prepared, prepare
from trainer.pruning import LEAF, Grown
from trainer.rows import predict_rows
from trainer.sweep.plan import Kind, Measured, Point, Result, Run, configure
from trainer.thresholds import shorten_thresholds

_ONE_AT_A_TIME = threading.Lock()
"""Weights are drawn from torch's generator and warnings are silenced for the whole
process: a dask worker of many threads would mix the weights of its runs."""


def execute(
    run: Run, config: Config, base: Path, strengths: tuple[float, ...]
) -> Result:
    """Train one network and measure its trees.

    Parameters
    ----------
    config : of the sweep; the run's strength and seed replace its own.
    base : the directory that the data path is relative to.
    strengths : at which the controls' network is distilled.
    """
    torch.set_num_threads(1)  # the runs are what is parallel
    start = time.perf_counter()
    points: list[Point] = []
    restarts, problem = 0, None
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = configure(config, run)
        try:
            if run.strength is None:
                points, restarts = measure_controls(own, base, strengths)
            else:
                points, restarts = measure_regularized(own, base)
        except (DeadRunError, SurrogateError) as error:
            problem = str(error)  # one dead run must not end the sweep
    return Result(
        run=run,
        points=tuple(points),
        seconds=time.perf_counter() - start,
        restarts=restarts,
        problem=problem,
    )


def measure_regularized(config: Config, base: Path) -> tuple[list[Point], int]:
    """Train as `leafpath train` does; return its one point and the restarts."""
    trained = train(config, base, controls=False)
    prepared = trained.prepared
    probabilities = predict_rows(trained.network, prepared.all_rows)
    features = {node.feature for node in trained.tree.nodes}
    answers = trained.tree.decide(prepared.Z[prepared.split.held_out])
    point = Point(
        kind="regularized",
        strength=config.tree.strength,
        seed=config.train.seed,
        leaves=len(trained.tree.leaves),
        validation=_measure(
            prepared, trained.tree, probabilities, prepared.split.validation
        ),
        test=Measured(network=trained.metrics.network, tree=trained.metrics.tree),
        features=_names(prepared, (f for f in features if f is not None)),
        answers=tuple(answers.tolist()),
    )
    return [point], trained.provenance.restarts


def measure_controls(
    config: Config, base: Path, strengths: tuple[float, ...]
) -> tuple[list[Point], int]:
    """Train one network without a regularizer; distil it at every strength.

    Each tree is also projected upon, and answered by a CART on the labels with as many
    leaves, whose fidelity is its agreement with the same network.
    """
    prepared = prepare(config, base)
    rows = prepared.rows(prepared.split.train)
    fitted = fit(prepared.build_network, rows, config)
    network = calibrate(prepared, fitted.network)
    answers = predict_rows(network, prepared.all_rows)
    points = []
    for strength in strengths:
        tree = shorten_thresholds(
            distill(
                rows.Z,
                answers[prepared.split.train],
                strength=strength,
                min_samples_leaf=prepared.min_samples_leaf,
                max_leaves=config.tree.max_leaves,
                seed=config.train.seed,
            ),
            rows.Z,
        )
        leaves = int((tree.feature == LEAF).sum())
        cart = fit_cart(rows, leaves, prepared.min_samples_leaf, config.train.seed)
        points.append(_point("posthoc", prepared, strength, tree, answers))
        points.append(_point("cart", prepared, strength, cart, answers))
        projected = project_onto(prepared, network, tree)
        decided = predict_rows(projected, prepared.all_rows)
        points.append(_point("projected", prepared, strength, tree, decided))
    return points, fitted.restarts


def _point(
    kind: Kind,
    prepared: Prepared,
    strength: float,
    pruned: Grown,
    probabilities: Probabilities,
) -> Point:
    decisions, split = probabilities.argmax(axis=1), prepared.split
    tree = assemble_tree(
        pruned,
        fitted=prepared.rows(split.train),
        fitted_decisions=decisions[split.train],
        held_out=prepared.Z[split.held_out],
        held_out_decisions=decisions[split.held_out],
        n_classes=prepared.n_classes,
    )
    inner = pruned.feature[pruned.feature != LEAF]
    return Point(
        kind=kind,
        strength=strength,
        seed=prepared.config.train.seed,
        leaves=len(tree.leaves),
        validation=_measure(prepared, tree, probabilities, split.validation),
        test=_measure(prepared, tree, probabilities, split.test),
        features=_names(prepared, inner.tolist()),
        answers=tuple(tree.decide(prepared.Z[split.held_out]).tolist()),
    )


def _measure(
    prepared: Prepared,
    tree: DistilledTree,
    probabilities: Probabilities,
    part: Indexes,
) -> Measured:
    seed, rows = prepared.config.train.seed, prepared.rows(part)
    answers = probabilities[part]
    return Measured(
        network=measure_network(answers, rows.y, seed),
        tree=measure_tree(tree, rows, answers.argmax(axis=1), seed),
    )


def _names(prepared: Prepared, features: Iterable[int]) -> tuple[str, ...]:
    columns = prepared.family.describe_tree_features()
    return tuple(columns[i].name for i in np.unique(list(features)).astype(int))
