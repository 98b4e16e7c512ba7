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

from explainers.arrays import Indexes, Probabilities
from explainers.manifest import ControlMetrics, Metrics, Provenance
from explainers.tree import DistilledTree
from trainer.assemble import assemble_tree
from trainer.config import Config
from trainer.controls import measure_cart, measure_posthoc
from trainer.distill import distill
from trainer.errors import ConfigError, TrainingWarning
from trainer.fit import fit
from trainer.metrics import measure_constant, measure_network, measure_tree
from trainer.prepare import Prepared, prepare
from trainer.pruning import LEAF, Grown
from trainer.regularizers import REGULARIZERS
from trainer.rows import predict_rows
from trainer.threads import limited_threads
from trainer.thresholds import shorten_thresholds

LIBRARIES = ("numpy", "onnx", "onnxscript", "pandas", "scikit-learn", "torch")


@dataclass(frozen=True)
class Trained:
    """Everything that training made; enough to write a bundle or to report."""

    prepared: Prepared
    network: nn.Module
    tree: DistilledTree
    metrics: Metrics
    provenance: Provenance


def train(
    config: Config,
    base: Path = Path(),
    *,
    controls: bool = True,
    progress: bool = False,
) -> Trained:
    """Train a network and its tree, and measure both on the untouched test split.

    Parameters
    ----------
    config : see config.py.
    base : the directory that ``config.data.path`` is relative to.
    controls : whether to train and measure the rivals too.
    progress : whether to draw progress bars on stderr.

    Raises
    ------
    TrainingError
        The configuration, the table or the run is of no use; see errors.py.
    """
    if config.regularizer.name not in REGULARIZERS:
        raise ConfigError(
            f"regularizer.name: unknown regularizer {config.regularizer.name!r}; "
            f"available: {', '.join(REGULARIZERS)}"
        )
    with limited_threads(config.train.threads):
        return _train(config, base, controls, progress)


def _train(config: Config, base: Path, controls: bool, progress: bool) -> Trained:
    prepared = prepare(config, base)
    fitted = fit(
        prepared.build_network,
        prepared.rows(prepared.split.train),
        config,
        progress=progress,
    )
    probabilities = predict_rows(fitted.network, prepared.all_rows)
    tree = distil_tree(prepared, probabilities)
    metrics = measure(prepared, probabilities, tree)
    if controls:
        rivals = measure_controls(prepared, probabilities, tree, progress=progress)
        metrics = msgspec.structs.replace(metrics, controls=rivals)
    provenance = describe_provenance(prepared, fitted.restarts)
    return Trained(prepared, fitted.network, tree, metrics, provenance)


def distil_tree(prepared: Prepared, probabilities: Probabilities) -> DistilledTree:
    """Distil the network on all training rows; estimate fidelity on held-out rows.

    Parameters
    ----------
    probabilities : [n, n_classes] the network's answers on every row of the table.
    """
    config, split = prepared.config, prepared.split
    pruned = distill(
        prepared.Z[split.train],
        probabilities[split.train],
        strength=config.tree.strength,
        min_samples_leaf=prepared.min_samples_leaf,
        max_leaves=config.tree.max_leaves,
        seed=config.train.seed,
    )
    decisions = probabilities.argmax(axis=1)
    _warn_of_silence(prepared, pruned, decisions[split.train])
    return assemble_tree(
        shorten_thresholds(pruned, prepared.Z[split.train]),
        fitted=prepared.rows(split.train),
        fitted_decisions=decisions[split.train],
        held_out=prepared.Z[split.held_out],
        held_out_decisions=decisions[split.held_out],
        n_classes=prepared.n_classes,
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
    leaves = len(tree.leaves)
    return {
        "cart": measure_cart(prepared, decisions, leaves),
        "posthoc_l2": measure_posthoc(prepared, leaves, progress=progress),
    }


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
