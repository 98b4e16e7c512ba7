"""The signal-and-noise hidden Markov model of Wu et al. (AAAI 2018), drawn anew.

Two chains run side by side. The signal chain has five well-separated states and emits
channels 0 to 6, the noise chain five states and channels 7 to 13; every channel is 0
or 1. A step's label is 1 almost exactly where the signal chain is in its first state
and channel 0 reads 1. The state is hidden, so the steps before help.
"""

import numpy as np
from numpy.typing import NDArray

from trainer.data.raw import RawSequences

PARTS = {"train": 100, "validation": 50, "test": 150}
"""Sequences of each part; the paper's training set has 100."""
STEPS = 50

# The constants of the authors' generator (dtak/tree-regularization-public).
SIGNAL_START = [0.5, 0.5, 0, 0, 0]
SIGNAL_MOVES = [
    [0.7, 0.3, 0, 0, 0],
    [0.5, 0.25, 0.25, 0, 0],
    [0, 0.25, 0.5, 0.25, 0],
    [0, 0, 0.25, 0.25, 0.5],
    [0, 0, 0, 0.5, 0.5],
]
SIGNAL_EMITS = [
    [0.5, 0.5, 0.5, 0.5, 0, 0, 0],
    [0.5, 0.5, 0.5, 0.5, 0.5, 0, 0],
    [0.5, 0.5, 0.5, 0, 0.5, 0, 0],
    [0.5, 0.5, 0.5, 0, 0, 0.5, 0],
    [0.5, 0.5, 0.5, 0, 0, 0, 0.5],
]
NOISE_START = [0.2] * 5
NOISE_MOVES = [NOISE_START] * 5
NOISE_EMITS = [[0.5 if s <= c < s + 3 else 0 for c in range(7)] for s in range(5)]


def signal_and_noise(seed: int = 0) -> RawSequences:
    """Draw the sequences, with a label a step."""
    random = np.random.default_rng(seed)
    n = sum(PARTS.values())
    states, signal = _chain(random, n, SIGNAL_START, SIGNAL_MOVES, SIGNAL_EMITS)
    _, noise = _chain(random, n, NOISE_START, NOISE_MOVES, NOISE_EMITS)
    score = 10.0 * (states == 0) + 10.0 * signal[:, :, 0] - 15
    labels = random.random(score.shape) < 1 / (1 + np.exp(-score))
    return RawSequences(
        values=list(np.concatenate([signal, noise], axis=2)),
        labels=[[str(int(label)) for label in steps] for steps in labels],
        channels=tuple(f"{kind} {i}" for kind in ("signal", "noise") for i in range(7)),
        classes=("0", "1"),
        parts=[part for part, count in PARTS.items() for _ in range(count)],
    )


def _chain(
    random: np.random.Generator,
    n: int,
    start: list[float],
    moves: list[list[float]],
    emits: list[list[float]],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Draw n runs of a chain: states [n, STEPS], channels [n, STEPS, 7] of 0 and 1."""
    states = np.empty((n, STEPS), dtype=np.int64)
    states[:, 0] = random.choice(len(start), size=n, p=start)
    reach = np.cumsum(moves, axis=1)
    for step in range(1, STEPS):
        drawn = random.random(n)[:, None]
        # Clipped: the sums may end a rounding error below 1.
        states[:, step] = np.minimum(
            (drawn >= reach[states[:, step - 1]]).sum(axis=1), len(start) - 1
        )
    chances = np.array(emits)[states]
    return states, (random.random(chances.shape) < chances).astype(np.float64)
