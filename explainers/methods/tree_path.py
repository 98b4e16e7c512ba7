"""tree_path: the decisions that lead through the distilled tree to this answer."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from explainers.instances import as_sent
from explainers.manifest import Estimate
from explainers.methods.base import Explainer, Parameters
from explainers.model import Model, Prediction


class TreePathParameters(Parameters, frozen=True):
    """The path has no parameters."""


# Not frozen: one is made for every row and decision, in a third of the time.
@dataclass(slots=True)
class Step:
    """One decision: the input's value, the threshold and how far apart they are.

    ``margin`` is |value - threshold| in training standard deviations of the feature.
    """

    node: int
    feature: int
    name: str
    value: float
    operator: Literal["<=", ">"]
    threshold: float
    margin: float


@dataclass(slots=True)
class TreePath:
    """The path, and how far it can be trusted as an account of the network.

    ``agrees`` says whether the tree's label is the network's. ``fidelity`` is the
    estimated probability of that for unseen inputs in this leaf, ``fidelity_interval``
    its 95 % interval, ``support`` the training rows in the leaf, ``margin`` the
    smallest margin on the path (null without decisions): near 0, a small change of the
    input takes another path. ``region`` names the part of the inputs whose tree this
    is; null where one tree serves all.
    """

    method: str
    leaf: int
    label: str
    agrees: bool
    support: int
    fidelity: float
    fidelity_interval: tuple[float, float]
    global_fidelity: Estimate
    margin: float | None
    path: list[Step]
    rule: str
    region: str | None


def explain(
    model: Model, prediction: Prediction, parameters: TreePathParameters
) -> list[TreePath]:
    """Return each row's path; exact at thresholds (see explainers.tree)."""
    return [_tree_path(model, prediction, row) for row in range(len(prediction))]


def _tree_path(model: Model, prediction: Prediction, row: int) -> TreePath:
    tree = model.tree
    leaf = tree.nodes[int(prediction.leaves[row])]
    label = int(prediction.tree_labels[row])
    region = tree.region_of(leaf.id)
    steps = _steps(model, prediction.tree_features[row], leaf.id)
    return TreePath(
        method="tree_path",
        leaf=leaf.id,
        label=model.classes[label],
        agrees=label == int(prediction.labels[row]),
        support=leaf.n,
        fidelity=leaf.fidelity.value,
        fidelity_interval=(leaf.fidelity.low, leaf.fidelity.high),
        global_fidelity=model.manifest.metrics.tree.fidelity,
        margin=min((step.margin for step in steps), default=None),
        path=steps,
        rule=model.rules[leaf.id],
        region=None if region is None else region.name,
    )


def _steps(model: Model, features: np.ndarray, leaf: int) -> list[Step]:
    path = model.tree.path_to(leaf)
    steps = []
    for here, following in zip(path, path[1:], strict=False):
        node = model.tree.nodes[here]
        if node.feature is None or node.threshold is None:
            continue
        column = model.manifest.tree_features[node.feature]
        value = features[node.feature]
        steps.append(
            Step(
                node=node.id,
                feature=node.feature,
                name=column.name,
                value=as_sent(value),
                operator="<=" if following == node.left else ">",
                threshold=node.threshold,
                margin=abs(float(value) - node.threshold) / column.spread,
            )
        )
    return steps


METHOD = Explainer(
    name="tree_path",
    summary="The decisions of the distilled tree for this input, with the share of "
    "unseen inputs in the same leaf on which tree and network agree. Explains the "
    "network only where `agrees` is true.",
    source="Wu et al. 2018, Beyond Sparsity (AAAI), section 3",
    cost="cheap",
    requires=(),
    parameters=TreePathParameters,
    result=TreePath,
    explain=explain,
    rows=lambda model, parameters: 0,
)
