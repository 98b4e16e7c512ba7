"""What a configuration may say, and what the refusal reads like."""

from pathlib import Path

import pytest

from trainer.config import TreeConfig, load_config, parse_config
from trainer.errors import ConfigError

DATA = {"named": "wine"}


def test_the_smallest_file_names_a_model_and_its_data(tmp_path):
    path = tmp_path / "wine.toml"
    path.write_text('name = "wine"\n[data]\nnamed = "wine"\n')
    config = load_config(path)
    assert (config.name, config.version, config.expose) == ("wine", "1", "tree")
    assert config.data.split == (0.6, 0.2, 0.2)
    assert config.regularizer.name == "pull"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"data": DATA}, "missing required field `name`"),
        ({"name": "a b", "data": DATA}, "`name` is 'a b'; it becomes part of a URL"),
        (
            {"name": "a", "data": {}},
            "give either `named`, `path` or `loader`, and only one",
        ),
        (
            {"name": "a", "data": {"named": "wine", "path": "x.csv"}},
            "give either `named`, `path` or `loader`, and only one",
        ),
        ({"name": "a", "data": {"path": "x.csv"}}, "`path` needs `target`"),
        (
            {"name": "a", "data": DATA | {"split": [0.5, 0.2, 0.2]}},
            "sums to 0.9; the shares of train, validation and test must sum to 1",
        ),
        ({"name": "a", "data": DATA | {"split": [1.0, 0.0, 0.0]}}, "data.split"),
        ({"name": "a", "dat": DATA}, "unknown key 'dat'; did you mean 'data'?"),
        (
            {"name": "a", "data": DATA, "train": {"epoch": 3}},
            "[train] unknown key 'epoch'; did you mean 'epochs'? allowed: epochs, "
            "batch_size",
        ),
        (
            {"name": "a", "data": DATA, "train": {"epochs": -1}},
            "train.epochs: expected `int` >= 0",
        ),
        (
            {"name": "a", "data": DATA, "train": {"device": "tpu"}},
            "train.device: invalid enum value 'tpu'",
        ),
        (
            {"name": "a", "data": DATA, "tree": {"max_leaves": 1}},
            "tree.max_leaves: expected `int` >= 2",
        ),
    ],
)
def test_refusals_name_the_key_and_what_is_allowed(raw, message):
    with pytest.raises(ConfigError) as caught:
        parse_config(raw)
    assert message in str(caught.value)


def test_a_missing_or_broken_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.toml: No such file"):
        load_config(tmp_path / "absent.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("name = ")
    with pytest.raises(
        ConfigError, match=r"broken\.toml: not a TOML file: Invalid value"
    ):
        load_config(broken)


def test_leaves_hold_more_rows_in_larger_tables():
    assert TreeConfig().leaf_size(3999) == 5
    assert TreeConfig().leaf_size(4000) == 25
    assert TreeConfig(min_samples_leaf=7).leaf_size(10**6) == 7


@pytest.mark.parametrize("path", sorted(Path("examples").glob("*.toml")), ids=str)
def test_every_example_is_a_configuration(path):
    assert load_config(path).name == path.stem
