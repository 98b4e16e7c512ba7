"""One run of a sweep, from a configuration to its points. It knows no other run."""

import dataclasses
import platform
import threading
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch

from explainers.arrays import Floats, Indexes, Probabilities
from explainers.tree import DistilledTree
from trainer.config import Config
from trainer.controls import as_tree, count_leaves, grow_cart
from trainer.errors import (
    ConfigError,
    DataError,
    DeadRunError,
    SurrogateError,
    SweepError,
)
from trainer.fit import fit
from trainer.metrics import measure_network, measure_tree
from trainer.pipeline import (
    calibrate,
    choose_tree,
    describe_tree,
    find_regions,
    project_onto,
    train_prepared,
)
from trainer.prepare import Prepared, prepare
from trainer.pruning import Grown
from trainer.routing import route
from trainer.rows import predict_rows
from trainer.sweep.plan import (
    Kind,
    Measured,
    Plan,
    Point,
    Result,
    Run,
    configure,
    installed,
)

_ONE_AT_A_TIME = threading.Lock()
"""Weights are drawn from torch's generator and warnings are silenced for the whole
process: a dask worker of many threads would mix the weights of its runs."""


@dataclass(frozen=True)
class Origin:
    """Where a sweep was begun; whoever runs a part of it must find the same there.

    ``place`` : the machine, and where it has the data. ``libraries`` : its versions.
    """

    place: str
    libraries: dict[str, str]


def origin_here(config: Config, base: Path) -> Origin:
    """Return this machine as an origin."""
    return Origin(_place(config, base), installed())


def _place(config: Config, base: Path) -> str:
    data = config.data
    if data.path is not None:
        what = str((base / data.path).resolve())
    elif data.loader is not None:
        what = f"loader {data.loader!r} beside {base.resolve()}"
    else:
        what = f"data set {data.named!r}"
    return f"{platform.node()}: {what}"


def execute(run: Run, config: Config, base: Path, plan: Plan, origin: Origin) -> Result:
    """Train one network and measure its trees.

    Parameters
    ----------
    config : of the sweep; the run's strength and seed replace its own.
    base : the directory that the data path is relative to.
    plan, origin : of the sweep, as it was begun.

    Raises
    ------
    SweepError
        This machine has other data than the plan's, or other versions than the origin.
    """
    torch.set_num_threads(1)  # the runs are what is parallel
    start = time.perf_counter()
    points: list[Point] = []
    restarts, problem = 0, None
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prepared = prepare_alike(configure(config, run), base, plan, origin)
        try:
            if run.strength is None:
                points, restarts = measure_controls(prepared, plan.prices)
            else:
                points, restarts = measure_regularized(prepared, run.strength)
        except (DeadRunError, SurrogateError) as error:
            problem = str(error)  # one dead run must not end the sweep
    return Result(
        run=run,
        points=tuple(points),
        seconds=time.perf_counter() - start,
        restarts=restarts,
        problem=problem,
        libraries=installed(),
    )


def prepare_alike(config: Config, base: Path, plan: Plan, origin: Origin) -> Prepared:
    """Read the data, and refuse to go on where they or the libraries are others."""
    here = installed()
    for name, wanted in origin.libraries.items():
        if here[name] != wanted:
            raise SweepError(
                f"{platform.node()} has {name} {here[name]}, and the sweep was begun "
                f"with {wanted} ({origin.place}); its workers need the same versions"
            )
    place = _place(config, base)
    try:
        prepared = prepare(config, base)
    except (ConfigError, DataError) as error:
        raise SweepError(
            f"cannot read the data at {place}: {error}; the sweep was begun at "
            f"{origin.place}"
        ) from error
    if prepared.table.digest != plan.data_digest:
        raise SweepError(
            f"the rows at {place} are not those that the sweep was begun with, at "
            f"{origin.place}: {prepared.table.digest} for {plan.data_digest}. Give "
            "every worker the same data, and let them be while the sweep runs"
        )
    return prepared


