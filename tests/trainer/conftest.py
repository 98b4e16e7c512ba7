"""Tables from real data and models trained once a run."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_wine

from explainers.loading import open_model
from explainers.model import Model
from trainer.config import Config, parse_config
from trainer.export.write import write_model
from trainer.pipeline import Trained, train

QUICK = {"epochs": 60, "seed": 0}


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    # Two test processes on two cores: more threads only take turns.
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def mixed_frame() -> pd.DataFrame:
    """Return real wines: 3 numbers, a category by binning, values masked at random."""
    bunch = load_wine(as_frame=True)
    source = bunch.frame
    random = np.random.default_rng(0)
    colour = pd.cut(source["color_intensity"], 3, labels=["pale", "ruby", "dark"])
    frame = pd.DataFrame(
        {
            "alcohol": source["alcohol"],
            "flavanoids": source["flavanoids"],
            "proline": source["proline"],
            "colour": colour.astype(object),
            "region": source["target"].map({0: "north", 1: "south", 2: "south"}),
        }
    )
    frame.loc[random.random(len(frame)) < 0.15, "flavanoids"] = np.nan
    frame.loc[random.random(len(frame)) < 0.15, "colour"] = None
    return frame


@pytest.fixture(scope="session")
def mixed_csv(
    mixed_frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("mixed") / "wines.csv"
    mixed_frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def mixed_config(mixed_csv: Path) -> Config:
    return parse_config(
        {
            "name": "wines",
            "data": {
                "path": mixed_csv.name,
                "target": "region",
                "units": {"alcohol": "% vol"},
            },
            "model": {"hidden": [16]},
            "train": QUICK,
        }
    )


@pytest.fixture(scope="session")
def mixed_trained(mixed_config: Config, mixed_csv: Path) -> Trained:
    return train(mixed_config, mixed_csv.parent, controls=False)


@pytest.fixture(scope="session")
def mixed_bundle(
    mixed_trained: Trained, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    directory = tmp_path_factory.mktemp("bundles") / "wines"
    write_model(mixed_trained, directory)
    return directory


@pytest.fixture(scope="session")
def mixed_model(mixed_bundle: Path) -> Model:
    return open_model(mixed_bundle)


@pytest.fixture(scope="session")
def cancer_config() -> Config:
    return parse_config(
        {
            "name": "tumours",
            "beyond_training": "refuse",
            "data": {"named": "breast_cancer"},
            "model": {"hidden": [16]},
            "train": QUICK,
        }
    )


@pytest.fixture(scope="session")
def cancer_trained(cancer_config: Config) -> Trained:
    return train(cancer_config)


@pytest.fixture(scope="session")
def cancer_bundle(
    cancer_trained: Trained, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    directory = tmp_path_factory.mktemp("bundles") / "tumours"
    write_model(cancer_trained, directory)
    return directory


@pytest.fixture(scope="session")
def cancer_model(cancer_bundle: Path) -> Model:
    return open_model(cancer_bundle)


@pytest.fixture(scope="session")
def cancer_rows() -> tuple[np.ndarray, np.ndarray]:
    """Return X [569, 30] float32 and y [569] of the breast cancer data."""
    X, y = load_breast_cancer(return_X_y=True)
    return X.astype(np.float32), y.astype(np.int64)


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "table.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write
