"""Loss, accuracy and the tree's figures at points of a plane of weights.

Many points are evaluated in one pass (``torch.func.vmap`` over stacked weights): the
networks are small, and one call a point would mostly wait for Python.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from explainers.arrays import Floats, Indexes, Probabilities
from trainer.distill import distill, path_lengths, route
from trainer.landscape.subject import Part, Subject, TreeSettings
from trainer.landscape.weights import Plane, Weights

QUANTITIES = (
    "train_loss",
    "train_accuracy",
    "test_loss",
    "test_accuracy",
    "fidelity",
    "average_path_length",
    "own_tree_fidelity",
)
"""What is measured at a point, in the order of columns.

``*_loss`` is the mean cross-entropy in nats, without penalties. ``fidelity`` is the
agreement, on test rows, of the network at that point with the tree that is distilled
from it there, as training would; ``average_path_length`` that tree's decisions a
training row (Wu et al. 2018, section 3). ``own_tree_fidelity`` is the agreement with
the tree of the bundle, which stays as it is.
"""

_CHUNK_CELLS = 4_000_000
_ONE_BY_ONE = (
    nn.RNNBase,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
)


@dataclass(frozen=True)
class Decisions:
    """What the networks at k points answer for the n rows of a part.

    ``loss`` and ``accuracy`` [k]; ``probabilities`` [k, n, n_classes] float32.
    """

    loss: Floats
    accuracy: Floats
    probabilities: Probabilities


def measure_points(
    subject: Subject, plane: Plane, points: Floats, *, tree: bool = True
) -> Floats:
    """Measure k points of a plane.

    Parameters
    ----------
    points : [k, 2] pairs (alpha, beta).
    tree : whether to distil a tree at every point; NaN in its columns otherwise.

    Returns
    -------
    [k, len(QUANTITIES)] float64.
    """
    train = answer(subject.network, plane, points, subject.train)
    test = answer(subject.network, plane, points, subject.test)
    columns = [train.loss, train.accuracy, test.loss, test.accuracy]
    labels = test.probabilities.argmax(axis=2)
    own = (subject.tree.decide(subject.test.Z) == labels).mean(axis=1)
    trees = np.full((len(points), 2), np.nan)
    if tree:
        for i, probabilities in enumerate(train.probabilities):
            trees[i] = measure_tree_at(subject, probabilities, labels[i])
    return np.column_stack([*columns, trees, own])


def answer(network: nn.Module, plane: Plane, points: Floats, part: Part) -> Decisions:
    """Run the networks at k points on the rows of a part."""
    size = max(1, _CHUNK_CELLS // max(1, part.inputs[0].numel()))
    logits = torch.cat(
        [
            forward_all(network, plane.at(points[start : start + size]), part.inputs)
            for start in range(0, len(points), size)
        ]
    ).double()
    y = torch.from_numpy(part.y)
    log_odds = torch.log_softmax(logits, dim=2)  # [k, n, n_classes]
    chosen = log_odds.gather(2, y.expand(len(points), -1)[:, :, None]).squeeze(2)
    right = (logits.argmax(dim=2) == y).double().mean(dim=1)
    probabilities = log_odds.exp().float().numpy()
    return Decisions(-chosen.mean(dim=1).numpy(), right.numpy(), probabilities)


@torch.no_grad()
def forward_all(
    network: nn.Module, stacked: Weights, inputs: Sequence[Tensor]
) -> Tensor:
    """Return the logits [k, n, n_classes] of k networks that share a structure.

    Parameters
    ----------
    stacked : [k, *shape] by parameter.
    """

    def run(weights: Weights) -> Tensor:
        logits: Tensor = torch.func.functional_call(network, weights, tuple(inputs))
        return logits

    # Recurrent layers take their weights as a list, which vmap cannot batch; batched
    # convolutions become grouped ones, which are slower than one after another.
    if any(isinstance(module, _ONE_BY_ONE) for module in network.modules()):
        k = len(next(iter(stacked.values())))
        alone = [{name: v[i] for name, v in stacked.items()} for i in range(k)]
        return torch.stack([run(weights) for weights in alone])
    batched: Tensor = torch.func.vmap(run)(stacked)
    return batched


def measure_tree_at(
    subject: Subject, probabilities: Probabilities, labels: Indexes
) -> tuple[float, float]:
    """Distil a tree from the answers at one point.

    Parameters
    ----------
    probabilities : [n_train, n_classes]. labels : [n_test] the network's classes there.

    Returns
    -------
    Its fidelity on the test rows and its average path length on the training rows.
    """
    settings: TreeSettings = subject.settings
    grown = distill(
        subject.train.Z,
        probabilities,
        strength=settings.strength,
        min_samples_leaf=settings.min_samples_leaf,
        max_leaves=settings.max_leaves,
        seed=settings.seed,
    )
    answers = grown.labels[route(grown, subject.test.Z)]
    lengths = path_lengths(grown)[route(grown, subject.train.Z)]
    return float((answers == labels).mean()), float(lengths.mean())
