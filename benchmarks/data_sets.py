"""The data sets of the tree regularization benchmark, each for a seed.

A seed draws parabola, the 20k set and the hidden Markov model anew, and divides the
real ones anew.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from trainer.config import Config, parse_config
from trainer.data import synthetic
from trainer.data.raw import RawTable

Loader = Callable[[int], tuple[Config, Path]]


def named(name: str, **sections: object) -> Loader:
    """Return the loader of a data set that comes with a package."""

    def load(seed: int) -> tuple[Config, Path]:
        raw: dict[str, Any] = {
            "name": "benchmark",
            "data": {"named": name, "seed": seed},
            **sections,
        }
        return parse_config(raw), Path()

    return load


def drawn(draw: Callable[[int], RawTable]) -> Loader:
    """Return the loader of a table that each seed draws anew."""

    def load(seed: int) -> tuple[Config, Path]:
        raw = draw(seed)
        folder = Path(tempfile.mkdtemp())
        frame = pd.DataFrame(raw.columns | {"part": raw.parts})
        frame.to_parquet(folder / "rows.parquet")
        data = {"path": "rows.parquet", "target": raw.target, "split": "part"}
        return parse_config({"name": "benchmark", "data": data}), folder

    return load


def signal_and_noise(seed: int) -> tuple[Config, Path]:
    """Return the hidden Markov model of the paper, drawn anew."""
    raw: dict[str, Any] = {
        "name": "benchmark",
        "data": {
            "loader": "trainer.data.hmm:signal_and_noise",
            "options": {"seed": seed},
        },
        "model": {"family": "sequence"},
        "train": {"weight_decay": 1e-2, "epochs": 400},  # at 1e-3 it overfits
    }
    return parse_config(raw), Path()


DATA_SETS: dict[str, Loader] = {
    "breast_cancer": named("breast_cancer"),
    "parabola": drawn(synthetic.parabola),
    "bananas": named("bananas"),
    "wine": named("wine"),
    "image_segments": named("image_segments"),
    "synthetic": drawn(synthetic.synthetic),
    "digits": named("digits"),
    "signal_and_noise": signal_and_noise,
    "japanese_vowels": named("japanese_vowels", model={"family": "sequence"}),
    "basic_motions": named("basic_motions", model={"family": "sequence"}),
    "mnist": named(
        "mnist",
        model={"family": "image", "channels": [16, 32]},
        train={"epochs": 20, "batch_size": 32},  # fewer steps leave it untrained
    ),
}
