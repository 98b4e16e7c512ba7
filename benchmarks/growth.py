"""How the cost of an answer grows: rows, features, leaves, steps and samples.

Networks are trained on drawn data, written as bundles and opened again; times are in
process, one thread, all methods of an axis in every round. The exponent is the slope of
log time over log size between the largest size and the one some ten times smaller: 1 is
linear growth. Usage: python -m benchmarks growth
"""

import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import torch
from sklearn.datasets import make_classification

from benchmarks.interleaved import interleave, load
from benchmarks.service.report import RESULTS, write_between
from explainers.loading import open_model
from explainers.model import Model
from explainers.registry import EXPLAINERS, parse_parameters
from trainer.config import parse_config
from trainer.export.write import write_model
from trainer.pipeline import train

ROWS = (1, 10, 100, 1_000, 10_000)
FEATURES = (10, 30, 100, 300, 1_000)
LEAVES = (2, 10, 30, 100, 300, 1_000)
STEPS = (8, 16, 32, 64, 128)
SAMPLES = (100, 300, 1_000, 3_000, 10_000)
USUAL_FEATURES, USUAL_LEAVES = 30, 10

Calls = dict[str, Callable[[], object]]


@dataclass(frozen=True)
class Axis:
    """What grows, and by method the milliseconds at each size."""

    name: str
    sizes: Sequence[int]
    times_ms: Mapping[str, Sequence[float]]

    def exponent(self, method: str) -> float:
        """Return the slope over the last decade of sizes."""
        times = self.times_ms[method]
        decade = [i for i, size in enumerate(self.sizes) if size * 12 >= self.sizes[-1]]
        x = np.log([self.sizes[i] for i in decade])
        return float(np.polyfit(x, np.log([times[i] for i in decade]), 1)[0])


def main() -> None:
    """Measure every axis, and write table and plot into docs/performance.md."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    before = load()
    usual = make_model(USUAL_FEATURES, USUAL_LEAVES)
    by_features = {d: make_model(d, USUAL_LEAVES) for d in FEATURES}
    by_leaves = {n: make_model(USUAL_FEATURES, n) for n in LEAVES}
    grown = {len(model.tree.leaves): model for model in by_leaves.values()}
    axes = [
        grow("rows", {n: rows_calls(usual, n) for n in ROWS}),
        grow("features", {d: features_calls(m) for d, m in by_features.items()}),
        grow("leaves", {n: leaves_calls(m) for n, m in sorted(grown.items())}),
        grow("steps", {n: steps_calls(usual, n) for n in STEPS}),
        grow("samples", {n: samples_calls(usual, n) for n in SAMPLES}),
    ]
    text = f"Before: {before}; after: {load()}.\n\n{table(axes)}"
    print(text)
    write_between("growth", text)
    plot(axes, RESULTS / "growth.svg")


def make_model(features: int, leaves: int) -> Model:
    """Train on drawn rows and return the served model."""
    X, y = make_classification(
        20_000, features, n_informative=min(10, features), n_redundant=0,
        n_clusters_per_class=8, random_state=0,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frame = pd.DataFrame(X.astype(np.float32)).rename(columns="x{}".format)
        frame.assign(y=y).to_parquet(folder / "rows.parquet")
        raw = {
            "name": "growth",
            "data": {"path": "rows.parquet", "target": "y"},
            "train": {"epochs": 5},
            "regularizer": {"name": "none"},
            "tree": {"strength": 1e-6, "max_leaves": leaves, "min_samples_leaf": 1},
        }
        trained = train(parse_config(raw), folder, controls=False)
        write_model(trained, folder / "model")
        return open_model(folder / "model")


def explain(model: Model, n: int, name: str, **values: object) -> Callable[[], object]:
    """Return a call that explains n rows by one method."""
    method = EXPLAINERS[name]
    parameters = parse_parameters(method, values)
    x = model.background[np.arange(n) % len(model.background)]
    prediction = model.predict(x)
    return lambda: method.explain(model, prediction, parameters)


def rows_calls(model: Model, n: int) -> Calls:
    x = model.background[np.arange(n) % len(model.background)]
    return {
        "predict": lambda: model.predict(x),
        "tree_path": explain(model, n, "tree_path"),
        "gradient": explain(model, n, "gradient"),
        "integrated_gradients": explain(
            model, n, "integrated_gradients", steps=32, max_steps=32
        ),
        "lime, 100 samples": explain(model, n, "lime", samples=100),
    }


def features_calls(model: Model) -> Calls:
    return {
        "predict": lambda x=model.background[:1]: model.predict(x),
        "tree_path": explain(model, 1, "tree_path"),
        "gradient": explain(model, 1, "gradient"),
        "integrated_gradients": explain(
            model, 1, "integrated_gradients", steps=32, max_steps=32
        ),
        "lime": explain(model, 1, "lime", samples=1_000),
        "occlusion": explain(model, 1, "occlusion"),
    }


def leaves_calls(model: Model) -> Calls:
    return {
        "predict": lambda x=model.background[:1]: model.predict(x),
        "tree_path": explain(model, 1, "tree_path"),
        "tree_shap": explain(model, 1, "tree_shap"),
        "counterfactual": explain(model, 1, "counterfactual"),
    }


def steps_calls(model: Model, steps: int) -> Calls:
    given = {"steps": steps, "max_steps": steps}
    return {"integrated_gradients": explain(model, 1, "integrated_gradients", **given)}


def samples_calls(model: Model, samples: int) -> Calls:
    return {
        "lime": explain(model, 1, "lime", samples=samples),
        "lime, discretized": explain(
            model, 1, "lime", samples=samples, discretize=True
        ),
    }


def grow(name: str, calls: Mapping[int, Calls]) -> Axis:
    """Time every method at every size, all in turn."""
    rivals = {
        f"{m} {size}": call for size, by in calls.items() for m, call in by.items()
    }
    timings = interleave(rivals, rounds=7, seconds=0.03)
    times = {
        m: [timings[f"{m} {size}"].median_ms for size in calls]
        for m in next(iter(calls.values()))
    }
    return Axis(name, list(calls), times)


def table(axes: Sequence[Axis]) -> str:
    """Return the times as Markdown."""
    lines = ["| grows | method | ms at each size | exponent |", "|---|---|---|---|"]
    for axis in axes:
        for method, times in axis.times_ms.items():
            pairs = zip(axis.sizes, times, strict=True)
            cells = ", ".join(f"{size:,}: {ms:.3g}" for size, ms in pairs)
            exponent = f"{axis.exponent(method):.2f}"
            lines.append(f"| {axis.name} | {method} | {cells} | {exponent} |")
    return "\n".join(lines)


def plot(axes: Sequence[Axis], path: Path) -> None:
    """Draw every axis, both scales logarithmic."""
    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(
        1, len(axes), figsize=(3.4 * len(axes), 3.6), layout="constrained"
    )
    methods = list(dict.fromkeys(method for axis in axes for method in axis.times_ms))
    for panel, axis in zip(panels, axes, strict=True):
        for method, times in axis.times_ms.items():
            panel.loglog(
                axis.sizes,
                times,
                marker="o",
                markersize=3,
                color=f"C{methods.index(method)}",
                label=f"{method} ({axis.exponent(method):.2f})",
            )
        low, high = panel.get_ylim()
        panel.yaxis.set_major_formatter("{x:g}")
        panel.yaxis.set_minor_formatter("{x:g}" if high < 30 * low else "")
        panel.set(xlabel=axis.name, ylabel="ms" if panel is panels[0] else None)
        panel.legend(fontsize=7)
        panel.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
