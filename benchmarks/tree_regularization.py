"""Tree regularization beside its rivals: eight methods, five fresh seeds.

Every method tries three settings on one seed, by validation rows; the best is fixed
before any test row is looked at, and run with five other seeds. All trees are made by
the same procedure (strength .005, at most 10 leaves), so what differs is the network.
Finished runs are kept in .benchmarks/ and not run again: a sweep of all takes hours on
two cores. Usage: python -m benchmarks tree_regularization [data set...]
"""

import statistics
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from scipy.stats import spearmanr

from benchmarks.data_sets import DATA_SETS
from trainer.assemble import assemble_tree
from trainer.config import Config
from trainer.errors import DeadRunError
from trainer.fit import fit
from trainer.metrics import macro_auc
from trainer.pipeline import calibrate, choose_tree
from trainer.prepare import Prepared, prepare
from trainer.projection import Projected
from trainer.regularizers import REGULARIZERS
from trainer.regularizers.pull import TreeRegularizer
from trainer.rows import predict_rows
from trainer.sweep.store import write_whole

KEPT = Path(".benchmarks/tree_regularization")
TUNING_SEED, SEEDS = 200, (201, 202, 203, 204, 205)
STRENGTHS = (0.001, 0.004, 0.016, 0.032, 0.064, 0.128)
STRENGTH, MAX_LEAVES = 0.005, 10
SLACK = 0.01


def pull_on_rows(features: Any, network: Any, **options: Any) -> Any:
    """Build the pull of the evidence: charged on training rows alone."""
    for unused in ("steps_per_epoch", "force"):
        options.pop(unused, None)
    options.setdefault("by_row", lambda rows: network(features[rows]))
    options.pop("mix", None)
    return TreeRegularizer(features, network, **options)


METHODS: dict[str, list[dict[str, Any]]] = {
    "none": [{"decay": 0.0, "rate": rate} for rate in (1e-3, 3e-3, 1e-2)],
    "L2": [{"decay": decay} for decay in (1e-4, 1e-3, 1e-2)],
    "L1": [{"name": "l1", "weight": w} for w in (1e-5, 1e-4, 1e-3)],
    "L1-orthogonal": [
        {"name": "l1_orthogonal", "weight": w} for w in (1e-5, 1e-4, 1e-3)
    ],
    "surrogate 2018": [{"name": "surrogate", "weight": w} for w in (0.01, 0.1, 1.0)],
    "pull on rows": [{"name": "pull_on_rows", "weight": w} for w in (1.0, 3.0, 10.0)],
    "pull": [{"name": "pull", "weight": w} for w in (1.0, 3.0, 10.0)],
}
"""Three settings each: the same tuning budget. "projected" is L2's network, projected
onto its tree."""


class Figures(msgspec.Struct, frozen=True):
    """One network and its tree, on validation rows or on test rows."""

    auc: float
    accuracy: float
    tree_accuracy: float
    fidelity: float
    balanced: float
    average_path_length: float


class Outcome(msgspec.Struct, frozen=True):
    """One run. ``claims`` : leaf fidelity claimed from validation rows, test rows that
    agree, test rows; one a leaf.
    """

    leaves: int
    seconds: float
    restarts: int
    validation: Figures
    test: Figures
    projected: Figures | None
    claims: list[tuple[float, int, int]]


def main() -> None:
    """Run what is asked for, print the tables as Markdown."""
    torch.set_num_threads(1)
    REGULARIZERS["pull_on_rows"] = pull_on_rows
    warnings.simplefilter("ignore")
    names = sys.argv[2:] or list(DATA_SETS)
    for name in names:
        report(name)
    print_claims(names)


