"""The whole of training, in order: prepare, fit, distil, measure.

Nothing here writes files; export/write.py turns a ``Trained`` into a bundle.
"""

import platform
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Any

import msgspec
import numpy as np
from torch import nn

from explainers.arrays import Floats, Indexes, Probabilities
from explainers.manifest import ControlMetrics, Metrics, Provenance
from explainers.tree import DistilledTree, Region
from trainer.assemble import assemble_tree
from trainer.calibration import fit_temperature, temper
from trainer.config import Config
from trainer.controls import count_leaves, measure_cart, measure_posthoc
from trainer.distill import certainty, measure_objective
from trainer.errors import ConfigError, TrainingWarning
from trainer.finetune import finetune
from trainer.fit import Record, fit
from trainer.metrics import measure_constant, measure_network, measure_tree
from trainer.prepare import Prepared, prepare
from trainer.projection import Projected
from trainer.pruning import LEAF, Grown
from trainer.regions import Regions, check_rows, distil, find_roots, plan_regions
from trainer.regularizers import REGULARIZERS
from trainer.regularizers.pull import KEEP_TREE
from trainer.routing import path_lengths, recount, route
from trainer.rows import predict_rows
from trainer.threads import limited_threads
from trainer.thresholds import shorten_thresholds
from trainer.watching import Watched

LIBRARIES = ("numpy", "onnx", "onnxscript", "pandas", "scikit-learn", "torch")


@dataclass(frozen=True)
class Trained:
    """Everything that training made; enough to write a bundle or to report.

    ``notes`` are sentences for the report, such as why a sweep chose this point.
    """

    prepared: Prepared
    network: nn.Module
    tree: DistilledTree
    metrics: Metrics
    provenance: Provenance
    curve: tuple[Watched, ...] = ()
    notes: tuple[str, ...] = ()


def train(
    config: Config,
    base: Path = Path(),
    *,
    controls: bool = True,
    progress: bool = False,
    record: Record | None = None,
) -> Trained:
    """Train a network and its tree, and measure both on the untouched test split.

    Parameters
    ----------
    config : see config.py.
    base : the directory that ``config.data.path`` is relative to.
    controls : whether to train and measure the rivals too.
    progress : whether to draw progress bars on stderr.
    record : see ``fit``; told of this network alone, not of the controls.

    Raises
    ------
    TrainingError
        The configuration, the table or the run is of no use; see errors.py.
    """
    check_possible(config)
    with limited_threads(config.train.threads):
        prepared = prepare(config, base)
        return _train(prepared, controls, progress, record)


def train_prepared(prepared: Prepared) -> Trained:
    """Do as ``train`` does, without controls, on data that are read already."""
    check_possible(prepared.config)
    with limited_threads(prepared.config.train.threads):
        return _train(prepared, controls=False)


def _train(
    prepared: Prepared,
    controls: bool,
    progress: bool = False,
    record: Record | None = None,
) -> Trained:
    config = prepared.config
    fitted = fit(
        prepared.build_network,
        prepared.rows(prepared.split.train),
        config,
        progress=progress,
        record=record,
        regions=find_regions(prepared),
    )
    network = calibrate(prepared, fitted.network)
    probabilities = predict_rows(network, prepared.all_rows)
    pruned = choose_tree(prepared, probabilities, fitted.tree)
    if config.decision == "tree":
        pruned = choose_deciding_tree(prepared, pruned)
        network = let_tree_decide(prepared, network, pruned)
        probabilities = predict_rows(network, prepared.all_rows)
    tree = describe_tree(prepared, pruned, probabilities.argmax(axis=1))
    metrics = measure(prepared, probabilities, tree)
    if controls:
        rivals = measure_controls(prepared, probabilities, tree, progress=progress)
        metrics = msgspec.structs.replace(metrics, controls=rivals)
    provenance = describe_provenance(prepared, fitted.restarts)
    return Trained(prepared, network, tree, metrics, provenance, fitted.curve)


def check_possible(config: Config) -> None:
    """Refuse what a configuration asks for and no code offers; raises ConfigError."""
    if config.regularizer.name not in REGULARIZERS:
        raise ConfigError(
            f"regularizer.name: unknown regularizer {config.regularizer.name!r}; "
            f"available: {', '.join(REGULARIZERS)}"
        )


