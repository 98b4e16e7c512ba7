"""One small trained network of each family, its bundle and its served model."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from explainers.loading import open_model
from explainers.model import Model
from trainer.config import parse_config
from trainer.errors import TrainingWarning
from trainer.export.write import write_model
from trainer.pipeline import Trained, train

HERE = Path(__file__).parent
FAMILIES = {
    "gru": {
        "name": "gru",
        "data": {"loader": "own_networks:ragged"},
        "model": {"family": "sequence", "hidden": 8},
        "tree_features": {"windows": [3], "statistics": ["mean", "deviation"]},
        "train": {"epochs": 40, "learning_rate": 1e-2},
    },
    "lstm": {
        "name": "lstm",
        "data": {
            "loader": "own_networks:ragged",
            "options": {"by_step": True, "n": 80},
        },
        "model": {"family": "sequence", "cell": "lstm", "hidden": 6},
        "tree_features": {"windows": [3], "statistics": ["mean"], "so_far": False},
        "train": {"epochs": 30, "learning_rate": 1e-2},
    },
    "cnn": {
        "name": "cnn",
        "data": {"loader": "own_networks:few_digits"},
        "model": {"family": "image", "channels": [6, 8]},
        "train": {"epochs": 10, "learning_rate": 1e-2},
    },
    "own": {
        "name": "own",
        "data": "own_networks:few_digits",
        "model": {"factory": "own_networks:pooled", "options": {"width": 5}},
        "train": {"epochs": 60, "learning_rate": 2e-2},
    },
    "flat": {
        "name": "flat",
        "data": "own_networks:few_digits",
        "model": "own_networks:flat",
        "train": {"epochs": 10, "learning_rate": 1e-2},
    },
    "resized": {
        "name": "resized",
        "data": "own_networks:few_digits",
        "model": "own_networks:resized",
        "train": {"epochs": 10, "learning_rate": 1e-2},
    },
}
FAMILIES |= {
    f"{name}, tree decides": {**FAMILIES[name], "decision": "tree"}
    for name in ("gru", "cnn")
}


@dataclass(frozen=True)
class Case:
    """What was trained, where it was written, and what is served."""

    trained: Trained
    bundle: Path
    model: Model

    @property
    def rows(self) -> tuple[np.ndarray, ...]:
        """Inputs (and lengths) of 64 rows, as a client would send them."""
        return self.trained.prepared.family.inputs(np.arange(64))


@pytest.fixture(scope="session")
def case_of(tmp_path_factory):
    """Train a family once a run, when a test first asks for it."""
    cases: dict[str, Case] = {}

    def get(name: str) -> Case:
        if name not in cases:
            directory = tmp_path_factory.mktemp("families") / name
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", TrainingWarning)
                trained = train(parse_config(FAMILIES[name]), HERE, controls=False)
                write_model(trained, directory)
            cases[name] = Case(trained, directory, open_model(directory))
        return cases[name]

    return get
