"""`leafpath train`, as a user meets it."""

import pytest
from click.testing import CliRunner

from leafpath import main

CONFIG = """
name = "wines"
[data]
path = "{path}"
target = "region"
[model]
hidden = [8]
[train]
epochs = 30
"""


@pytest.fixture
def config(tmp_path, mixed_csv):
    path = tmp_path / "wines.toml"
    path.write_text(CONFIG.format(path=mixed_csv))
    return path


def run(*arguments):
    return CliRunner().invoke(main, ["train", *map(str, arguments)])


def test_it_writes_a_bundle_that_verifies_and_says_how_to_go_on(config, tmp_path):
    out = tmp_path / "wines"
    result = run(config, "--out", out)
    assert result.exit_code == 0, result.output
    for word in ("sha256:", "network AUC", "tree fidelity", "average path length"):
        assert word in result.stdout
    assert f"leafpath describe {out}" in result.stdout
    assert "fidelity=" in result.stderr
    assert CliRunner().invoke(main, ["verify", str(out)]).exit_code == 0
    before = (out / "manifest.json").read_bytes()
    again = run(config, "--out", out, "--quiet")  # replaces the older one
    assert again.exit_code == 0
    assert again.stderr == ""
    assert (out / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("name =", "nam ="), "unknown key 'nam'; did you mean 'name'?"),
        (('"region"', '"land"'), "target names column 'land'"),
        (("epochs = 30", "epochs = -1"), "train.epochs"),
        (("[model]", 'split = "colour"\n[model]'), "'colour' has no value in"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_1(config, tmp_path, change, message):
    config.write_text(config.read_text().replace(*change))
    result = run(config, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_directory_of_something_else_is_left_alone(config, tmp_path):
    (tmp_path / "out").mkdir()
    result = run(config, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "exists and is not a bundle" in result.stderr


def test_a_missing_file_is_named(tmp_path):
    result = run(tmp_path / "absent.toml", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "absent.toml: No such file" in result.stderr
