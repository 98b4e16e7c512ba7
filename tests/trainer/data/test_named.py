"""Named data sets are what their sources say; drawn ones follow their rule."""

import sys

import numpy as np
import pytest

from trainer.config import parse_config
from trainer.data.packaged import read_packaged
from trainer.data.source import load_raw
from trainer.data.synthetic import parabola, synthetic
from trainer.errors import DataError
from trainer.prepare import prepare


def prepared(name, family="tabular"):
    raw = {"name": "a", "data": {"named": name}, "model": {"family": family}}
    return prepare(parse_config(raw))


@pytest.mark.filterwarnings("ignore:columns that never vary")  # corners of digits
@pytest.mark.parametrize(
    ("name", "family", "shape", "classes"),
    [
        # UEA archive: 270 + 370 utterances of 7 to 29 frames by nine speakers.
        ("japanese_vowels", "sequence", (640, 29, 12), 9),
        # UEA archive: 40 + 40 recordings of 100 steps, four activities.
        ("basic_motions", "sequence", (80, 100, 6), 4),
        ("signal_and_noise", "sequence", (300, 50, 14), 2),
        ("mnist", "image", (5000, 1, 28, 28), 10),
        ("digits", "image", (1797, 1, 8, 8), 10),
        ("digits", "tabular", (1797, 64), 10),
        ("parabola", "tabular", (6000, 2), 2),
        ("synthetic", "tabular", (20_000, 20), 2),
    ],
)
def test_data_sets_are_what_their_sources_say(name, family, shape, classes):
    table = prepared(name, family).table
    assert table.X.shape == shape
    assert len(table.classes) == classes


def test_japanese_vowels_are_ragged():
    lengths = prepared("japanese_vowels", "sequence").table.lengths
    assert (lengths.min(), lengths.max()) == (7, 29)


def test_the_parabola_divides_the_square_and_only_near_it_labels_flip():
    raw = parabola()
    x, y = raw.columns["x1"], raw.columns["x2"]
    gap = y - (5 * (x - 0.5) ** 2 + 0.4)
    right = (np.array(raw.columns["y"]) == "yes") == (gap > 0)
    near = np.abs(gap) < 0.1
    assert right[~near].all()
    assert abs(right[near].mean() - 0.5) < 0.05


def test_the_synthetic_table_is_learned_as_well_as_its_noise_allows():
    """Its docstring's bound, reached by boosted trees on the features as they are."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    raw = synthetic()
    X = np.stack([raw.columns[f"x{i}"] for i in range(1, 21)], axis=1)
    y, parts = np.array(raw.columns["y"]), np.array(raw.parts)
    fitted = HistGradientBoostingClassifier(max_depth=4, random_state=0)
    fitted.fit(X[parts == "train"], y[parts == "train"])
    score = fitted.score(X[parts == "test"], y[parts == "test"])
    assert 0.83 < score < 0.865


def test_drawn_tables_bring_their_own_division():
    assert prepared("parabola").split.rows == {
        "train": 500, "validation": 500, "test": 5000,
    }  # fmt: skip
    assert parabola(1).columns["x1"][0] != parabola(0).columns["x1"][0]


def test_a_data_file_that_is_missing_comes_with_the_command_that_gets_it():
    with pytest.raises(DataError) as caught:
        read_packaged("aeon", "datasets/data/None.ts", "1.6.0")
    command = f"`{sys.executable} -m pip install --no-deps aeon==1.6.0`"
    assert command in str(caught.value)
    with pytest.raises(DataError, match="no_such_package==3"):
        read_packaged("no_such_package", "x", "3")


def test_an_unknown_name_is_answered_with_all_names():
    with pytest.raises(DataError, match="parabola.*japanese_vowels.*mnist"):
        load_raw(parse_config({"name": "a", "data": {"named": "nope"}}))
