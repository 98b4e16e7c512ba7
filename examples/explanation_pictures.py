"""Draw what each explanation method answers, for docs/explanations.md.

One tumour of the breast cancer data, one digit. From the repository's root:

    leafpath train examples/breast-cancer.toml --out bundles/breast-cancer
    leafpath train examples/digits.toml --out bundles/digits
    leafpath train examples/digits-flat.toml --out bundles/digits-flat
    python examples/explanation_pictures.py docs/pictures bundles/breast-cancer \
        bundles/digits bundles/digits-flat
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from explainers.loading import open_model
from explainers.manifest import TreeFeature
from explainers.methods.lime.tables import input_moments
from explainers.model import Model
from explainers.registry import EXPLAINERS, parse_parameters
from trainer.report.figures import FAINT, INK, PALETTE, styled

FOR, AGAINST = PALETTE[0], PALETTE[1]
BARS = 8
TABLE_ROW, DIGIT_ROW = 5, 5
"""Rows of the background samples."""

UNITS = {
    "gradient": "logit per training deviation",
    "smoothgrad": "logit per training deviation",
    "input_x_gradient": "logits",
    "integrated_gradients": "logits",
    "occlusion": "logits",
    "lime": "probability per training deviation",
}
PICTURES = {
    "gradient": [("gradient", {})],
    "input_x_gradient": [("input x gradient", {})],
    "integrated_gradients": [
        ("from the mean", {}),
        ("from 10 rows", {"baseline": "background"}),
    ],
    "smoothgrad": [("50 copies", {})],
    "occlusion": [
        ("patches of 2", {"window": 2}),
        ("of 3, 1 apart", {"window": 3, "stride": 1}),
    ],
    "lime": [
        ("grid", {"samples": 2000}),
        ("by colour", {"samples": 2000, "segmentation": "slic"}),
    ],
}


MAPS = ("grad_cam", "hires_cam", "layer_cam")


def main(out: Path, table: Path, images: Path, flat: Path) -> None:
    tumour, digits, flat_digits = map(open_model, (table, images, flat))
    save(out / "explain-cam-digit.png", lambda f: paint_maps(f, digits, flat_digits))
    for name in UNITS:
        save(out / f"explain-{name}.png", lambda f, n=name: paint(f, n, tumour, digits))
    for name, draw in (
        ("tree_path", paint_path),
        ("tree_shap", paint_shap),
        ("counterfactual", paint_counterfactual),
        ("prototypes", paint_prototypes),
    ):
        save(out / f"explain-{name}.png", lambda f, d=draw: d(f.subplots(), tumour))


def save(path: Path, paint) -> None:
    with styled():
        figure = Figure(figsize=(8, 2.6), layout="constrained")
        paint(figure)
        figure.savefig(path, dpi=110, metadata={"Software": None})


def answer(model: Model, name: str, row: int, **values):
    method = EXPLAINERS[name]
    at = slice(row, row + 1)
    prediction = model.predict(model.background[at], model.background_lengths[at])
    return method.explain(model, prediction, parse_parameters(method, values))[0]


def paint(figure: Figure, name: str, tumour: Model, digits: Model) -> None:
    """Draw a table's bars; beside them a picture and what the method says of it."""
    asked = PICTURES[name]
    axes = figure.subplots(
        1, 2 + len(asked), width_ratios=[2.6, *[1] * (1 + len(asked))]
    )
    result = answer(tumour, name, TABLE_ROW)
    values = result.attributions.astype(float)
    if name in ("gradient", "smoothgrad"):
        values = values * input_moments(tumour)[1]
    bars(axes[0], tumour, values, f"{result.target}: {UNITS[name]}")
    digit = digits.background[DIGIT_ROW, 0]
    axes[1].imshow(digit, cmap="gray_r")
    for ax, (title, parameters) in zip(axes[2:], asked, strict=True):
        result = answer(digits, name, DIGIT_ROW, **parameters)
        heat(ax, digit, result.attributions[0], title)
    axes[1].set_title(f"answer: {result.target}", fontsize=9)
    for ax in axes[1:]:
        ax.set_axis_off()


def paint_maps(figure: Figure, *models: Model) -> None:
    """Draw a digit, and beside it the three maps of each network."""
    figure.set_size_inches(8, 1.6)
    axes = figure.subplots(1, 1 + len(MAPS) * len(models))
    digit = models[0].background[DIGIT_ROW, 0]
    axes[0].imshow(digit, cmap="gray_r")
    named = [(model, name) for model in models for name in MAPS]
    for ax, (model, name) in zip(axes[1:], named, strict=True):
        result = answer(model, name, DIGIT_ROW)
        extent = (-0.5, digit.shape[1] - 0.5, digit.shape[0] - 0.5, -0.5)
        ax.imshow(result.normalised, cmap="Blues", extent=extent)
        ax.contour(digit, levels=[digit.max() / 2], colors=INK, linewidths=0.8)
        ax.set_title(f"{name}\n{model.manifest.name}: {result.target}", fontsize=8)
    for ax in axes:
        ax.set_axis_off()


