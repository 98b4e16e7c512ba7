"""Breast cancer over five fresh seeds: the network, its tree, and the controls.

The seed moves the split, the weights and the batches. Every figure is on the untouched
test split of its run. Usage: python -m benchmarks seeds
"""

import statistics
import time
import warnings
from pathlib import Path

import msgspec

from explainers.manifest import Estimate, Metrics, TreeMetrics
from trainer.config import Config, load_config
from trainer.pipeline import train

SEEDS = range(101, 106)
CONFIG = Path("examples/breast-cancer.toml")
COLUMNS = (
    "| | network AUC | accuracy | tree accuracy | fidelity | balanced | leaves | APL |"
)


def main() -> None:
    """Train once a seed, print a row each and the medians, as Markdown."""
    warnings.simplefilter("ignore")
    config = load_config(CONFIG)
    start = time.perf_counter()
    runs = {seed: train(with_seed(config, seed)).metrics for seed in SEEDS}
    seconds = (time.perf_counter() - start) / len(runs)
    print(f"{config.name}, seeds {SEEDS.start} to {SEEDS.stop - 1}")
    print(f"{COLUMNS}\n|---|---|---|---|---|---|---|---|")
    for seed, metrics in runs.items():
        for name, row in rows(metrics).items():
            print(f"| {seed} {name} | {' | '.join(map(show, row))} |")
    for name in rows(next(iter(runs.values()))):
        columns = zip(*(rows(metrics)[name] for metrics in runs.values()), strict=True)
        cells = [show(median(list(column))) for column in columns]
        print(f"| **median {name}** | {' | '.join(cells)} |")
    print(f"{seconds:.1f} s a seed, controls included")


def with_seed(config: Config, seed: int) -> Config:
    """Return the configuration with another seed for the split and for training."""
    replace = msgspec.structs.replace
    return replace(
        config,
        data=replace(config.data, seed=seed),
        train=replace(config.train, seed=seed),
    )


def rows(metrics: Metrics) -> dict[str, list[float | None]]:
    """Return what is compared, by contender."""
    cart, posthoc = metrics.controls["cart"], metrics.controls["posthoc_l2"]
    return {
        "pull": _row(metrics.network, metrics.tree),
        "L2, distilled afterwards": _row(posthoc.network, posthoc.tree),
        "CART on the labels": _row({}, cart.tree),
    }


def _row(network: dict[str, Estimate], tree: TreeMetrics | None) -> list[float | None]:
    figures = [network[k].value if k in network else None for k in ("auc", "accuracy")]
    if tree is None:
        return [*figures, None, None, None, None, None]
    return [
        *figures,
        tree.accuracy.value,
        tree.fidelity.value,
        tree.balanced_fidelity.value,
        float(tree.leaves),
        tree.average_path_length.value,
    ]


def median(values: list[float | None]) -> float | None:
    """Return the median of what is there."""
    there = [value for value in values if value is not None]
    return statistics.median(there) if there else None


def show(value: float | None) -> str:
    """Return a table cell."""
    return "" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    main()
