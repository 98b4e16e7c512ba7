"""Bundles of every family, trained by the trainer once a run, and a server's client."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from api.app import create_app
from api.settings import Settings
from explainers.loading import open_model
from explainers.model import Model
from explainers.reading import write_instance
from trainer.config import parse_config
from trainer.errors import TrainingWarning
from trainer.export.write import write_model
from trainer.pipeline import Trained, train

STEPS, ROWS, COLUMNS = 9, 5, 7
"""Most steps of a sequence; pixels of a picture, which is not square on purpose."""

CONFIGS = {
    "visits": {
        "data": {
            "path": "visits.csv", "target": "state", "sequence": "patient",
            "time": "day", "labels": "step", "units": {"pulse": "1/min"},
        },
        "model": {"family": "sequence", "hidden": 6},
        "tree_features": {"windows": [3], "statistics": ["mean"], "so_far": False},
        "train": {"epochs": 20, "learning_rate": 1e-2},
    },
    "patches": {
        "data": {"loader": "small_pictures:patches"},
        "model": {"family": "image", "channels": [6, 8]},
        "tree_features": {"grid": [2, 2]},
        "train": {"epochs": 15, "learning_rate": 1e-2},
    },
    "regional": {
        "data": {"named": "breast_cancer"},
        "model": {"hidden": [8]},
        "train": {"epochs": 30},
        "regions": {"rule": "worst radius > 16.5"},
    },
}  # fmt: skip


def write_visits(path: Path) -> None:
    """70 patients of 2 to 9 visits; "high" once the last three pulses average over 70.

    The lines are shuffled: ``day`` puts them in order.
    """
    random = np.random.default_rng(0)
    lines = []
    for patient in range(70):
        pulses = random.normal(70, 10, random.integers(2, STEPS + 1)).round(1)
        for day, pulse in enumerate(pulses):
            high = pulses[max(0, day - 2) : day + 1].mean() > 70
            state = "high" if high else "low"
            lines.append((patient, day, pulse, random.integers(1, 4), state))
    names = ["patient", "day", "pulse", "dose", "state"]
    frame = pd.DataFrame(lines, columns=names)
    frame.sample(frac=1, random_state=0).to_csv(path, index=False)


@dataclass(frozen=True)
class Case:
    """What was trained, and what is served; ``path`` is the bundle."""

    trained: Trained
    path: Path
    model: Model

    def rows(self, numbers) -> tuple[np.ndarray, ...]:
        """Inputs (and lengths) of some of the data's rows."""
        return self.trained.prepared.family.inputs(np.array(numbers))

    def instances(self, numbers) -> list:
        """The same as clients send them."""
        inputs, *lengths = self.rows(numbers)
        counts = lengths[0] if lengths else np.ones(len(inputs), dtype=int)
        schema = self.model.manifest.input
        pairs = zip(inputs, counts, strict=True)
        return [write_instance(schema, row, int(count)) for row, count in pairs]

    def probabilities(self, numbers) -> np.ndarray:
        """What the trained network answers, by torch."""
        with torch.no_grad():
            logits = self.trained.network(*self.tensors(numbers))
        return torch.softmax(logits, dim=1).numpy()

    def tensors(self, numbers) -> tuple[torch.Tensor, ...]:
        """The rows as the trained network reads them."""
        return tuple(
            torch.from_numpy(np.ascontiguousarray(a)) for a in self.rows(numbers)
        )


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> dict[str, Case]:
    """Every case by name; their bundles stand beside one another."""
    base, directory = Path(__file__).parent, tmp_path_factory.mktemp("families")
    write_visits(directory / "visits.csv")
    cases = {}
    for name, raw in CONFIGS.items():
        where = directory if name == "visits" else base
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TrainingWarning)
            result = train(parse_config({"name": name, **raw}), where, controls=False)
            write_model(result, directory / "bundles" / name)
        path = directory / "bundles" / name
        cases[name] = Case(result, path, open_model(path))
    return cases


@pytest.fixture(scope="session")
def bundles(trained) -> Path:
    """The directory of their bundles."""
    return trained["visits"].path.parent


@pytest.fixture
def client(bundles):
    return create_app(Settings(bundles=bundles)).test_client()


@pytest.fixture(params=["visits", "patches"])
def case(request, trained) -> Case:
    """The sequence and the picture, one after the other."""
    return trained[request.param]
