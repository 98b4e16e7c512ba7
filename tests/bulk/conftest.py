"""A model with numbers, a category and missing values, and rows for it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_wine

from explainers.loading import open_model
from explainers.model import Model
from trainer.config import parse_config
from trainer.export.write import write_model
from trainer.pipeline import train


@pytest.fixture(scope="session")
def wines() -> pd.DataFrame:
    """Return real wines: the colour binned, a third of the flavanoids missing."""
    source = load_wine(as_frame=True).frame
    bins = pd.cut(source["color_intensity"], 3, labels=["pale", "ruby", "dark"])
    known = np.random.default_rng(0).random(len(source)) > 1 / 3
    return pd.DataFrame(
        {
            "alcohol": source["alcohol"],
            "flavanoids": source["flavanoids"].where(known),
            "colour": bins.astype(str),
            "region": source["target"].map({0: "north", 1: "south", 2: "east"}),
        }
    )


@pytest.fixture(scope="session")
def bundle(wines: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("bulk")
    wines.to_csv(base / "wines.csv", index=False)
    config = parse_config(
        {
            "name": "wines",
            "data": {"path": "wines.csv", "target": "region"},
            "model": {"hidden": [16]},
            "train": {"epochs": 30, "seed": 0},
        }
    )
    write_model(train(config, base, controls=False), base / "wines")
    return base / "wines"


@pytest.fixture(scope="session")
def model(bundle: Path) -> Model:
    return open_model(bundle)


@pytest.fixture(scope="session")
def cellar(wines: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,200 rows in two row groups of unequal size, columns in another order."""
    table = pa.Table.from_pandas(
        pd.concat([wines] * 7, ignore_index=True)[:1200].assign(bottle=range(1200)),
        preserve_index=False,
    ).select(["colour", "bottle", "alcohol", "region", "flavanoids"])
    path = tmp_path_factory.mktemp("cellar") / "cellar.parquet"
    with pq.ParquetWriter(path, table.schema) as writer:
        writer.write_table(table.slice(0, 1150))
        writer.write_table(table.slice(1150))
    return path