def calibrate(prepared: Prepared, network: nn.Module) -> nn.Module:
    """Fit the temperature on validation rows; no decision changes."""
    if prepared.config.train.epochs == 0:
        return network
    rows = prepared.rows(prepared.split.validation)
    return temper(network, fit_temperature(predict_rows(network, rows), rows.y))


def let_tree_decide(prepared: Prepared, network: nn.Module, tree: Grown) -> nn.Module:
    """Finetune a network for its tree's decisions, project it, and calibrate it."""
    rows = prepared.rows(prepared.split.train)
    decisions = tree.labels[route(tree, rows.Z)]
    finetuned = finetune(network, decisions, rows, prepared.config, prepared.n_classes)
    return calibrate(prepared, project_onto(prepared, finetuned, tree))


def project_onto(prepared: Prepared, network: nn.Module, tree: Grown) -> nn.Module:
    """Return the network that decides as the tree does and ranks as it did."""
    features = prepared.family.build_features()
    return Projected(network, features, tree, prepared.n_classes).eval()


def choose_tree(
    prepared: Prepared, probabilities: Probabilities, pulled_to: Grown | None
) -> Grown:
    """Distil the network on all training rows, or keep the tree it was pulled to.

    The network was made to agree with that tree, so another must be clearly better.

    Parameters
    ----------
    probabilities : [n, n_classes] the network's answers on every row.
    """
    config, train = prepared.config, prepared.split.train
    Z, answers = prepared.Z[train], probabilities[train]
    tree = _distil(prepared, answers)
    if pulled_to is not None and config.regularizer.name == "pull":
        kept = recount(pulled_to, Z, answers.argmax(axis=1), certainty(answers))
        gap = measure_objective(kept, Z, answers, config.tree.strength)
        gap -= measure_objective(tree, Z, answers, config.tree.strength)
        fits = kept.rows[kept.feature == LEAF].min() >= prepared.min_samples_leaf
        tree = kept if gap < KEEP_TREE and fits else tree
    return _shorten(prepared, tree)


def choose_deciding_tree(prepared: Prepared, tree: Grown) -> Grown:
    """Return the tree, or one grown on the labels where that clearly decides better.

    A tree that only explains must follow its network. One that decides need not: the
    network will follow it. What counts is its error on validation rows plus the price
    of its decisions, and it must be better by a standard error (Breiman et al. 1984,
    section 3.4.3): on the 114 such rows of breast cancer less is chance.
    """
    split = prepared.split
    labels = np.eye(prepared.n_classes, dtype=np.float32)[prepared.table.y]
    rival = _shorten(prepared, _distil(prepared, labels[split.train]))
    gain = _row_costs(prepared, tree) - _row_costs(prepared, rival)
    return rival if gain.mean() > gain.std() / np.sqrt(len(gain)) else tree


def _row_costs(prepared: Prepared, tree: Grown) -> Floats:
    """Return what each validation row costs a tree: an error, and its decisions."""
    rows = prepared.split.validation
    leaves = route(tree, prepared.Z[rows])
    wrong = tree.labels[leaves] != prepared.table.y[rows]
    price = prepared.config.tree.strength
    return np.asarray(wrong + price * path_lengths(tree)[leaves])


def _distil(prepared: Prepared, answers: Probabilities) -> Grown:
    """Distil answers to the training rows; one tree a region where there are any."""
    config = prepared.config
    return distil(
        find_regions(prepared),
        prepared.Z[prepared.split.train],
        answers,
        strength=config.tree.strength,
        min_samples_leaf=prepared.min_samples_leaf,
        max_leaves=config.tree.max_leaves,
        seed=config.train.seed,
    )


def _shorten(prepared: Prepared, tree: Grown) -> Grown:
    """Shorten the thresholds, but those of the rule that divides into regions."""
    regions = find_regions(prepared)
    above = find_roots(regions, tree)[1] if regions else []
    return shorten_thresholds(tree, prepared.Z[prepared.split.train], keep=above)


