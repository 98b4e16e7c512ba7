"""What the pull, and a tree that decides, cost in CPU time beside no regularizer.

The three follow one another on the same rows and seed, on one thread, so that whatever
else the machine does falls on all alike; the figures are ratios, medians of five
seeds. Run it on an idle machine: caches and clock are shared all the same. Usage:
python -m benchmarks times
"""

import statistics
import time
import warnings
from dataclasses import dataclass

import torch

from benchmarks.tree_regularization import MAX_LEAVES, STRENGTH, Setting, load
from trainer.fit import Fitted, fit
from trainer.pipeline import (
    calibrate,
    choose_deciding_tree,
    choose_tree,
    let_tree_decide,
)
from trainer.prepare import Prepared
from trainer.rows import predict_rows

SETS = ("parabola", "breast_cancer", "wine", "image_segments", "digits", "synthetic")
SEEDS = range(301, 306)
UNREGULARIZED: Setting = {"decay": 1e-3}
PULL: Setting = {"name": "pull", "weight": 3.0}


@dataclass(frozen=True)
class Seconds:
    """CPU seconds of one seed; ``decided`` are those of the pull and what follows."""

    none: float
    pull: float
    decided: float


def main() -> None:
    """Measure and print, as Markdown."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    measure("wine", SEEDS[0])  # torch sets itself up at the expense of the first run
    print("| | unregularized, CPU s | pull, ratio | pull, tree decides, ratio |")
    print("|---|---|---|---|")
    for name in SETS:
        taken = [measure(name, seed) for seed in SEEDS]
        seconds = statistics.median(t.none for t in taken)
        pull = statistics.median(t.pull / t.none for t in taken)
        decided = statistics.median(t.decided / t.none for t in taken)
        print(f"| {name} | {seconds:.1f} | {pull:.2f} | {decided:.2f} |", flush=True)


def measure(name: str, seed: int) -> Seconds:
    """Train one network without the pull, one with it, and let the tree decide."""
    _, _, none = train(name, seed, UNREGULARIZED)
    prepared, fitted, pull = train(name, seed, PULL)
    network = calibrate(prepared, fitted.network)
    answers = predict_rows(network, prepared.all_rows)
    tree = choose_tree(prepared, answers, fitted.tree)
    start = time.process_time()
    let_tree_decide(prepared, network, choose_deciding_tree(prepared, tree))
    return Seconds(none, pull, pull + time.process_time() - start)


def train(name: str, seed: int, setting: Setting) -> tuple[Prepared, Fitted, float]:
    """Return the data, the trained network and the CPU seconds of its training."""
    prepared = load(name, setting, seed, STRENGTH, MAX_LEAVES)
    rows = prepared.rows(prepared.split.train)
    start = time.process_time()
    fitted = fit(prepared.build_network, rows, prepared.config)
    return prepared, fitted, time.process_time() - start