def report(name: str) -> None:
    """Tune, run and print one data set."""
    chosen = {method: tune(name, method) for method in METHODS}
    runs = {
        m: [run(name, m, setting, seed) for seed in SEEDS]
        for m, setting in chosen.items()
    }
    print(
        f"\n### {name}\n\n| | AUC | accuracy | tree accuracy | fidelity | balanced | "
        "leaves | APL | seconds | hypervolume |\n" + "|---" * 10 + "|"
    )
    for method, outcomes in runs.items():
        print(row(method, outcomes, [o.test for o in outcomes if o]))
        if method == "L2" and outcomes[0] and outcomes[0].projected:
            print(row("L2, projected", outcomes, [o.projected for o in outcomes if o]))
    restarts = sum(o.restarts for o in runs["pull"] if o)
    print(
        f"\nSettings: {chosen}. Restarts of pull: {restarts}. {correlate(name)}",
        flush=True,
    )


def tune(name: str, method: str) -> dict[str, Any]:
    """Return the setting with the most balanced fidelity that costs no AUC."""
    tried = [(s, run(name, method, s, TUNING_SEED)) for s in METHODS[method]]
    alive = [(s, o.validation) for s, o in tried if o is not None]
    best = max(v.auc for _, v in alive)
    near = [(s, v) for s, v in alive if v.auc >= best - SLACK]
    return max(near, key=lambda pair: pair[1].balanced)[0]


def run(
    name: str,
    method: str,
    setting: dict[str, Any],
    seed: int,
    strength: float = STRENGTH,
) -> Outcome | None:
    """Return one run, from disk where it has been made; None for a dead one."""
    label = "-".join(f"{k}={v}" for k, v in setting.items())
    path = KEPT / f"{name}-{method}-{label}-{strength:g}-{seed}.json".replace(" ", "_")
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=Outcome | None)
    try:
        outcome = make(name, setting, seed, strength)
    except DeadRunError:
        outcome = None
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, msgspec.json.encode(outcome))
    return outcome


def make(name: str, setting: dict[str, Any], seed: int, strength: float) -> Outcome:
    """Train and measure once."""
    prepared = load(name, setting, seed, strength)
    split, config = prepared.split, prepared.config
    start = time.process_time()
    fitted = fit(prepared.build_network, prepared.rows(split.train), config)
    seconds = time.process_time() - start  # CPU: the machine may be shared
    network = calibrate(prepared, fitted.network)
    answers = predict_rows(network, prepared.all_rows)
    pruned = choose_tree(prepared, answers, fitted.tree)
    decisions = answers.argmax(axis=1)
    tree = assemble_tree(
        pruned,
        fitted=prepared.rows(split.train),
        fitted_decisions=decisions[split.train],
        held_out=prepared.Z[split.validation],
        held_out_decisions=decisions[split.validation],
        n_classes=prepared.n_classes,
    )
    projected = None
    if prepared.family.name == "tabular":
        side = Projected(network, pruned, prepared.n_classes).eval()
        projected = measure(
            prepared, tree, predict_rows(side, prepared.all_rows), split.test
        )
    leaves = tree.apply(prepared.Z[split.test])
    agrees = tree.labels[leaves] == decisions[split.test]
    return Outcome(
        leaves=len(tree.leaves),
        seconds=seconds,
        restarts=fitted.restarts,
        validation=measure(prepared, tree, answers, split.validation),
        test=measure(prepared, tree, answers, split.test),
        projected=projected,
        claims=[
            (
                leaf.fidelity.value,
                int(agrees[leaves == leaf.id].sum()),
                int((leaves == leaf.id).sum()),
            )
            for leaf in tree.leaves
        ],
    )


def load(name: str, setting: dict[str, Any], seed: int, strength: float) -> Prepared:
    """Return the data of one seed with the configuration of one run."""
    config, base = DATA_SETS[name](seed)
    return prepare(configure(config, setting, seed, strength), base)


def configure(
    config: Config, setting: dict[str, Any], seed: int, strength: float
) -> Config:
    replace = msgspec.structs.replace
    regularizer = replace(
        config.regularizer,
        name=setting.get("name", "none"),
        weight=setting.get("weight"),
        force=True,
    )
    train = replace(
        config.train,
        seed=seed,
        weight_decay=setting.get("decay", 1e-3),
        learning_rate=setting.get("rate", 3e-3),
    )
    tree = replace(config.tree, strength=strength, max_leaves=MAX_LEAVES)
    return replace(config, regularizer=regularizer, train=train, tree=tree)


