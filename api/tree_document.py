"""The tree as clients read it in JSON: every node with its support and fidelity."""

from itertools import pairwise

import msgspec
from msgspec import UNSET, UnsetType

from api.schemas import ModelReference
from explainers.manifest import Estimate
from explainers.model import Model
from explainers.rules import condition, rule
from explainers.tree import NO_NODE, DistilledTree, Node, Region


class TreeFeatureReply(msgspec.Struct, frozen=True, kw_only=True):
    """A column that the tree may split on."""

    index: int
    name: str
    unit: str | None


class NodeReply(msgspec.Struct, frozen=True, kw_only=True):
    """One node. Decisions have feature, threshold, left, right and, in words, the
    condition under which an input goes left; leaves have a label and the rule that
    leads to them.

    An input goes left when ``float32(value) <= threshold``. ``n`` counts training rows,
    ``class_counts`` the network's decisions among them and ``label_counts`` the true
    labels, in the order of ``classes``. ``fidelity`` is the share of unseen rows here
    on which tree and network agree, estimated on ``fidelity_n`` rows that fitted
    neither.
    """

    id: int
    parent: int | None
    depth: int
    leaf: bool | UnsetType = UNSET
    label: str | UnsetType = UNSET
    feature: int | UnsetType = UNSET
    threshold: float | UnsetType = UNSET
    left: int | UnsetType = UNSET
    right: int | UnsetType = UNSET
    condition: str | UnsetType = UNSET
    rule: str | UnsetType = UNSET
    n: int
    fidelity: float
    fidelity_interval: tuple[float, float]
    fidelity_n: int
    class_counts: tuple[int, ...]
    label_counts: tuple[int, ...]


class RegionReply(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the inputs with a tree of its own: the nodes from ``root`` down.

    ``leaves`` and ``depth`` are that tree's, ``n`` its training rows; ``fidelity`` is
    estimated like that of a node.
    """

    name: str
    root: int
    leaves: int
    depth: int
    n: int
    fidelity: Estimate


class TreeReply(msgspec.Struct, frozen=True, kw_only=True):
    """The tree, and how well it speaks for its network on the test split.

    ``regions`` are null where one tree serves all inputs. With ``region`` the ``nodes``
    are those of its tree alone, from its root down; all figures remain the whole
    tree's, and ids are the same.
    """

    model: ModelReference
    features: list[TreeFeatureReply]
    classes: tuple[str, ...]
    average_path_length: float
    leaves: int
    depth: int
    regions: list[RegionReply] | None
    region: str | None
    fidelity: Estimate
    balanced_fidelity: Estimate
    nodes: list[NodeReply]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One decision on the way to a node, and which branch leads there."""

    node: int
    feature: int
    name: str
    operator: str
    threshold: float


class NodePage(msgspec.Struct, frozen=True, kw_only=True):
    """One node with the decisions that lead to it, and those decisions in words.

    ``region`` is the one it lies in; null above the regions, and where there are none.
    """

    model: ModelReference
    node: NodeReply
    region: str | None
    path: list[Decision]
    rule: str


def tree_reply(
    model: Model, reference: ModelReference, region: Region | None = None
) -> TreeReply:
    """Return the document of ``GET /v1/models/{model}/tree``."""
    metrics, tree = model.manifest.metrics.tree, model.tree
    replies = node_replies(model)
    return TreeReply(
        model=reference,
        features=[
            TreeFeatureReply(index=index, name=column.name, unit=column.unit)
            for index, column in enumerate(model.manifest.tree_features)
        ],
        classes=model.classes,
        average_path_length=metrics.average_path_length.value,
        leaves=len(tree.leaves),
        depth=tree.depth,
        regions=[_region(tree, one) for one in tree.regions] or None,
        region=None if region is None else region.name,
        fidelity=metrics.fidelity,
        balanced_fidelity=metrics.balanced_fidelity,
        nodes=replies
        if region is None
        else [replies[node.id] for node in tree.preorder(region.root)],
    )


def _region(tree: DistilledTree, region: Region) -> RegionReply:
    nodes, root = tree.preorder(region.root), tree.nodes[region.root]
    deepest = max(int(tree.depths[node.id]) for node in nodes)
    return RegionReply(
        name=region.name,
        root=root.id,
        leaves=sum(node.is_leaf for node in nodes),
        depth=deepest - int(tree.depths[root.id]),
        n=root.n,
        fidelity=root.fidelity,
    )


def node_replies(model: Model) -> list[NodeReply]:
    """Return every node, in order of id."""
    return [_node_reply(model, node) for node in model.tree.nodes]


def node_page(model: Model, reference: ModelReference, node: int) -> NodePage:
    """Return the document of one node, which must exist."""
    path = _path(model, node)
    if model.tree.nodes[node].is_leaf:
        words = rule(model.tree, model.manifest.tree_features, node)
    else:
        words = " and ".join(_in_words(model, step) for step in path) or "always"
    region = model.tree.region_of(node)
    return NodePage(
        model=reference,
        node=node_replies(model)[node],
        region=None if region is None else region.name,
        path=path,
        rule=words,
    )


def _node_reply(model: Model, node: Node) -> NodeReply:
    parent = model.tree.parents[node.id]
    return NodeReply(
        id=node.id,
        parent=None if parent == NO_NODE else parent,
        depth=int(model.tree.depths[node.id]),
        leaf=True if node.is_leaf else UNSET,
        label=UNSET if node.label is None else model.classes[node.label],
        feature=_or_unset(node.feature),
        threshold=UNSET if node.threshold is None else node.threshold,
        left=_or_unset(node.left),
        right=_or_unset(node.right),
        condition=_condition(model, node),
        rule=model.rules[node.id] if node.is_leaf else UNSET,
        n=node.n,
        fidelity=node.fidelity.value,
        fidelity_interval=(node.fidelity.low, node.fidelity.high),
        fidelity_n=node.fidelity.n,
        class_counts=node.class_counts,
        label_counts=node.label_counts,
    )


def _condition(model: Model, node: Node) -> str | UnsetType:
    if node.feature is None or node.threshold is None:
        return UNSET
    column = model.manifest.tree_features[node.feature]
    return condition(column, node.threshold, left=True)


def _or_unset(value: int | None) -> int | UnsetType:
    return UNSET if value is None else value


def _path(model: Model, target: int) -> list[Decision]:
    """Return the decisions from the root to ``target``, which is not one of them."""
    return [
        _decision(model, model.tree.nodes[here], following)
        for here, following in pairwise(model.tree.path_to(target))
    ]


def _decision(model: Model, node: Node, following: int) -> Decision:
    feature = node.feature or 0
    return Decision(
        node=node.id,
        feature=feature,
        name=model.manifest.tree_features[feature].name,
        operator="<=" if following == node.left else ">",
        threshold=node.threshold or 0.0,
    )


def _in_words(model: Model, step: Decision) -> str:
    column = model.manifest.tree_features[step.feature]
    return condition(column, step.threshold, left=step.operator == "<=")
