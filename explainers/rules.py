"""The tree in words: one rule a leaf, the whole tree as text and as Graphviz."""

import math
from collections.abc import Sequence

from explainers.manifest import TreeFeature
from explainers.tree import DistilledTree, Node

ALWAYS = "always"
"""The rule of a tree with a single leaf."""


def format_number(value: float) -> str:
    """Return a threshold exactly, as the shortest decimal that reads back as it."""
    text = repr(float(value))
    return text.removesuffix(".0")


def condition(column: TreeFeature, threshold: float, *, left: bool) -> str:
    """Return one decision in words, such as ``worst radius <= 16.8``.

    Indicator columns (0 or 1) read ``colour = red``, ``colour != red``,
    ``age is missing``, ``age is known``.
    """
    if column.kind == "value":
        return f"{column.name} {'<=' if left else '>'} {format_number(threshold)}"
    if not left:
        return column.name
    if column.kind == "category":
        suffix = f" = {column.category}"
        return f"{column.name.removesuffix(suffix)} != {column.category}"
    return f"{column.name.removesuffix(' is missing')} is known"


def rule(tree: DistilledTree, columns: Sequence[TreeFeature], node: int) -> str:
    """Return the conjunction that leads to ``node``, each column named once.

    Repeated decisions on one numeric column are merged into the tightest interval:
    ``12.1 < worst radius <= 16.8 and worst texture > 20``.
    """
    parts = [
        _interval(columns[feature], lower, upper)
        for feature, (lower, upper) in tree.intervals(node).items()
    ]
    return " and ".join(parts) or ALWAYS


def _interval(column: TreeFeature, lower: float, upper: float) -> str:
    if column.kind == "value" and -math.inf < lower and upper < math.inf:
        return f"{format_number(lower)} < {column.name} <= {format_number(upper)}"
    if upper < math.inf:
        return condition(column, upper, left=True)
    return condition(column, lower, left=False)


def rules_as_text(
    tree: DistilledTree,
    columns: Sequence[TreeFeature],
    classes: Sequence[str],
    root: int = 0,
) -> str:
    """Return one line a leaf below ``root``: rule, answer, support and fidelity."""
    lines = []
    for node in tree.preorder(root):
        if node.label is not None:
            lines.append(
                f"leaf {node.id}: if {rule(tree, columns, node.id)} "
                f"then {classes[node.label]}  "
                f"(support {node.n}, fidelity {node.fidelity.value:.3f})"
            )
    return "\n".join(lines) + "\n"


def tree_as_text(
    tree: DistilledTree, columns: Sequence[TreeFeature], classes: Sequence[str]
) -> str:
    """Return the tree drawn with indentation, for a terminal."""
    lines = []
    for node in tree.preorder():
        indent = "|   " * int(tree.depths[node.id])
        if node.label is not None:
            text = f"{classes[node.label]}  {_leaf_note(node)}"
        else:
            text = f"{_question(node, columns)}  [node {node.id}, n={node.n}]"
        lines.append(f"{indent}{text}")
    return "\n".join(lines) + "\n"


def _question(node: Node, columns: Sequence[TreeFeature]) -> str:
    column = columns[node.feature or 0]
    # The left branch is printed first: ask so that the first answer is "yes".
    return f"{condition(column, node.threshold or 0.0, left=True)} ?"


def _leaf_note(node: Node) -> str:
    estimate = node.fidelity
    return (
        f"[leaf {node.id}, n={node.n}, fidelity {estimate.value:.3f} "
        f"({estimate.low:.3f}-{estimate.high:.3f})]"
    )


def tree_as_graphviz(
    tree: DistilledTree,
    columns: Sequence[TreeFeature],
    classes: Sequence[str],
    root: int = 0,
) -> str:
    """Return the tree below ``root`` in the DOT language; ``yes`` edges go left."""
    lines = [
        "digraph tree {",
        '  node [shape=box, style="rounded,filled", fillcolor="#f7f7f7", '
        'fontname="Helvetica"];',
    ]
    for node in tree.preorder(root):
        if node.label is not None:
            text = (
                f"{classes[node.label]}\nn = {node.n}\n"
                f"fidelity {node.fidelity.value:.3f}"
            )
            lines.append(f'  {node.id} [label={_quoted(text)}, fillcolor="#e3f1e3"];')
        else:
            lines.append(f"  {node.id} [label={_quoted(_question(node, columns))}];")
            lines.append(f'  {node.id} -> {node.left} [label="yes"];')
            lines.append(f'  {node.id} -> {node.right} [label="no"];')
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
