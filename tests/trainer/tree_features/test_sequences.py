"""Lags, changes and statistics against pandas."""

import numpy as np
import pandas as pd
import pytest
import torch

from trainer.config import TreeFeaturesConfig
from trainer.tree_features.sequences import SequenceFeatures, plan_looks

CONFIG = TreeFeaturesConfig(lags=(1, 4), differences=(1, 3), windows=(2, 5))


@pytest.fixture(scope="module")
def sequences():
    random = np.random.default_rng(0)
    lengths = np.array([1, 2, 3, 5, 9, 9, 4, 7])
    X = random.normal(10, 3, (8, 9, 2)).astype(np.float32)
    X[np.arange(9) >= lengths[:, None]] = 0
    return X, lengths


def by_pandas(values):
    """One sequence so far, [steps, channels] -> feature by name."""
    frame = pd.DataFrame(values.astype(np.float64), columns=["p", "q"])
    first, n = frame.iloc[0], len(frame)
    shifted = {k: frame.shift(k).iloc[-1].fillna(first) for k in (1, 3, 4)}
    names = {"mean": "mean", "min": "lowest", "max": "highest"}
    features = {}
    for channel in ("p", "q"):
        column = frame[channel]
        features[f"{channel}, last step"] = column.iloc[-1]
        features[f"{channel}, 1 step earlier"] = shifted[1][channel]
        features[f"{channel}, 4 steps earlier"] = shifted[4][channel]
        for k, text in ((1, "1 step"), (3, "3 steps")):
            change = column.iloc[-1] - shifted[k][channel]
            features[f"{channel}, change over {text}"] = change
        for window in (2, 5, n):
            rolling = column.rolling(window, min_periods=1)
            where = "so far" if window == n else f"of last {window} steps"
            found = {names[s]: rolling.agg(s).iloc[-1] for s in names}
            found["deviation"] = rolling.std(ddof=0).iloc[-1]
            for name, value in found.items():
                features.setdefault(f"{channel}, {name} {where}", value)
                if window == n:
                    features[f"{channel}, {name} so far"] = value
    for channel in ("p", "q"):  # a window as long as the sequence has two names
        for window in (2, 5):
            tail = frame[channel].tail(window)
            for name, value in (
                ("mean", tail.mean()), ("lowest", tail.min()), ("highest", tail.max()),
                ("deviation", tail.std(ddof=0)),
            ):  # fmt: skip
                features[f"{channel}, {name} of last {window} steps"] = value
    return features


def test_they_are_what_pandas_computes(sequences):
    X, lengths = sequences
    looks = plan_looks(CONFIG)
    found = SequenceFeatures(looks)(torch.from_numpy(X), torch.from_numpy(lengths))
    names = [look.describe(c) for look in looks for c in ("p", "q")]
    assert len(names) == len(set(names)) == found.shape[1] == 2 * (1 + 2 + 2 + 12)
    for row, length in enumerate(lengths):
        expected = by_pandas(X[row, :length])
        np.testing.assert_allclose(
            found[row].numpy(), [expected[name] for name in names], rtol=2e-5, atol=2e-5
        )
    assert torch.isfinite(found).all()


def test_a_constant_channel_has_no_deviation():
    X = torch.full((1, 6, 1), 0.1)
    looks = plan_looks(TreeFeaturesConfig(statistics=("deviation",)))
    found = SequenceFeatures(looks)(X, torch.tensor([6]))
    names = [look.describe("p") for look in looks]
    assert float(found[0, names.index("p, deviation of last 3 steps")]) < 1e-7


def test_steps_say_how_far_a_feature_looks():
    steps = {look.describe("p"): look.steps for look in plan_looks(CONFIG)}
    assert steps["p, last step"] == 1
    assert steps["p, 4 steps earlier"] == 5
    assert steps["p, change over 3 steps"] == 4
    assert steps["p, mean of last 5 steps"] == 5
    assert steps["p, mean so far"] is None
