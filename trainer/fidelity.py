"""How far each node of the tree speaks for the network, estimated on unseen rows.

A leaf that five held-out rows reached, all in agreement, has not earned a fidelity of
1. Each node's agreement is therefore shrunk toward the global figure: with a of n
held-out rows in agreement and a Beta(s m, s (1 - m)) prior, where m is the global
fidelity, the estimate is the posterior mean (a + s m) / (n + s). The prior's strength
s, in rows, is the one under which the leaves' counts are most likely (empirical Bayes,
Robbins 1956; beta-binomial marginal likelihood), on a grid from 1 to 1,000 rows: leaves
that differ more than chance explains give a small s and keep their own figures, leaves
that do not are pooled.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln  # type: ignore[import-untyped]
from scipy.stats import beta  # type: ignore[import-untyped]

from explainers.arrays import Floats
from explainers.manifest import Estimate

STRENGTHS: Floats = np.logspace(0, 3, 61)
"""Candidates for s, in rows. Bounded: a handful of leaves cannot tell 1,000 from more,
and below 1 row a leaf without held-out rows would have an interval of nearly all."""


def shrink_fidelity(
    agreeing: NDArray[np.int64], rows: NDArray[np.int64], is_leaf: NDArray[np.bool_]
) -> list[Estimate]:
    """Estimate each node's fidelity with its 95 % interval.

    Parameters
    ----------
    agreeing : [n_nodes] held-out rows that reach the node and on which tree and network
        agree.
    rows : [n_nodes] held-out rows that reach the node; the root's are all of them.
    is_leaf : [n_nodes]; the prior is fitted to the leaves, which partition the rows.

    Returns
    -------
    One estimate a node: posterior mean, 2.5 % and 97.5 % posterior quantiles. ``n`` is
    the node's own number of held-out rows, which may be 0.
    """
    leaf_rows, leaf_agreeing = rows[is_leaf], agreeing[is_leaf]
    # Half a row of each kind keeps m inside (0, 1) (Jeffreys' prior).
    m = (leaf_agreeing.sum() + 0.5) / (leaf_rows.sum() + 1)
    s = prior_strength(leaf_agreeing, leaf_rows, m)
    a = agreeing + s * m
    b = rows - agreeing + s * (1 - m)
    value = a / (a + b)
    low, high = beta.ppf(0.025, a, b), beta.ppf(0.975, a, b)
    # The mean of a skewed posterior may lie outside its central interval.
    low, high = np.minimum(low, value), np.maximum(high, value)
    return [
        Estimate(
            value=float(value[i]),
            n=int(rows[i]),
            low=float(low[i]),
            high=float(high[i]),
        )
        for i in range(len(rows))
    ]


def prior_strength(
    agreeing: NDArray[np.int64], rows: NDArray[np.int64], mean: float
) -> float:
    """Return the strength s that maximises the leaves' marginal likelihood."""
    a, b = STRENGTHS * mean, STRENGTHS * (1 - mean)  # [n_strengths]
    evidence = betaln(agreeing[:, None] + a, (rows - agreeing)[:, None] + b) - betaln(
        a, b
    )  # [n_leaves, n_strengths]
    return float(STRENGTHS[int(np.argmax(evidence.sum(axis=0)))])
