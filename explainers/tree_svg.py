"""The tree as a picture: drawn from left to right, so that labels have room."""

from collections.abc import Collection, Sequence
from html import escape

from explainers.manifest import TreeFeature
from explainers.rules import condition
from explainers.tree import DistilledTree, Node

ROW, GAP, CHARACTER, PADDING, HEIGHT = 56, 72, 7.2, 12, 40
"""Pixels: between leaves, between columns, of a letter, inside and of a box."""

# In a page, the style of an <svg> holds for all of it, so every rule names the tree.
_STYLE = (
    ".tree text{font:12px Helvetica,Arial,sans-serif;fill:#1b1b1b}"
    ".tree .note{fill:#555;font-size:11px}"
    ".tree .decision{fill:#f4f4f4;stroke:#8a8a8a}"
    ".tree .leaf{fill:#e3f1e3;stroke:#5d8f5d}"
    ".tree .cut{fill:#fff;stroke:#8a8a8a;stroke-dasharray:4 3}"
    ".tree .edge{fill:none;stroke:#8a8a8a}"
)


def tree_as_svg(
    tree: DistilledTree,
    columns: Sequence[TreeFeature],
    classes: Sequence[str],
    root: int = 0,
    cut: Collection[int] = (),
) -> str:
    """Return an SVG document of the tree below ``root``; the upper branch is taken when
    the condition holds.

    Parameters
    ----------
    cut : nodes below which nothing is drawn; each says how many leaves it has there,
        and leads to ``#node-ID``, which the drawing of the rest begins with.
    """
    nodes = tree.preorder(root, cut)
    labels = {
        node.id: _promise(tree, node)
        if node.id in cut
        else _label(node, columns, classes)
        for node in nodes
    }
    widest = max(len(line) for lines in labels.values() for line in lines)
    width = widest * CHARACTER + 2 * PADDING
    ends = [node.id for node in nodes if node.is_leaf or node.id in cut]
    y = _rows(nodes, ends)
    depths = tree.depths - tree.depths[root]
    x = {node.id: 8 + int(depths[node.id]) * (width + GAP) for node in nodes}
    parts = [_edges(node, x, y, width) for node in nodes if node.id not in ends]
    for node in nodes:
        kind = "leaf" if node.is_leaf else "cut" if node.id in cut else "decision"
        box = _box(kind, labels[node.id], x[node.id], y[node.id], width)
        title, name = f"<title>node {node.id}</title>", f"node-{node.id}"
        if kind == "cut":
            parts.append(f'<a href="#{name}"><g>{title}{box}</g></a>')
        else:
            parts.append(f'<g id="{name}">{title}{box}</g>')
    total_width = max(x.values()) + width + 8
    total_height = len(ends) * ROW + 8
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" class="tree" '
        f'width="{total_width:.0f}" '
        f'height="{total_height}" viewBox="0 0 {total_width:.0f} {total_height}" '
        f'role="img"><title>Decision tree</title><style>{_STYLE}</style>'
        f"{''.join(parts)}</svg>\n"
    )


def _promise(tree: DistilledTree, node: Node) -> tuple[str, str]:
    leaves = sum(below.is_leaf for below in tree.preorder(node.id))
    return f"{leaves} leaves, drawn below", _note(node)


def _note(node: Node) -> str:
    return f"n = {node.n}, fidelity {node.fidelity.value:.3f}"


def _label(
    node: Node, columns: Sequence[TreeFeature], classes: Sequence[str]
) -> tuple[str, str]:
    note = _note(node)
    if node.label is not None:
        return classes[node.label], note
    column = columns[node.feature or 0]
    return condition(column, node.threshold or 0.0, left=True) + " ?", note


def _rows(nodes: list[Node], ends: list[int]) -> dict[int, float]:
    """Give ends one row each, and each decision the middle of its children's.

    ``nodes`` are in preorder.
    """
    y = {end: 4 + ROW * (i + 0.5) for i, end in enumerate(ends)}
    for node in reversed(nodes):
        if node.id not in y and node.left is not None and node.right is not None:
            y[node.id] = (y[node.left] + y[node.right]) / 2
    return y


def _edges(node: Node, x: dict[int, float], y: dict[int, float], width: float) -> str:
    start_x, start_y = x[node.id] + width, y[node.id]
    drawn = []
    for child, answer, offset in ((node.left, "yes", -5), (node.right, "no", 13)):
        if child is None:
            continue
        end_x, end_y = x[child], y[child]
        middle = (start_x + end_x) / 2
        drawn.append(
            f'<path class="edge" d="M{start_x:.1f} {start_y:.1f}C{middle:.1f} '
            f'{start_y:.1f} {middle:.1f} {end_y:.1f} {end_x:.1f} {end_y:.1f}"/>'
            f'<text class="note" x="{end_x - 26:.1f}" y="{end_y + offset:.1f}">'
            f"{answer}</text>"
        )
    return "".join(drawn)


def _box(kind: str, lines: tuple[str, str], x: float, y: float, width: float) -> str:
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y - HEIGHT / 2:.1f}" '
        f'width="{width:.1f}" height="{HEIGHT}" rx="6"/>'
        f'<text x="{x + PADDING:.1f}" y="{y - 3:.1f}">{escape(lines[0])}</text>'
        f'<text class="note" x="{x + PADDING:.1f}" y="{y + 13:.1f}">{lines[1]}</text>'
    )
