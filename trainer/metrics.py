"""Figures with their uncertainty: every one on n rows with a 95 % interval.

Shares of rows get Wilson's interval; everything else the percentile bootstrap, seeded.
A figure that is undefined (a class absent from the rows) is omitted with a warning,
never NaN.
"""

import warnings
from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq  # type: ignore[import-untyped]
from scipy.stats import rankdata  # type: ignore[import-untyped]

from explainers.arrays import Floats, Indexes, Probabilities
from explainers.manifest import Estimate, TreeMetrics
from explainers.tree import DistilledTree
from trainer.errors import TrainingWarning
from trainer.rows import Rows

Z95 = 1.959963984540054
"""97.5 % quantile of the normal distribution."""
RESAMPLES = 1000
BINS = 15
_CHUNK_CELLS = 2_000_000
_FLOOR = 1e-7
"""Smallest probability in the log-loss: single precision rounds below it to 0 or 1."""

Statistic = Callable[[NDArray[np.float64]], Floats]
"""Row counts of resamples [B, n] -> the statistic of each, [B]."""


def wilson(successes: int, n: int) -> Estimate:
    """Return a share with Wilson's score interval (Wilson 1927); n >= 1."""
    p = successes / n
    centre = (p + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * np.sqrt(p * (1 - p) / n + Z95**2 / (4 * n**2))
    # At 0 and n of n the bound equals the share; rounding must not push it past.
    low, high = min(centre - half, p), max(centre + half, p)
    return Estimate(value=p, n=n, low=float(max(low, 0)), high=float(min(high, 1)))


def share(hits: NDArray[np.bool_]) -> Estimate:
    """Return the share of True rows with Wilson's interval."""
    return wilson(int(hits.sum()), len(hits))


def bootstrap(
    statistic: Statistic, strata: Indexes, seed: int, resamples: int = RESAMPLES
) -> Estimate:
    """Return a statistic with its percentile bootstrap interval (Efron 1979).

    Parameters
    ----------
    statistic : of row counts [B, n] (how often each row was drawn), one value a line.
    strata : [n] rows are drawn within each stratum, so that none is ever empty; pass
        zeros for the plain bootstrap.
    """
    n = len(strata)
    random = np.random.default_rng(seed)
    values: list[Floats] = []
    chunk = max(1, _CHUNK_CELLS // n)
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        counts = np.zeros((size, n))
        for stratum in np.unique(strata):
            rows = np.flatnonzero(strata == stratum)
            even = np.full(len(rows), 1 / len(rows))
            counts[:, rows] = random.multinomial(len(rows), even, size=size)
        values.append(statistic(counts))
    value = float(statistic(np.ones((1, n)))[0])
    low, high = np.quantile(np.concatenate(values), [0.025, 0.975])
    return Estimate(
        value=value, n=n, low=float(min(low, value)), high=float(max(high, value))
    )


def mean_statistic(values: Floats) -> Statistic:
    """Return the statistic "mean of ``values``", [n]."""
    return lambda counts: np.asarray(counts @ values / counts.sum(axis=1))


def auc(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve, ties counted half; both classes present."""
    ranks = rankdata(scores)
    n_positive = int(positive.sum())
    above = ranks[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(above / (n_positive * (len(scores) - n_positive)))


def macro_auc(probabilities: Probabilities, y: Indexes) -> float | None:
    """Return the AUC: of class 1 when binary, else the mean of one against the rest.

    None where a class is absent from ``y``.
    """
    n_classes = probabilities.shape[1]
    if (np.bincount(y, minlength=n_classes) == 0).any():
        return None
    scored = [1] if n_classes == 2 else range(n_classes)
    return float(np.mean([auc(probabilities[:, c], y == c) for c in scored]))


def _auc_statistic(
    scores: NDArray[np.floating], positive: NDArray[np.bool_]
) -> Statistic:
    order = np.argsort(scores, kind="stable")
    _, tie = np.unique(scores[order], return_inverse=True)
    starts = np.flatnonzero(np.diff(tie, prepend=-1))
    plus, minus = positive[order].astype(float), (~positive[order]).astype(float)

    def statistic(counts: NDArray[np.float64]) -> Floats:
        drawn = counts[:, order]
        up = np.add.reduceat(drawn * plus, starts, axis=1)  # [B, n_distinct_scores]
        down = np.add.reduceat(drawn * minus, starts, axis=1)
        below = np.cumsum(down, axis=1) - down / 2
        return np.asarray((up * below).sum(axis=1) / up.sum(1) / down.sum(1))

    return statistic


def estimate_auc(probabilities: Probabilities, y: Indexes, seed: int) -> Estimate:
    """Return ``macro_auc`` with an interval; resamples are drawn within each class.

    Classes that are told apart without a mistake are so in every resample: the lower
    end is then that of ``lowest_auc``, of the rarest class.
    """
    n_classes = probabilities.shape[1]
    scored = [1] if n_classes == 2 else range(n_classes)
    parts = [_auc_statistic(probabilities[:, c], y == c) for c in scored]
    found = bootstrap(
        lambda counts: np.mean([p(counts) for p in parts], axis=0), y, seed
    )
    if found.low < 1:
        return found
    rarest = int(np.bincount(y, minlength=n_classes).min())
    return msgspec.structs.replace(found, low=lowest_auc(rarest, len(y) - rarest))


def lowest_auc(m: int, n: int) -> float:
    """Return the lower end of the 95 % interval of an AUC that was measured as 1.

    Where 1 - AUC = 1.96 standard errors, with the variance of Hanley and McNeil (1982)
    under exponential scores and (m + n) / 2 - 1 for both of its counts (Newcombe 2006,
    Statistics in Medicine 25, 559-573, method 5).

    Parameters
    ----------
    m, n : rows of the one class and of all others.
    """
    more = (m + n) / 2 - 1

    def excess(auc: float) -> float:
        spread = more * ((1 - auc) / (2 - auc) + auc / (1 + auc))
        variance = auc * (1 - auc) * (1 + spread) / (m * n)
        return 1 - auc - Z95 * float(np.sqrt(variance))

    return float(brentq(excess, 1e-9, 1 - 1e-9))


def estimate_calibration_error(
    probabilities: Probabilities, y: Indexes, seed: int
) -> Estimate:
    """Return the expected calibration error of the network's top label.

    Fifteen bins of equal width over the probability of the predicted class; the mean
    over rows of |share right - mean probability| of their bin (Guo et al. 2017). Biased
    upward on few rows: an ideal network of 100 rows has about .03.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = (probabilities.argmax(axis=1) == y).astype(np.float64)
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    member = np.zeros((len(y), BINS))
    member[np.arange(len(y)), bins] = right - confidence

    def statistic(counts: NDArray[np.float64]) -> Floats:
        return np.asarray(np.abs(counts @ member).sum(axis=1) / counts.sum(axis=1))

    return bootstrap(statistic, np.zeros(len(y), dtype=np.int64), seed)


def measure_network(
    probabilities: Probabilities, y: Indexes, seed: int
) -> dict[str, Estimate]:
    """Measure a network on rows that it was not fitted to.

    Parameters
    ----------
    probabilities : [n, n_classes] float32.
    y : [n] true class indexes.
    """
    n_classes = probabilities.shape[1]
    labels = probabilities.argmax(axis=1)
    chosen = probabilities[np.arange(len(y)), y].astype(np.float64)
    loss = -np.log(np.maximum(chosen, _FLOOR))
    whole = np.zeros(len(y), dtype=np.int64)
    figures = {
        "accuracy": share(labels == y),
        "log_loss": bootstrap(mean_statistic(loss), whole, seed),
        "calibration_error": estimate_calibration_error(probabilities, y, seed),
    }
    if macro_auc(probabilities, y) is None:
        warnings.warn(
            "the AUC is omitted: a class is absent from the rows",
            TrainingWarning,
            stacklevel=2,
        )
    else:
        figures["auc"] = estimate_auc(probabilities, y, seed)
    if n_classes == 2:
        figures["predicted_positive_rate"] = share(labels == 1)
    return figures


def estimate_balanced_fidelity(
    agrees: NDArray[np.bool_], decisions: Indexes, seed: int
) -> Estimate:
    """Return the mean, over the classes that the network decides, of agreement.

    Raw fidelity flatters a tree that ignores a rare class; here each class counts the
    same. Resamples are drawn within each class; n is the number of rows.
    """
    classes = np.unique(decisions)
    parts = [
        (decisions == c, mean_statistic(agrees[decisions == c].astype(np.float64)))
        for c in classes
    ]
    return bootstrap(
        lambda counts: np.mean([part(counts[:, at]) for at, part in parts], axis=0),
        decisions,
        seed,
    )


def measure_tree(
    tree: DistilledTree, rows: Rows, decisions: Indexes, seed: int
) -> TreeMetrics:
    """Measure a tree on rows that fitted neither it nor its network.

    Parameters
    ----------
    decisions : [n] the network's class indexes of the rows.
    """
    leaves, y = tree.apply(rows.Z), rows.y
    answers = tree.labels[leaves]
    lengths = tree.depths[leaves].astype(np.float64)
    agrees = answers == decisions
    whole = np.zeros(len(y), dtype=np.int64)
    return TreeMetrics(
        leaves=len(tree.leaves),
        depth=tree.depth,
        accuracy=share(answers == y),
        fidelity=share(agrees),
        balanced_fidelity=estimate_balanced_fidelity(agrees, decisions, seed),
        average_path_length=bootstrap(mean_statistic(lengths), whole, seed),
    )


def measure_constant(
    y_train: Indexes, decisions_train: Indexes, y: Indexes, decisions: Indexes
) -> dict[str, Estimate]:
    """Measure always answering the most frequent class of the training rows.

    For accuracy that is the most frequent label, for fidelity the network's most
    frequent decision.
    """
    return {
        "accuracy": share(y == np.bincount(y_train).argmax()),
        "fidelity": share(decisions == np.bincount(decisions_train).argmax()),
    }
