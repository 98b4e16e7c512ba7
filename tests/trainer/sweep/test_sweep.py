"""Real sweeps as real processes: killed, resumed, and on a cluster."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from distributed import LocalCluster

from bulk.errors import TaskError
from explainers.loading import open_model
from trainer.config import load_config, parse_config
from trainer.errors import SweepError
from trainer.prepare import prepare
from trainer.sweep.choose import sweep
from trainer.sweep.execute import run_all
from trainer.sweep.plan import Run, make_plan
from trainer.sweep.run import execute
from trainer.sweep.store import Store

CONFIG = """
name = "tumours"
[data]
named = "breast_cancer"
[model]
hidden = [8]
[train]
epochs = 8
[tree]
max_leaves = 6
"""
STRENGTHS = (0.01, 0.05)
SLOW_NETWORK = """
import time

from torch import nn


def build(spec):
    first = nn.Linear(spec.shape[0], 8)
    time.sleep(0.1)
    scaled = nn.BatchNorm1d(spec.shape[0])
    return nn.Sequential(scaled, first, nn.ReLU(), nn.Linear(8, spec.n_classes))
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "tumours.toml"
    path.write_text(CONFIG)
    return path


def start(config: Path, out: Path) -> subprocess.Popen[str]:
    command = [
        sys.executable, "-m", "leafpath", "sweep", str(config), "--out", str(out),
        "--strengths", ",".join(map(str, STRENGTHS)), "--seeds", "2", "--jobs", "1",
    ]  # fmt: skip
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_a_sweep_killed_without_mercy_goes_on_where_it_was(config, tmp_path):
    out = tmp_path / "sweep"
    first = start(config, out)
    deadline = time.monotonic() + 120
    while len(list(out.glob("runs/*.json"))) < 2:
        assert first.poll() is None, first.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    finished = {p.name: p.stat().st_mtime_ns for p in out.glob("runs/*.json")}
    assert 2 <= len(finished) < 6

    second = start(config, out)
    answer, noise = second.communicate(timeout=180)
    assert second.returncode == 0, noise
    after = {p.name: p.stat().st_mtime_ns for p in out.glob("runs/*.json")}
    assert len(after) == 6
    assert {name: after[name] for name in finished} == finished
    assert "6/6" in noise  # the bar
    assert "Suggested by the sweep: strength 0.0" in answer
    check_outcome(out, answer)


def check_outcome(out: Path, answer: str) -> None:
    model = open_model(out / "bundle" / "tumours")
    frontier = model.manifest.metrics.frontier
    kinds = [p.kind for p in frontier]
    assert kinds.count("regularized") == 4  # 2 strengths, 2 seeds
    assert (
        kinds.count("posthoc") == kinds.count("cart") == kinds.count("projected") == 4
    )
    chosen = model.manifest.provenance.configuration["tree"]["strength"]
    seed = model.manifest.provenance.seed
    (point,) = [
        p
        for p in frontier
        if (p.kind, p.strength, p.seed) == ("regularized", chosen, seed)
    ]
    # The bundle holds the very network of that run, not another of its kind.
    assert point.tree == model.manifest.metrics.tree
    assert point.network == model.manifest.metrics.network
    for p in frontier:
        if p.kind == "projected":
            assert p.tree.fidelity.value == 1.0
    report = model.files["report.html"].decode()
    assert "The frontier" in report
    assert "Over bootstraps" in report
    svg = (out / "frontier.svg").read_text()
    assert svg.startswith("<svg xmlns=")
    assert "| regularized | 0.01 |" in (out / "frontier.md").read_text()
    assert "| projected on that tree |" in answer


def test_rows_that_changed_are_not_mixed_with_runs_of_the_old(
    mixed_config, mixed_frame, tmp_path
):
    out, table = tmp_path / "sweep", tmp_path / mixed_config.data.path
    mixed_frame.to_csv(table, index=False)
    begun = make_plan(
        mixed_config, STRENGTHS, 1, prepare(mixed_config, tmp_path).table.digest
    )
    Store(out, begun)
    changed = mixed_frame.copy()
    changed.loc[3, "alcohol"] += 0.01
    changed.to_csv(table, index=False)
    with pytest.raises(SweepError, match="the runs of other data"):
        sweep(mixed_config, tmp_path, out, strengths=STRENGTHS, seeds=1, jobs=1)
    assert not list(out.glob("runs/*"))
    mixed_frame.to_csv(table, index=False)
    Store(out, begun)  # the old rows are welcome again


def test_threads_of_one_worker_do_not_mix_their_runs(tmp_path):
    """Both draw their weights from one generator, here with a pause in between."""
    (tmp_path / "slow_network.py").write_text(SLOW_NETWORK)
    raw = {
        "name": "slow",
        "data": {"named": "wine"},
        "model": "slow_network:build",
        "train": {"epochs": 15},
    }
    work = partial(execute, config=parse_config(raw), base=tmp_path, strengths=())
    runs = [Run(strength=0.05, seed=seed) for seed in (0, 1)]
    alone = [work(run).points for run in runs]
    with ThreadPoolExecutor(2) as threads:
        together = [result.points for result in threads.map(work, runs)]
    assert together == alone
    assert alone[0][0].validation != alone[1][0].validation


def test_no_processes_are_no_way_to_run(config, tmp_path):
    with pytest.raises(TaskError, match="--jobs is 0"):
        sweep(
            load_config(config), tmp_path, tmp_path / "sweep",
            strengths=(0.05,), seeds=1, jobs=0,
        )  # fmt: skip


def test_a_cluster_gives_the_same_points(config, tmp_path):
    loaded = load_config(config)
    plan = make_plan(loaded, (0.05,), 1, prepare(loaded).table.digest)
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
    ) as cluster:
        results = run_all(
            plan,
            loaded,
            tmp_path,
            Store(tmp_path / "sweep", plan),
            scheduler=cluster.scheduler_address,
        )
    assert [result.run for result in results] == plan.runs
    for result in results:
        here = execute(result.run, loaded, tmp_path, plan.strengths)
        assert here.points == result.points
