"""The report's plots: each takes numbers and returns one <svg> element."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from explainers.arrays import Floats, Indexes, Probabilities
from explainers.manifest import FrontierPoint
from trainer.config import Varies
from trainer.report.figures import FAINT, INK, PALETTE, draw
from trainer.watching import Watched

KINDS = {
    "regularized": ("regularized network and its tree", PALETTE[0], "o"),
    "posthoc": ("distilled afterwards (control)", PALETTE[1], "s"),
    "projected": ("projected on that tree (control)", PALETTE[2], "^"),
    "cart": ("CART on the labels (control)", PALETTE[5], "x"),
}
BINS = 10
Reading = Callable[[FrontierPoint], float]
_QUALITIES: list[tuple[str, Reading]] = [
    ("AUC", lambda p: p.network["auc"].value),
    ("accuracy", lambda p: p.network["accuracy"].value),
    ("accuracy of the tree", lambda p: p.tree.accuracy.value),
    ("fidelity", lambda p: p.tree.fidelity.value),
    ("balanced fidelity", lambda p: p.tree.balanced_fidelity.value),
]
"""Up is better."""
_SIMPLICITIES: list[tuple[str, Reading]] = [
    ("average path length (decisions)", lambda p: p.tree.average_path_length.value),
    ("leaves", lambda p: float(p.tree.leaves)),
]
"""Left is simpler."""

Agreement = tuple[Floats, Floats, NDArray[np.int64]]
"""By leaf that test rows reach: fidelity claimed, agreement found, rows; [n_leaves]."""


def plot_frontier(
    points: Sequence[FrontierPoint],
    chosen: tuple[float, int],
    varies: Varies = "strength",
) -> str:
    """Draw AUC, accuracies and fidelities against path length and leaves.

    One mark a run, and a line through the medians over the seeds of each strength.

    Parameters
    ----------
    points : every run of the sweep, controls among them, by test figures.
    chosen : strength and seed of this bundle, ringed and named.
    varies : what a strength is.
    """
    rows = [
        (label, reading)
        for label, reading in _QUALITIES
        if all(_has(reading, p) for p in points)
    ]
    ringed = [
        p for p in points if (p.kind, p.strength, p.seed) == ("regularized", *chosen)
    ]

    def paint(figure: Figure) -> None:
        axes = figure.subplots(len(rows), 2, sharex="col", sharey="row")
        for i, (y_label, y) in enumerate(rows):
            for j, (x_label, x) in enumerate(_SIMPLICITIES):
                ax = axes[i][j]
                for kind in KINDS:
                    _draw_kind(ax, [p for p in points if p.kind == kind], x, y)
                for p in ringed:
                    ax.scatter(x(p), y(p), s=130, facecolors="none", edgecolors=INK)
                if j == 0:
                    ax.set_ylabel(y_label)
                if i == len(rows) - 1:
                    ax.set_xlabel(x_label)
        axes[-1][1].xaxis.set_major_locator(MaxNLocator(integer=True))
        for p in ringed:
            _name(axes[0][0], f"suggested: {varies} {p.strength:g}", rows[0][1](p), p)
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)

    title = "Frontier: quality against simplicity"
    return draw(paint, 8.2, 1.9 * len(rows) + 1, title)


def _name(ax: Axes, words: str, height: float, point: FrontierPoint) -> None:
    """Write words beside a point, on the side that has room."""
    x = _SIMPLICITIES[0][1](point)
    right = x > sum(ax.get_xlim()) / 2
    ax.annotate(
        words,
        (x, height),
        xytext=(-9 if right else 9, -12),
        ha="right" if right else "left",
        textcoords="offset points",
    )


def _has(reading: Reading, point: FrontierPoint) -> bool:
    try:
        reading(point)
    except KeyError:  # an AUC where a class was absent
        return False
    return True


def _draw_kind(
    ax: Axes, points: Sequence[FrontierPoint], x: Reading, y: Reading
) -> None:
    """Draw the points of one kind, and a line through their medians by strength."""
    if not points:
        return
    label, colour, marker = KINDS[points[0].kind]
    xs, ys = [x(p) for p in points], [y(p) for p in points]
    strengths = np.array([p.strength for p in points])
    middles = [
        (np.median(np.array(xs)[here]), np.median(np.array(ys)[here]))
        for here in (strengths == s for s in np.unique(strengths))
    ]
    ax.plot(*zip(*sorted(middles), strict=True), color=colour, linewidth=1, alpha=0.7)
    ax.scatter(xs, ys, s=20, marker=marker, color=colour, alpha=0.5, label=label)


def plot_reliability(
    probabilities: Probabilities, y: Indexes, agrees: Agreement
) -> str:
    """Draw whether the network's probabilities and the leaves' fidelities hold.

    Left: share right against the probability of the predicted class, in bins. Right:
    share of unseen rows on which tree and network agree, against what the leaf claims;
    one mark a leaf, its area by rows.
    """
    confidence = probabilities.max(axis=1)
    right = (probabilities.argmax(axis=1) == y).astype(np.float64)

    def paint(figure: Figure) -> None:
        left_ax, right_ax = figure.subplots(1, 2)
        _diagonal(left_ax, 1 / probabilities.shape[1])
        x, height, size = _binned(confidence, right)
        left_ax.scatter(x, height, s=size, color=PALETTE[0])
        left_ax.set_xlabel("probability of the predicted class")
        left_ax.set_ylabel("share right")
        left_ax.set_title("Network (test rows)")
        claimed, found, rows = agrees
        _diagonal(right_ax, min(0.5, float(min(claimed.min(), found.min()))))
        area = 15 + 250 * rows / rows.max()
        right_ax.scatter(claimed, found, s=area, color=PALETTE[2], alpha=0.7)
        right_ax.set_xlabel("fidelity that the leaf claims")
        right_ax.set_ylabel("share of test rows that agree")
        right_ax.set_title("Leaves")

    return draw(paint, 8.2, 3.7, "Calibration of the network and of the leaves")


def _diagonal(ax: Axes, low: float) -> None:
    low = max(0.0, low - 0.03)
    ax.plot([low, 1], [low, 1], color=FAINT, linewidth=1, zorder=0)
    ax.set_xlim(low, 1.02)
    ax.set_ylim(min(low, 0.45), 1.02)


def _binned(x: Floats, hit: Floats) -> tuple[Floats, Floats, Floats]:
    """Return mean x, share of hits and mark size of bins with equally many rows."""
    groups = np.array_split(np.argsort(x, kind="stable"), min(BINS, len(x)))
    sizes = np.array([float(len(group)) for group in groups])
    return (
        np.array([x[group].mean() for group in groups]),
        np.array([hit[group].mean() for group in groups]),
        20 + 60 * sizes / sizes.max(),
    )


def plot_curves(curve: Sequence[Watched]) -> str:
    """Draw loss, AUC, path length and fidelity over the epochs (training rows)."""
    series: list[tuple[str, list[float | None]]] = [
        ("loss", [w.loss for w in curve]),
        ("AUC", [w.auc for w in curve]),
        ("path length", [w.average_path_length for w in curve]),
        ("fidelity", [w.fidelity for w in curve]),
    ]

    def paint(figure: Figure) -> None:
        axes = figure.subplots(1, 4)
        for ax, (label, values) in zip(axes, series, strict=True):
            known = [i for i, value in enumerate(values) if value is not None]
            epochs = [curve[i].epoch for i in known]
            ax.plot(epochs, [values[i] for i in known], color=PALETTE[0], linewidth=1.4)
            ax.set_title(label)
            ax.set_xlabel("epoch")

    return draw(paint, 8.2, 2.2, "Training curves")


def plot_boundary(
    grid: tuple[Floats, Floats],
    network: Floats,
    tree: Indexes,
    rows: Floats,
    y: Indexes,
    names: tuple[str, str],
    classes: Sequence[str],
) -> str:
    """Draw both decision boundaries over two tree features.

    Parameters
    ----------
    grid : x [w] and y [h] of the points. network : [h, w] class indexes that the
        network decides there. tree : [h, w] what the tree answers.
    rows : [m, 2] test rows, ``y`` their labels.
    """
    n = len(classes)

    def paint(figure: Figure) -> None:
        ax = figure.subplots()
        levels = np.arange(n + 1) - 0.5
        colours = [PALETTE[i % len(PALETTE)] for i in range(n)]
        ax.contourf(*grid, network, levels=levels, colors=colours, alpha=0.22)
        ax.contour(*grid, tree, levels=levels[1:-1], colors=INK, linewidths=1.3)
        for c, name in enumerate(classes):
            some = rows[y == c]
            x, height = some[:, 0], some[:, 1]
            ax.scatter(x, height, s=5, color=colours[c], label=name, alpha=0.7)
        ax.set_xlabel(names[0])
        ax.set_ylabel(names[1])
        ax.grid(visible=False)
        figure.legend(loc="outside right upper", markerscale=3)

    return draw(paint, 7.2, 5.0, "Decision regions of network and tree")