def find_regions(prepared: Prepared) -> Regions | None:
    """Return the regions of a configuration; None where it names none.

    Raises
    ------
    ConfigError, DataError
        No such column, or a region without enough training rows.
    """
    asked = prepared.config.regions
    if asked is None:
        return None
    regions = plan_regions(asked, prepared.family.describe_tree_features())
    check_rows(regions, prepared.Z[prepared.split.train], prepared.min_samples_leaf)
    return regions


def describe_tree(
    prepared: Prepared, pruned: Grown, decisions: Indexes
) -> DistilledTree:
    """Count rows by node and estimate fidelity on held-out rows.

    Parameters
    ----------
    decisions : [n] the network's class index of every row.
    """
    split = prepared.split
    _warn_of_silence(prepared, pruned, decisions[split.train])
    return assemble_tree(
        pruned,
        fitted=prepared.rows(split.train),
        fitted_decisions=decisions[split.train],
        held_out=prepared.Z[split.held_out],
        held_out_decisions=decisions[split.held_out],
        n_classes=prepared.n_classes,
        regions=_name_roots(prepared, pruned),
    )


def _name_roots(prepared: Prepared, pruned: Grown) -> tuple[Region, ...]:
    regions = find_regions(prepared)
    if regions is None:
        return ()
    roots, _ = find_roots(regions, pruned)
    return tuple(
        Region(name=name, root=root)
        for name, root in zip(regions.names, roots, strict=True)
    )


def _warn_of_silence(prepared: Prepared, pruned: Grown, decisions: Indexes) -> None:
    """Say which classes the network decides and the tree never answers."""
    answered = pruned.labels[pruned.feature == LEAF]
    for code in np.setdiff1d(decisions, answered):
        warnings.warn(
            f"the tree never answers {prepared.table.classes[code]!r}, which the "
            f"network decides for {(decisions == code).mean():.1%} of the training "
            "rows; a smaller [tree] strength or min_samples_leaf gives it a leaf",
            TrainingWarning,
            stacklevel=3,
        )


def measure(
    prepared: Prepared, probabilities: Probabilities, tree: DistilledTree
) -> Metrics:
    """Measure network and tree on the test split alone."""
    train_rows, test = prepared.split.train, prepared.split.test
    decisions, y = probabilities.argmax(axis=1), prepared.table.y
    seed = prepared.config.train.seed
    return Metrics(
        network=measure_network(probabilities[test], y[test], seed),
        tree=measure_tree(tree, prepared.rows(test), decisions[test], seed),
        constant_class=measure_constant(
            y[train_rows], decisions[train_rows], y[test], decisions[test]
        ),
    )


def measure_controls(
    prepared: Prepared,
    probabilities: Probabilities,
    tree: DistilledTree,
    *,
    progress: bool = False,
) -> dict[str, ControlMetrics]:
    """Train and measure the rivals at the tree's own number of leaves."""
    decisions = probabilities.argmax(axis=1)[prepared.split.test]
    regions, leaves = find_regions(prepared), count_leaves(tree)
    rivals = {"cart": measure_cart(prepared, decisions, leaves, regions)}
    if prepared.config.train.epochs != 0:  # else it would be the same network again
        rivals["posthoc_l2"] = measure_posthoc(
            prepared, leaves, regions, progress=progress
        )
    return rivals


def describe_provenance(prepared: Prepared, restarts: int) -> Provenance:
    """Return what it takes to train the same model again."""
    config = prepared.config
    return Provenance(
        seed=config.train.seed,
        data_digest=prepared.table.digest,
        rows=prepared.split.rows,
        libraries={
            "python": platform.python_version(),
            **{name: version(name) for name in LIBRARIES},
        },
        configuration=recorded(config),
        restarts=restarts,
    )


def recorded(config: Config) -> dict[str, Any]:
    """Return the configuration as stored: an absolute path keeps its file name only.

    A bundle travels; the directories of the machine that trained it are nobody's
    business.
    """
    built: dict[str, Any] = msgspec.to_builtins(config)
    path = config.data.path
    if path is not None and PurePath(path).is_absolute():
        built["data"]["path"] = PurePath(path).name
    return built
