"""The report's sections: each turns a part of a trained model into HTML."""

import numpy as np

from explainers.arrays import Floats, Indexes
from explainers.manifest import Estimate, TreeMetrics
from explainers.rules import rule
from explainers.tree import Node
from explainers.tree_svg import tree_as_svg
from trainer.pipeline import Trained
from trainer.report.evidence import Evidence
from trainer.report.page import fold, paragraph, picture, section, table
from trainer.report.pieces import Piece, cut_into_pieces
from trainer.report.plots import (
    Agreement,
    plot_boundary,
    plot_curves,
    plot_frontier,
    plot_reliability,
)

GRID = 160
"""Points a side of the decision regions."""
MOST_CONDITIONS = 12
"""Leaves or classes that a table lists before it says how many more there are."""


def summary(trained: Trained, evidence: Evidence) -> str:
    """Return the headline figures beside the controls and the floor."""
    metrics = trained.metrics
    floor = metrics.constant_class
    columns = {"this bundle": _column(metrics.network, metrics.tree)}
    for name, control in metrics.controls.items():
        columns[name] = _column(control.network, control.tree)
    columns["constant class"] = {
        "network accuracy": _text(floor["accuracy"]),
        "fidelity": _text(floor["fidelity"]),
    }
    rows = [
        [figure, *(column.get(figure, "") for column in columns.values())]
        for figure in columns["this bundle"]
    ]
    return section(
        "How far it can be trusted",
        paragraph(
            f"Measured on {metrics.tree.fidelity.n} test rows that fitted neither "
            "network nor tree, with 95 % intervals. Fidelity: the share on which tree "
            "and network give the same answer; balanced: each class counts alike."
        ),
        table(["", *columns], rows, range(1, len(columns) + 1)),
        *(
            paragraph(f"{name}: {control.description}.")
            for name, control in metrics.controls.items()
        ),
    )


def _column(network: dict[str, Estimate], tree: TreeMetrics | None) -> dict[str, str]:
    """Return a contender's figures by name, in order."""
    named = {"network AUC": "auc", "network accuracy": "accuracy"}
    figures = {name: _text(network[k]) for name, k in named.items() if k in network}
    if tree is None:
        return figures
    return figures | {
        "tree accuracy": _text(tree.accuracy),
        "fidelity": _text(tree.fidelity),
        "balanced fidelity": _text(tree.balanced_fidelity),
        "decisions on a path": _text(tree.average_path_length),
        "leaves": str(tree.leaves),
    }


def _text(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f}-{estimate.high:.3f})"


def frontier(trained: Trained, evidence: Evidence) -> str:
    """Return the frontier of the sweep, or nothing where there was none."""
    points = trained.metrics.frontier
    if not points:
        return ""
    config = trained.prepared.config
    regularizer, strength = config.regularizer, config.tree.strength
    if regularizer.varies == "weight" and regularizer.weight is not None:
        strength = regularizer.weight
    chosen = (strength, config.train.seed)
    return section(
        "The frontier",
        paragraph(
            "Every run of the sweep, by test rows, a line through the medians over "
            "seeds; this bundle is ringed. Left is simpler, up is better. AUC and "
            "accuracy are those of what would be served: the network, or the CART "
            "itself. The fidelity of a CART is its agreement with the network without "
            "the regularizer."
        ),
        picture(plot_frontier(points, chosen, regularizer.varies)),
        *(paragraph(note) for note in trained.notes),
    )


def drawing(trained: Trained, evidence: Evidence) -> str:
    """Return the tree drawn; a large one as its upper part, and what hangs below."""
    tree, columns = trained.tree, evidence.columns
    top, *below = cut_into_pieces(tree)

    def drawn(piece: Piece) -> str:
        classes = evidence.classes
        return picture(
            tree_as_svg(tree, columns, classes, piece.root, piece.cut), wide=True
        )

    folded = [
        fold(
            f"Node {piece.root}, {piece.leaves} leaves: "
            f"{rule(tree, columns, piece.root)}",
            drawn(piece),
        )
        for piece in below
    ]
    said = "The upper branch is taken where the condition holds. A drawing that is "
    said += "wider than the page is moved sideways."
    if folded:
        said += (
            f" Of {len(tree.leaves)} leaves the first drawing has the upper part: a "
            "dashed box leads to what hangs below it, which opens with a click."
        )
    return section("The tree", paragraph(said), drawn(top), *folded)


def leaves(trained: Trained, evidence: Evidence) -> str:
    """Return one line a leaf: rule, answer, support, fidelity and how it fared.

    Of a regional tree also the region that the leaf belongs to.
    """
    tree = trained.tree
    rows = [
        [
            str(leaf.id),
            rule(tree, evidence.columns, leaf.id),
            evidence.classes[leaf.label or 0],
            str(leaf.n),
            f"{_purity(leaf):.3f}",
            _text(leaf.fidelity),
            _fared(evidence, leaf.id),
            *(region.name for region in [tree.region_of(leaf.id)] if region),
        ]
        for leaf in tree.leaves
    ]
    head = ["leaf", "if", "answer", "support", "right", "fidelity", "test: agree"]
    return section(
        "Leaf by leaf",
        paragraph(
            "Support and share right count training rows (their true labels). "
            "Fidelity is estimated on held-out rows and drawn toward the overall "
            "figure where rows are few; test: agree counts test rows alone."
        ),
        table([*head, *(["region"] if tree.regions else [])], rows, [0, 3, 4, 5, 6]),
    )


