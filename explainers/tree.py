"""The distilled tree: what tree.json holds, and routing inputs through it.

An input goes left when ``float32(value) <= threshold``, as scikit-learn does: the value
is rounded to single precision first, the threshold is double. Without the rounding,
inputs placed at a threshold reach the wrong leaf.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from explainers.arrays import Floats, Indexes, TreeFeatures
from explainers.errors import TreeError
from explainers.manifest import Document, Estimate

MAX_DEPTH = 64
"""Deeper trees are refused: nobody reads them, and a path must stay short."""

NO_NODE = -1


class Node(Document, frozen=True, kw_only=True):
    """One node; decision nodes have feature, threshold, left and right, leaves a label.

    ``n`` is the support: training rows that reach the node. ``class_counts`` counts the
    network's decisions among them, ``label_counts`` the true labels. ``fidelity`` is
    the share of unseen rows on which tree and network agree here, estimated on held-out
    rows that fitted neither (``fidelity.n`` of them), shrunk toward the global figure.
    """

    id: int
    feature: int | None = None
    threshold: float | None = None
    left: int | None = None
    right: int | None = None
    label: int | None = None
    n: int
    class_counts: tuple[int, ...]
    label_counts: tuple[int, ...]
    fidelity: Estimate

    @property
    def is_leaf(self) -> bool:
        """Whether the node decides nothing and carries a label."""
        return self.feature is None


class Region(Document, frozen=True, kw_only=True):
    """A part of the inputs with a tree of its own: the subtree below node ``root``."""

    name: str
    root: int


class TreeDocument(Document, frozen=True, kw_only=True):
    """tree.json: nodes in order of id, the root first.

    ``regions`` of a regional tree: the decisions above their roots tell them apart, and
    every leaf belongs to exactly one. Empty where one tree serves all inputs.
    """

    nodes: tuple[Node, ...]
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True)
class LeafBox:
    """One leaf as a box: lower < float32(value) <= upper for each feature on its path.

    ``cover`` is the share of training rows that the path lets through at the decisions
    on that feature. All arrays: one value a feature of ``features``.
    """

    leaf: int
    features: tuple[int, ...]
    lower: Floats
    upper: Floats
    cover: Floats


@dataclass(frozen=True)
class DistilledTree:
    """A checked tree, ready to route.

    Parameters
    ----------
    nodes : in order of id; the root is node 0.
    n_features : number of tree features; ``n_classes`` : number of classes.
    regions : see ``TreeDocument``.

    Raises
    ------
    TreeError
        The nodes do not form one tree, or name a feature or class that does not exist.
    """

    nodes: tuple[Node, ...]
    n_features: int
    n_classes: int
    regions: tuple[Region, ...] = ()

    def __post_init__(self) -> None:
        _check_nodes(self.nodes, self.n_features, self.n_classes)
        _check_shape(self.nodes)
        _check_counts(self.nodes)
        _check_regions(self)

    @cached_property
    def _feature(self) -> NDArray[np.intp]:
        return np.array([node.feature or 0 for node in self.nodes], dtype=np.intp)

    @cached_property
    def _threshold(self) -> NDArray[np.float64]:
        # A leaf sends everything to itself, so that routing needs no mask.
        return np.array(
            [0.0 if node.threshold is None else node.threshold for node in self.nodes],
            dtype=np.float64,
        )

    @cached_property
    def _children(self) -> NDArray[np.intp]:
        children = [
            (node.id, node.id) if node.is_leaf else (node.right, node.left)
            for node in self.nodes
        ]
        return np.array(children, dtype=np.intp)  # [n_nodes, 2]: right, left

    @cached_property
    def depths(self) -> NDArray[np.int64]:
        """[n_nodes] int64: decision nodes above each node; the root has 0."""
        depths = np.zeros(len(self.nodes), dtype=np.int64)
        for node in self.preorder():
            if node.left is not None and node.right is not None:
                depths[[node.left, node.right]] = depths[node.id] + 1
        return depths

    @cached_property
    def labels(self) -> Indexes:
        """[n_nodes] int64: class index at each leaf, NO_NODE at decision nodes."""
        return np.array(
            [NO_NODE if node.label is None else node.label for node in self.nodes],
            dtype=np.int64,
        )

    @cached_property
    def parents(self) -> list[int]:
        """The parent of each node, by id; NO_NODE for the root."""
        parents = [NO_NODE] * len(self.nodes)
        for node in self.nodes:
            if node.left is not None and node.right is not None:
                parents[node.left] = parents[node.right] = node.id
        return parents

    @cached_property
    def boxes(self) -> tuple["LeafBox", ...]:
        """Every leaf as a box, in order of leaf id."""
        return tuple(self._box(leaf.id) for leaf in self.leaves)

    def _box(self, leaf: int) -> "LeafBox":
        cover: dict[int, float] = {}
        path = self.path_to(leaf)
        for here, following in zip(path, path[1:], strict=False):
            node, child = self.nodes[here], self.nodes[following]
            if node.feature is not None:
                share = child.n / max(node.n, 1)
                cover[node.feature] = cover.get(node.feature, 1.0) * share
        bounds = self.intervals(leaf)
        return LeafBox(
            leaf,
            tuple(bounds),
            np.array([lower for lower, _ in bounds.values()], dtype=np.float64),
            np.array([upper for _, upper in bounds.values()], dtype=np.float64),
            np.array([cover[feature] for feature in bounds], dtype=np.float64),
        )

    @cached_property
    def _paths(self) -> list[tuple[int, ...]]:
        return [self._climb(node.id) for node in self.nodes]

    def _climb(self, node: int) -> tuple[int, ...]:
        path = [node]
        while (parent := self.parents[path[-1]]) != NO_NODE:
            path.append(parent)
        return tuple(reversed(path))

    @property
    def leaves(self) -> list[Node]:
        """The leaves, in order of id."""
        return [node for node in self.nodes if node.is_leaf]

    @property
    def depth(self) -> int:
        """The longest path: decision nodes between root and leaf."""
        return int(self.depths.max())

    def region_of(self, node: int) -> Region | None:
        """Return the region that a node lies in: None above the regions' roots."""
        if not self.regions:
            return None
        roots = {region.root: region for region in self.regions}
        while node != NO_NODE and node not in roots:
            node = self.parents[node]
        return roots.get(node)

    def preorder(self, root: int = 0, cut: Collection[int] = ()) -> list[Node]:
        """Return the nodes from ``root`` down, each left subtree before the right.

        ``cut`` : nodes below which none is wanted.
        """
        ordered: list[Node] = []
        stack = [root]
        while stack:
            node = self.nodes[stack.pop()]
            ordered.append(node)
            if node.left is not None and node.right is not None and node.id not in cut:
                stack += [node.right, node.left]
        return ordered

    def apply(self, features: TreeFeatures) -> Indexes:
        """Return the leaf id of each row.

        Parameters
        ----------
        features : [n, n_features], rounded to float32 before comparing.

        Returns
        -------
        [n] int64.
        """
        values = np.asarray(features, dtype=np.float32)
        if len(values) == 1:
            return np.array([self._apply_one(values[0].tolist())], dtype=np.int64)
        rows = np.arange(len(values))
        at = np.zeros(len(values), dtype=np.intp)
        for _ in range(self.depth):
            goes_left = values[rows, self._feature[at]] <= self._threshold[at]
            at = self._children[at, goes_left.astype(np.intp)]
        return at.astype(np.int64)

    def _apply_one(self, values: list[float]) -> int:
        """Route one row: without numpy's overhead, ten times faster than a batch."""
        node = self.nodes[0]
        while node.left is not None and node.right is not None:
            left = values[node.feature or 0] <= (node.threshold or 0.0)
            node = self.nodes[node.left if left else node.right]
        return node.id

    def decide(self, features: TreeFeatures) -> Indexes:
        """Return the class index that the tree answers for each row: [n] int64."""
        return self.labels[self.apply(features)]

    def path_to(self, node: int) -> tuple[int, ...]:
        """Return the node ids from the root to ``node``, both included."""
        return self._paths[node]

    def intervals(self, node: int) -> dict[int, tuple[float, float]]:
        """Return what the path to ``node`` asks of each feature, in order of the path.

        A feature's pair (lower, upper) stands for lower < float32(value) <= upper;
        infinite where the path sets no bound.
        """
        return self._intervals[node]

    @cached_property
    def _intervals(self) -> list[dict[int, tuple[float, float]]]:
        return [self._intersect(node.id) for node in self.nodes]

    def _intersect(self, end: int) -> dict[int, tuple[float, float]]:
        asked: dict[int, tuple[float, float]] = {}
        path = self.path_to(end)
        for here, following in zip(path, path[1:], strict=False):
            node = self.nodes[here]
            if node.feature is None or node.threshold is None:
                continue
            lower, upper = asked.get(node.feature, (-math.inf, math.inf))
            if following == node.left:
                asked[node.feature] = (lower, min(upper, node.threshold))
            else:
                asked[node.feature] = (max(lower, node.threshold), upper)
        return asked

    def average_path_length(self, features: TreeFeatures) -> float:
        """Return the mean number of decision nodes that the rows touch.

        The leaf is excluded; a single leaf has 0 (Wu et al. 2018, section 3).
        """
        return float(self.depths[self.apply(features)].mean())


