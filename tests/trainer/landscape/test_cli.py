"""The command, from a configuration and from its bundle."""

import json

from click.testing import CliRunner

from api.app import create_app
from api.settings import Settings
from explainers.bundle import read_bundle
from explainers.loading import open_model
from leafpath import main

TOML = """
name = "tumours"
[data]
named = "breast_cancer"
[model]
hidden = [8]
[train]
epochs = 20
"""


def run(*arguments):
    return CliRunner().invoke(main, ["landscape", "--quiet", *map(str, arguments)])


def test_a_configuration_becomes_a_bundle_and_the_bundle_a_new_version(tmp_path):
    config, out = tmp_path / "tumours.toml", tmp_path / "b"
    config.write_text(TOML)
    small = ("--points", 3, "--jobs", 1)
    done = run(config, "--out", out, *small, "--compare", 0)
    assert done.exit_code == 0, done.output
    assert "largest Hessian eigenvalue" in done.output
    first = json.loads(open_model(out).files["landscape.json"])
    assert [p["network"] for p in first["planes"]] == ["pull", "pull x 0", "pull"]
    assert first["trajectory"]["epochs"] == list(range(21))
    again = run(out, *small)
    assert again.exit_code == 0, again.output
    bundle = read_bundle(out)
    assert bundle.manifest.version == "2"
    assert "landscape/strengths.png" not in bundle.files
    assert not (tmp_path / ".landscape").exists()
    client = create_app(Settings(bundles=tmp_path)).test_client()
    for kind, start in (("json", b"{"), ("svg+xml", b"<svg"), ("png", b"\x89PNG")):
        accept = f"{'application' if kind == 'json' else 'image'}/{kind}"
        reply = client.get("/v1/models/tumours/landscape", headers={"Accept": accept})
        assert reply.mimetype == accept
        assert reply.data.startswith(start)


def test_what_is_wrong_is_one_line(tmp_path):
    config = tmp_path / "tumours.toml"
    config.write_text(TOML)
    done = run(config)
    assert done.exit_code == 1
    assert "needs --out" in done.output
    done = run(tmp_path)
    assert done.exit_code == 1
    assert "manifest.json: missing" in done.output
