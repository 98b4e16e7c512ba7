"""A plane as a surface in three dimensions, drawn by matplotlib: Vega has none."""

import io

import numpy as np

from explainers.arrays import Floats
from trainer.landscape.document import PlaneRecord

SURFACES = (
    ("train_loss", "Loss, training rows (logarithmic)", "viridis"),
    ("average_path_length", "Average path length of the tree there", "cividis"),
)


def draw_surfaces(plane: PlaneRecord, title: str) -> bytes:
    """Return a PNG: the loss beside the tree's average path length."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as pyplot

    shown = [surface for surface in SURFACES if surface[0] in plane.values]
    figure = pyplot.figure(figsize=(6.2 * len(shown), 5.4), dpi=110)
    alpha, beta = np.meshgrid(plane.alpha, plane.beta)
    for i, (name, label, colours) in enumerate(shown):
        axes = figure.add_subplot(1, len(shown), i + 1, projection="3d")
        heights = _heights(plane.grid(name), name)
        axes.plot_surface(
            alpha,
            beta,
            heights,
            cmap=colours,
            rstride=1,
            cstride=1,
            linewidth=0.15,
            edgecolor=(1, 1, 1, 0.25),
            antialiased=True,
        )
        axes.contour(
            alpha,
            beta,
            heights,
            10,
            zdir="z",
            offset=heights.min(),
            cmap=colours,
            linewidths=0.7,
        )
        axes.set_title(label, fontsize=10)
        axes.set_xlabel("first direction", fontsize=8)
        axes.set_ylabel("second direction", fontsize=8)
        if _is_logarithmic(name):
            axes.zaxis.set_major_formatter(lambda height, _: f"{10**height:.2g}")
        axes.view_init(elev=34, azim=-58)
        axes.tick_params(labelsize=7)
        for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
            axis.pane.fill = False
    figure.suptitle(title, fontsize=12, x=0.02, ha="left")
    figure.subplots_adjust(0.0, 0.02, 0.96, 0.9, 0.05)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    pyplot.close(figure)
    return buffer.getvalue()


def _heights(grid: Floats, name: str) -> Floats:
    filled = np.where(np.isfinite(grid), grid, np.nanmax(grid))
    return np.log10(np.maximum(filled, 1e-9)) if _is_logarithmic(name) else filled


def _is_logarithmic(name: str) -> bool:
    return name.endswith("loss")
