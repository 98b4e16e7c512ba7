"""The command, from a configuration and from its bundle."""

import json
import math
import shutil
import subprocess
import sys
import time

from click.testing import CliRunner

import trainer.landscape.grid as grid
from api.app import create_app
from api.settings import Settings
from explainers.bundle import read_bundle
from explainers.loading import open_model
from leafpath import main
from trainer.landscape.enrich import IN_REPORT

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
    report = read_bundle(out).files["report.html"].decode()
    assert all(f'alt="landscape/{name}"' in report for name in IN_REPORT)
    again = run(out, *small)
    assert again.exit_code == 0, again.output
    bundle = read_bundle(out)
    assert bundle.manifest.version == "2"
    assert "landscape/strengths.png" not in bundle.files
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["b"]
    client = create_app(Settings(bundles=tmp_path)).test_client()
    for kind, start in (("json", b"{"), ("svg+xml", b"<svg"), ("png", b"\x89PNG")):
        accept = f"{'application' if kind == 'json' else 'image'}/{kind}"
        reply = client.get("/v1/models/tumours/landscape", headers={"Accept": accept})
        assert reply.mimetype == accept
        assert reply.data.startswith(start)


def wait_for_part(process, scratch):
    while not list(scratch.glob("*/part-*.npy")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)


def test_a_killed_run_goes_on_where_it_stopped(cancer_bundle, tmp_path, monkeypatch):
    killed, other = tmp_path / "killed", tmp_path / "other"
    for copy in (killed, other):
        shutil.copytree(cancer_bundle, copy)
    # Niced, so that on a busy machine it is not done before this looks again.
    command = ["nice", "-n", "19", sys.executable, "-m", "leafpath", "landscape"]
    options = ["--quiet", "--points", "15", "--jobs", "1"]
    with subprocess.Popen(
        [*command, str(killed), *options], stderr=subprocess.PIPE
    ) as process:
        wait_for_part(process, tmp_path / ".killed.landscape")
        process.kill()
    assert read_bundle(killed).manifest.version == "1"  # untouched so far
    parts = list(tmp_path.glob(".killed.landscape/*/part-*.npy"))
    seen = []
    real = grid.measure_points

    def counted(subject, plane, points, *, tree):
        seen.append(len(points))
        return real(subject, plane, points, tree=tree)

    monkeypatch.setattr(grid, "measure_points", counted)
    # A run beside it takes nothing away from what the killed one has finished.
    whole = run(other, "--points", 15, "--jobs", 1)
    assert whole.exit_code == 0, whole.output
    from_scratch = sum(seen)
    seen.clear()
    again = run(killed, "--points", 15, "--jobs", 1)
    assert again.exit_code == 0, again.output
    assert sum(seen) < from_scratch
    assert len(seen) == math.ceil(15**2 / grid.CHUNK) + 1 - len(parts)
    documents = [read_bundle(d).files["landscape.json"] for d in (killed, other)]
    assert documents[0] == documents[1]


def test_what_cannot_be_drawn_is_not_begun(cancer_bundle, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    done = run(cancer_bundle, "--out", tmp_path / "b")
    assert done.exit_code == 1
    assert "pip install 'leafpath[viz]'" in done.output
    assert not list(tmp_path.iterdir())


def test_what_is_wrong_is_one_line(tmp_path):
    config = tmp_path / "tumours.toml"
    config.write_text(TOML)
    done = run(config)
    assert done.exit_code == 1
    assert "needs --out" in done.output
    done = run(tmp_path)
    assert done.exit_code == 1
    assert "manifest.json: missing" in done.output
    done = run(config, "--out", tmp_path / "b", "--compare", -1)
    assert done.exit_code == 2
    assert "0<=x<=1000" in done.output
    config.write_text(f'{TOML}[regularizer]\nname = "none"\n')
    done = run(config, "--out", tmp_path / "b", "--compare", 1)
    assert done.exit_code == 1
    assert "name is 'none'" in done.output
