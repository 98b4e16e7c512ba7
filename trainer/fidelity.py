"""How far each node of the tree speaks for the network, estimated on unseen rows.

A leaf that five held-out rows reached, all in agreement, has not earned a fidelity of
1. Leaf i agrees on a_i of its n_i held-out rows; its true fidelity is taken as drawn
from a Beta(s m, s (1 - m)) that all leaves share: m is their mean, s (in rows) how
alike they are. Both are averaged over, by the marginal likelihood of all leaves on a
bounded grid, with the prior of Gelman et al., "Bayesian Data Analysis" (3rd edition,
section 5.3): uniform in m and in 1 / sqrt(s). Leaves that differ more than chance
explains keep their own figures, leaves that do not are pooled, and a leaf without rows
has the wide interval that it deserves. Fixing s at its most likely value instead gave
95 % intervals that held the truth 73 % of the time (8 leaves of 5 to 60 rows).

A decision node's fidelity is the average of its leaves', by their held-out rows.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln  # type: ignore[import-untyped]

from explainers.arrays import Floats
from explainers.manifest import Estimate
from trainer.pruning import LEAF, Grown

DRAWS = 4000
STRENGTHS: Floats = np.logspace(0, 3, 31)
"""Grid of s. A handful of leaves cannot tell 1,000 rows from more."""
MEANS: Floats = (np.arange(200) + 0.5) / 200


def estimate_fidelity(
    tree: Grown, agreeing: NDArray[np.int64], rows: NDArray[np.int64], seed: int = 0
) -> list[Estimate]:
    """Estimate each node's fidelity with its 95 % interval.

    Parameters
    ----------
    tree : children after their parents.
    agreeing : [n_nodes] held-out rows that reach the node and on which tree and network
        agree.
    rows : [n_nodes] held-out rows that reach the node.
    seed : of the draws from the posterior.

    Returns
    -------
    One estimate a node: posterior mean, 2.5 % and 97.5 % posterior quantiles. ``n`` is
    the node's own number of held-out rows, which may be 0.
    """
    leaves = np.flatnonzero(tree.feature == LEAF)
    draws = np.zeros((len(rows), DRAWS))
    draws[leaves] = draw_leaves(agreeing[leaves], rows[leaves], seed)
    for node in reversed(np.flatnonzero(tree.feature != LEAF).tolist()):
        children = [int(tree.left[node]), int(tree.right[node])]
        share = rows[children] if rows[node] else np.ones(2)
        draws[node] = share @ draws[children] / share.sum()
    low, high = np.quantile(draws, [0.025, 0.975], axis=1)
    value = draws.mean(axis=1)
    # The mean of a skewed posterior may lie outside its central interval.
    low, high = np.minimum(low, value), np.maximum(high, value)
    return [
        Estimate(value=float(v), n=int(n), low=float(lo), high=float(hi))
        for v, n, lo, hi in zip(value, rows, low, high, strict=True)
    ]


def draw_leaves(
    agreeing: NDArray[np.int64], rows: NDArray[np.int64], seed: int
) -> Floats:
    """Draw the leaves' fidelities from their posterior: [n_leaves, DRAWS]."""
    random = np.random.default_rng(seed)
    weights = posterior_of_prior(agreeing, rows)
    picked = random.choice(weights.size, size=DRAWS, p=weights.ravel())
    m, s = MEANS[picked // len(STRENGTHS)], STRENGTHS[picked % len(STRENGTHS)]
    a = agreeing[:, None] + s * m  # [n_leaves, DRAWS]
    b = (rows - agreeing)[:, None] + s * (1 - m)
    return np.asarray(random.beta(a, b))


def posterior_of_prior(agreeing: NDArray[np.int64], rows: NDArray[np.int64]) -> Floats:
    """Return how likely each (m, s) of the grid is: [n_means, n_strengths], sum 1."""
    a = MEANS[:, None] * STRENGTHS
    b = (1 - MEANS)[:, None] * STRENGTHS
    # Uniform in 1 / sqrt(s), on a grid that is even in log s.
    evidence = np.tile(-0.5 * np.log(STRENGTHS), (len(MEANS), 1))
    for x, n in zip(agreeing, rows, strict=True):
        evidence += betaln(x + a, n - x + b) - betaln(a, b)
    weights = np.exp(evidence - evidence.max())
    return np.asarray(weights / weights.sum())