def bars(ax: Axes, model: Model, values: np.ndarray, title: str) -> None:
    top = np.argsort(-np.abs(values))[:BARS][::-1]
    names = [model.manifest.input.features[i].name for i in top]
    colours = [FOR if values[i] > 0 else AGAINST for i in top]
    ax.barh(names, values[top], color=colours)
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.set_title(title, fontsize=9, loc="left")
    ax.tick_params(labelsize=8)


def heat(ax: Axes, digit: np.ndarray, values: np.ndarray, title: str) -> None:
    most = np.abs(values).max()
    ax.imshow(values, cmap="RdBu", vmin=-most, vmax=most)
    ax.contour(digit, levels=[digit.max() / 2], colors=INK, linewidths=0.8)
    ax.set_title(title, fontsize=9)


def scales(ax: Axes, columns: list[TreeFeature]) -> None:
    """Draw one grey line a feature, from the training minimum to the maximum."""
    for y, column in enumerate(columns):
        ax.plot([0, 1], [y, y], color=FAINT, linewidth=4, solid_capstyle="round")
        for x, value, side in (
            (0, column.minimum, "right"),
            (1, column.maximum, "left"),
        ):
            ax.text(x + 0.02 * (2 * x - 1), y, f"{value:.4g}", ha=side, va="center")
    ax.set_yticks(range(len(columns)), [column.name for column in columns])
    ax.set_ylim(len(columns) - 0.4, -0.6)
    ax.set_xlim(-0.12, 1.12)
    ax.set_xticks([])
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)


def place(column: TreeFeature, value: float) -> float:
    return (value - column.minimum) / (column.maximum - column.minimum)


def paint_path(ax: Axes, model: Model) -> None:
    result = answer(model, "tree_path", TABLE_ROW)
    columns = [model.manifest.tree_features[step.feature] for step in result.path]
    scales(ax, columns)
    for y, (step, column) in enumerate(zip(result.path, columns, strict=True)):
        threshold = place(column, step.threshold)
        side = [0, threshold] if step.operator == "<=" else [threshold, 1]
        ax.plot(side, [y, y], color=FOR, linewidth=4, solid_capstyle="butt")
        ax.plot(place(column, step.value), y, "o", color=INK)
        ax.text(threshold, y + 0.3, f"{step.operator} {step.threshold:g}", ha="center")
    ax.set_title(
        f"{result.rule}: {result.label} "
        f"(fidelity {result.fidelity:.0%})",
        fontsize=9, loc="left",
    )  # fmt: skip


def paint_shap(ax: Axes, model: Model) -> None:
    result = answer(model, "tree_shap", TABLE_ROW)
    title = f"{result.target}: share in the tree, from {result.base_value:.2f} to "
    values = result.attributions.astype(float)
    used = np.flatnonzero(values)
    bars(ax, model, values, f"{title}{result.value:.2f}")
    ax.set_ylim(BARS - len(used) - 0.6, BARS - 0.4)


def paint_counterfactual(ax: Axes, model: Model) -> None:
    result = answer(model, "counterfactual", TABLE_ROW)
    found = result.nearest_that_holds or result.nearest
    by_name = {column.name: column for column in model.manifest.tree_features}
    columns = [by_name[change.feature] for change in found.changes]
    scales(ax, columns)
    for y, (change, column) in enumerate(zip(found.changes, columns, strict=True)):
        ends = [place(column, change.before), place(column, change.after)]
        ax.annotate(
            "",
            (ends[1], y),
            (ends[0], y),
            arrowprops={"arrowstyle": "->", "color": FOR},
        )
        ax.plot(ends[0], y, "o", color=INK)
        ax.text(ends[0], y + 0.3, f"{change.before:g}", ha="center")
        ax.text(ends[1], y - 0.25, f"{change.after:g}", ha="center", color=FOR)
    ax.set_title(
        f"{result.label} -> {found.label}; the network gives "
        f"{found.label} {found.network_probability:.2f} there",
        fontsize=9, loc="left",
    )  # fmt: skip


def paint_prototypes(ax: Axes, model: Model) -> None:
    _, *others = answer(model, "prototypes", TABLE_ROW, count=4).prototypes
    mean, spread = input_moments(model)  # the first prototype is this very row
    rows = [model.background[TABLE_ROW], *(p.instance for p in others)]
    scaled = (np.array(rows, dtype=float) - mean) / spread
    labels = ["the input"] + [
        f"{p.label} ({p.probability:.2f}), {p.distance:.2f} away" for p in others
    ]
    for i, (row, label) in enumerate(zip(scaled, labels, strict=True)):
        colour = INK if i == 0 else PALETTE[i - 1]
        ax.plot(row, "-o" if i == 0 else "-", color=colour, label=label, markersize=3)
    names = [feature.name for feature in model.manifest.input.features]
    ax.set_xticks(range(len(names)), names, rotation=90, fontsize=6)
    ax.set_ylabel("training deviations")
    ax.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