def _purity(leaf: Node) -> float:
    return leaf.label_counts[leaf.label or 0] / max(sum(leaf.label_counts), 1)


def _fared(evidence: Evidence, leaf: int) -> str:
    here = evidence.leaves == leaf
    return f"{int(evidence.agrees[here].sum())} of {int(here.sum())}"


def calibration(trained: Trained, evidence: Evidence) -> str:
    """Return the reliability plots."""
    return section(
        "Do the probabilities hold?",
        paragraph(
            "On the grey line a claim is exactly as often true as it says. Left: bins "
            "of equally many rows. Right: one mark a leaf, larger with more rows."
        ),
        picture(
            plot_reliability(
                evidence.probabilities, evidence.y, _agreement(trained, evidence)
            )
        ),
    )


def _agreement(trained: Trained, evidence: Evidence) -> Agreement:
    reached = np.unique(evidence.leaves)
    claimed = np.array([trained.tree.nodes[i].fidelity.value for i in reached])
    found = np.array([evidence.agrees[evidence.leaves == i].mean() for i in reached])
    rows = np.array([(evidence.leaves == i).sum() for i in reached], dtype=np.int64)
    return claimed, found, rows


def confusion(trained: Trained, evidence: Evidence) -> str:
    """Return what the tree answers against what the network decides."""
    names = evidence.classes
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(counts, (evidence.decisions, evidence.tree_answers), 1)
    rows = [
        [f"network: {name}", *(str(count) for count in counts[c])]
        for c, name in enumerate(names)
    ]
    head = ["test rows", *(f"tree: {name}" for name in names)]
    return section("Tree against network", table(head, rows, range(1, len(names) + 1)))


def disagreement(trained: Trained, evidence: Evidence) -> str:
    """Return where tree and network differ: how many, how sure, in which leaves."""
    apart = ~evidence.agrees
    n = int(apart.sum())
    if not n:
        text = f"On none of {len(apart)} test rows do tree and network differ."
        return section("Where they differ", paragraph(text))
    sure = evidence.probabilities.max(axis=1)
    tree_right = evidence.tree_answers[apart] == evidence.y[apart]
    network_right = evidence.decisions[apart] == evidence.y[apart]
    worst = sorted(
        np.unique(evidence.leaves[apart]).tolist(),
        key=lambda leaf: -int((evidence.leaves[apart] == leaf).sum()),
    )
    rows = [
        [
            str(leaf),
            rule(trained.tree, evidence.columns, leaf),
            str(int((evidence.leaves[apart] == leaf).sum())),
            str(int((evidence.leaves == leaf).sum())),
        ]
        for leaf in worst[:MOST_CONDITIONS]
    ]
    return section(
        "Where they differ",
        paragraph(
            f"On {n} of {len(apart)} test rows. There the network gives its answer a "
            f"median probability of {np.median(sure[apart]):.2f} (where they agree: "
            f"{np.median(sure[~apart]):.2f}); the network is right on "
            f"{int(network_right.sum())} of them, the tree on {int(tree_right.sum())}. "
            "For these inputs the path is not the network's reason."
        ),
        table(["leaf", "if", "differ", "rows"], rows, [0, 2, 3]),
    )


def curves(trained: Trained, evidence: Evidence) -> str:
    """Return the training curves."""
    if not trained.curve:
        return ""
    return section(
        "Training",
        paragraph(
            "On training rows; path length and fidelity from the first tree on. The "
            "loss holds the regularizer's penalty, and rises as that does."
        ),
        picture(plot_curves(trained.curve)),
    )


def boundary(trained: Trained, evidence: Evidence) -> str:
    """Return both decision regions of a model of two numbers; else nothing."""
    prepared = trained.prepared
    numeric = all(column.kind == "value" for column in evidence.columns)
    if prepared.family.name != "tabular" or prepared.Z.shape[1] != 2 or not numeric:
        return ""
    Z = prepared.Z[prepared.split.train]
    x, y = (_axis(Z[:, i].astype(np.float64)) for i in (0, 1))
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).astype(np.float32)
    shape = (len(y), len(x))
    network: Indexes = evidence.decide(points).reshape(shape)
    svg = plot_boundary(
        (x, y),
        network.astype(np.float64),
        trained.tree.decide(points).reshape(shape),
        prepared.Z[prepared.split.test].astype(np.float64),
        evidence.y,
        (evidence.columns[0].name, evidence.columns[1].name),
        evidence.classes,
    )
    return section(
        "Decision regions",
        paragraph(
            "Coloured: what the network decides. Lines: where the tree's answer "
            "changes. Dots: test rows by their true class."
        ),
        picture(svg),
    )


def _axis(values: Floats) -> Floats:
    margin = 0.03 * (values.max() - values.min())
    return np.linspace(values.min() - margin, values.max() + margin, GRID)