def measure_regularized(prepared: Prepared, strength: float) -> tuple[list[Point], int]:
    """Train as `leafpath train` does; return its one point and the restarts."""
    trained = train_prepared(prepared)
    probabilities = predict_rows(trained.network, prepared.all_rows)
    point = _point(
        "regularized", prepared, strength, trained.tree, probabilities, probabilities
    )
    return [point], trained.provenance.restarts


def measure_controls(
    prepared: Prepared, prices: tuple[float, ...]
) -> tuple[list[Point], int]:
    """Train one network without a regularizer; distil it at every price of a decision.

    Each tree is also projected upon, and answered by a CART on the labels with as many
    leaves, whose fidelity is its agreement with the same network. Where there are
    regions, each has a tree of each kind.
    """
    config, regions = prepared.config, find_regions(prepared)
    train_rows = prepared.split.train
    fitted = fit(prepared.build_network, prepared.rows(train_rows), config)
    network = calibrate(prepared, fitted.network)
    answers = predict_rows(network, prepared.all_rows)
    decisions = answers.argmax(axis=1)
    points = []
    for price in prices:
        distilled = choose_tree(_priced(prepared, price), answers, None)
        tree = describe_tree(prepared, distilled, decisions)
        points.append(_point("posthoc", prepared, price, tree, answers, answers))
        projected = project_onto(prepared, network, distilled)
        decided = predict_rows(projected, prepared.all_rows)
        agreed = describe_tree(prepared, distilled, decided.argmax(axis=1))
        points.append(_point("projected", prepared, price, agreed, decided, decided))
        cart = grow_cart(prepared, count_leaves(tree), regions)
        served = _shares(cart, prepared)
        # Its counts are of labels: where it errs the network may never decide as it.
        rows = prepared.rows(train_rows)
        tree = as_tree(cart, rows, rows.y, prepared.n_classes)
        points.append(_point("cart", prepared, price, tree, answers, served))
    return points, fitted.restarts


def _priced(prepared: Prepared, price: float) -> Prepared:
    replace = msgspec.structs.replace
    tree = replace(prepared.config.tree, strength=price)
    return dataclasses.replace(prepared, config=replace(prepared.config, tree=tree))


def _shares(cart: Grown, prepared: Prepared) -> Probabilities:
    """Return a CART's answers to every row: its leaf's shares of training labels."""
    counts: Floats = cart.weights[route(cart, prepared.Z)]
    shares = counts / counts.sum(axis=1, keepdims=True)
    return np.asarray(shares, dtype=np.float32)


def _point(
    kind: Kind,
    prepared: Prepared,
    strength: float,
    tree: DistilledTree,
    explained: Probabilities,
    served: Probabilities,
) -> Point:
    """Measure a tree and what is served with it.

    Parameters
    ----------
    explained : [n, n_classes] the answers that fidelity is agreement with.
    served : [n, n_classes] the answers whose AUC and accuracy count.
    """
    split = prepared.split
    return Point(
        kind=kind,
        strength=strength,
        seed=prepared.config.train.seed,
        leaves=len(tree.leaves),
        validation=_measure(prepared, tree, explained, served, split.validation),
        test=_measure(prepared, tree, explained, served, split.test),
        features=_names(prepared, tree),
        answers=tuple(tree.decide(prepared.Z[split.held_out]).tolist()),
    )


def _measure(
    prepared: Prepared,
    tree: DistilledTree,
    explained: Probabilities,
    served: Probabilities,
    part: Indexes,
) -> Measured:
    seed, rows = prepared.config.train.seed, prepared.rows(part)
    return Measured(
        network=measure_network(served[part], rows.y, seed),
        tree=measure_tree(tree, rows, explained[part].argmax(axis=1), seed),
    )


def _names(prepared: Prepared, tree: DistilledTree) -> tuple[str, ...]:
    columns = prepared.family.describe_tree_features()
    named = {node.feature for node in tree.nodes if node.feature is not None}
    return tuple(columns[i].name for i in sorted(named))