def measure(
    prepared: Prepared, tree: Any, answers: np.ndarray, part: np.ndarray
) -> Figures:
    """Return the figures of some rows."""
    leaves, y = tree.apply(prepared.Z[part]), prepared.table.y[part]
    decided, told = answers[part].argmax(axis=1), tree.labels[leaves]
    agrees = decided == told
    return Figures(
        auc=macro_auc(answers[part], y) or 0.0,
        accuracy=float((decided == y).mean()),
        tree_accuracy=float((told == y).mean()),
        fidelity=float(agrees.mean()),
        balanced=float(
            np.mean([agrees[decided == c].mean() for c in np.unique(decided)])
        ),
        average_path_length=float(tree.depths[leaves].mean()),
    )


def row(method: str, outcomes: list[Outcome | None], figures: list[Any]) -> str:
    """Return a table row: medians over the seeds, lowest and highest in brackets."""
    alive = [o for o in outcomes if o is not None]
    cells = [
        spread([getattr(f, field) for f in figures])
        for field in ("auc", "accuracy", "tree_accuracy", "fidelity", "balanced")
    ]
    cells.append(f"{statistics.median(o.leaves for o in alive):g}")
    cells.append(spread([f.average_path_length for f in figures], 2))
    cells.append(spread([o.seconds for o in alive], 1))
    cells.append(f"{statistics.median(hypervolume(f) for f in figures):.4f}")
    dead = len(outcomes) - len(alive)
    return f"| {method}{f' ({dead} dead)' if dead else ''} | {' | '.join(cells)} |"


def hypervolume(figures: Figures) -> float:
    """Return what the point dominates of (AUC, balanced fidelity, simplicity).

    From the reference (.5, .5, APL 6): a network of chance, a tree of chance, and a
    tree that nobody reads.
    """
    simplicity = max(0.0, 1 - figures.average_path_length / 6)
    return (
        max(0.0, 2 * figures.auc - 1) * max(0.0, 2 * figures.balanced - 1) * simplicity
    )


def spread(values: list[float], digits: int = 3) -> str:
    """Return the median with the lowest and the highest value."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def correlate(name: str) -> str:
    """Say how the strength of the pull orders the path lengths."""
    setting = {"name": "pull", "weight": 3.0}
    lengths = []
    for strength in STRENGTHS:
        outcome = run(name, "pull", setting, TUNING_SEED, strength)
        lengths.append(outcome.test.average_path_length if outcome else np.nan)
    rho = float(spearmanr(STRENGTHS, lengths).statistic)
    told = ", ".join(f"{length:.2f}" for length in lengths)
    return f"APL at strengths {STRENGTHS}: {told}; Spearman {rho:.2f}."


def print_claims(names: list[str]) -> None:
    """Print, over all data sets, what leaves claim and what test rows say."""
    pairs = [claim for outcome in kept(names) for claim in outcome.claims]
    claimed = np.array([c for c, _, _ in pairs])
    agreed, rows = (np.array([p[i] for p in pairs]) for i in (1, 2))
    print("\n| leaves that claim | rows | claimed | found |\n|---|---|---|---|")
    edges = [0, 0.8, 0.9, 0.95, 0.975, 0.99, 1.001]
    for low, high in zip(edges, edges[1:], strict=False):
        at = (claimed >= low) & (claimed < high) & (rows > 0)
        if at.any():
            n = rows[at].sum()
            print(
                f"| {low:g} to {min(high, 1):g} | {n} | "
                f"{(claimed[at] * rows[at]).sum() / n:.3f} | "
                f"{agreed[at].sum() / n:.3f} |"
            )


def kept(names: list[str]) -> Iterator[Outcome]:
    """Yield every outcome of the fresh seeds that is on disk."""
    for path in sorted(KEPT.glob("*.json")):
        if path.stem.endswith(tuple(map(str, SEEDS))) and path.name.startswith(
            tuple(names)
        ):
            outcome = msgspec.json.decode(path.read_bytes(), type=Outcome | None)
            if outcome is not None:
                yield outcome


if __name__ == "__main__":
    main()