def read_tree(raw: bytes, n_features: int, n_classes: int) -> DistilledTree:
    """Parse and check tree.json.

    Raises
    ------
    TreeError
        Not JSON, a wrong field, or not one well-formed tree.
    """
    try:
        document = msgspec.json.decode(raw, type=TreeDocument)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise TreeError(f"tree.json: {error}") from error
    return DistilledTree(document.nodes, n_features, n_classes, document.regions)


def write_tree(tree: DistilledTree) -> bytes:
    """Return the bytes of tree.json."""
    document = TreeDocument(nodes=tree.nodes, regions=tree.regions)
    return msgspec.json.encode(document, order="sorted")


def _check_regions(tree: DistilledTree) -> None:
    """Each leaf lies below the root of exactly one region, if there are regions."""
    names = [region.name for region in tree.regions]
    roots = [region.root for region in tree.regions]
    if len(set(names)) < len(names) or len(set(roots)) < len(roots):
        raise TreeError("tree.json: two regions have one name or one root")
    if roots and not 0 <= min(roots) <= max(roots) < len(tree.nodes):
        raise TreeError(f"tree.json: regions name roots {roots}, which do not exist")
    for leaf in tree.leaves if roots else ():
        above = [node for node in tree.path_to(leaf.id) if node in roots]
        if len(above) != 1:
            raise TreeError(
                f"tree.json: leaf {leaf.id} lies in {len(above)} regions, not in one"
            )


def _check_nodes(nodes: tuple[Node, ...], n_features: int, n_classes: int) -> None:
    if not nodes:
        raise TreeError("tree.json: there are no nodes")
    for position, node in enumerate(nodes):
        where = f"tree.json: nodes[{position}]"
        if node.id != position:
            raise TreeError(f"{where}.id is {node.id}; ids count up from 0")
        for counts in (node.class_counts, node.label_counts):
            if len(counts) != n_classes or min(counts) < 0:
                raise TreeError(f"{where}: counts must be {n_classes} numbers >= 0")
        links = (node.feature, node.threshold, node.left, node.right)
        if not 0 <= node.fidelity.low <= node.fidelity.high <= 1:
            raise TreeError(f"{where}.fidelity is no share, from 0 to 1")
        if node.is_leaf:
            _check_leaf(where, node, n_classes)
        elif None in links or node.label is not None:
            raise TreeError(
                f"{where} is a decision: it needs feature, threshold, left and right, "
                "and no label"
            )
        elif not 0 <= (node.feature or 0) < n_features:
            raise TreeError(
                f"{where}.feature is {node.feature}; there are {n_features} features"
            )
        elif not math.isfinite(node.threshold or 0.0):
            raise TreeError(f"{where}.threshold is {node.threshold}")


def _check_leaf(where: str, node: Node, n_classes: int) -> None:
    if (node.threshold, node.left, node.right) != (None, None, None):
        raise TreeError(f"{where} is a leaf: it has no threshold and no children")
    if node.label is None or not 0 <= node.label < n_classes:
        raise TreeError(f"{where}.label is {node.label}; there are {n_classes} classes")


def _check_counts(nodes: tuple[Node, ...]) -> None:
    """Hold each node's counts against its support, its children and its label."""
    for node in nodes:
        where = f"tree.json: nodes[{node.id}]"
        for counts in (node.class_counts, node.label_counts):
            if sum(counts) != node.n:
                raise TreeError(f"{where}: counts {list(counts)} are not {node.n} rows")
        # Rows weigh more where the network is sure, so a label may be in the minority.
        if node.label is not None and node.n and not node.class_counts[node.label]:
            raise TreeError(
                f"{where}.label is {node.label}, which the network decides for none of "
                f"its rows ({list(node.class_counts)})"
            )
        if node.left is not None and node.right is not None:
            _check_sums(where, node, nodes[node.left], nodes[node.right])


def _check_sums(where: str, node: Node, left: Node, right: Node) -> None:
    for name in ("class_counts", "label_counts"):
        below = zip(getattr(left, name), getattr(right, name), strict=True)
        if [a + b for a, b in below] != list(getattr(node, name)):
            raise TreeError(f"{where}.{name} is not the sum of its children's")


def _check_shape(nodes: tuple[Node, ...]) -> None:
    """Walk from the root: every node reached exactly once, or it is not a tree."""
    depth = {0: 0}
    stack = [0]
    while stack:
        node = nodes[stack.pop()]
        if depth[node.id] > MAX_DEPTH:
            raise TreeError(f"tree.json: deeper than {MAX_DEPTH} decisions")
        if node.left is None or node.right is None:
            continue
        for child in (node.left, node.right):
            if not 0 <= child < len(nodes):
                raise TreeError(f"tree.json: node {node.id} names child {child}")
            if child in depth:
                raise TreeError(
                    f"tree.json: node {child} is reached twice (again from node "
                    f"{node.id}): a cycle or a shared child, not a tree"
                )
            depth[child] = depth[node.id] + 1
            stack.append(child)
    if len(depth) != len(nodes):
        orphans = sorted(set(range(len(nodes))) - set(depth))
        raise TreeError(f"tree.json: nodes {orphans} are not reached from the root")
