"""Real sweeps as real processes: killed, resumed, and on a cluster."""

import json
import math
import os
import platform
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import pytest
from distributed import LocalCluster
from sklearn.tree import DecisionTreeClassifier

from bulk.errors import TaskError
from explainers.loading import open_model
from trainer.config import Config, RegionsConfig, load_config, parse_config
from trainer.controls import as_tree, grow_cart
from trainer.errors import SweepError
from trainer.prepare import Rows, prepare
from trainer.routing import route
from trainer.sweep.choose import Chosen, sweep
from trainer.sweep.execute import run_all
from trainer.sweep.plan import Run, configure, make_plan
from trainer.sweep.run import Origin, execute, measure_controls, origin_here
from trainer.sweep.store import OtherVersions, Store

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
    config = parse_config(raw)
    plan = make_plan(config, (0.05,), 2, prepare(config, tmp_path).table.digest)
    origin = origin_here(config, tmp_path)
    work = partial(execute, config=config, base=tmp_path, plan=plan, origin=origin)
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
        here = execute(
            result.run, loaded, tmp_path, plan, origin_here(loaded, tmp_path)
        )
        assert here.points == result.points


LOADER_OF_A_MACHINE = """
import os

import numpy as np
from sklearn.datasets import load_wine

from trainer.data.raw import RawTable


def load():
    bunch = load_wine()
    moved = float(os.environ.get("MOVED", 0))
    columns = {name: x + moved for name, x in zip(bunch.feature_names, bunch.data.T)}
    return RawTable({**columns, "y": [str(label) for label in bunch.target]}, "y")
"""


@pytest.fixture
def wine_of_this_machine(tmp_path: Path) -> Config:
    """Data that may be others on another machine, under the same name."""
    (tmp_path / "own_wine.py").write_text(LOADER_OF_A_MACHINE)
    return parse_config(
        {"name": "wine", "data": "own_wine:load", "train": {"epochs": 2}}
    )


def run_on_cluster(config: Config, base: Path, **differs: object) -> None:
    """Run a sweep on a cluster whose worker differs from us."""
    plan = make_plan(config, (0.05,), 1, prepare(config, base).table.digest)
    with LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        **differs,
    ) as cluster:
        store = Store(base / "sweep", plan)
        run_all(plan, config, base, store, scheduler=cluster.scheduler_address)


def test_a_worker_with_other_rows_is_named_and_nothing_of_it_kept(
    wine_of_this_machine, tmp_path
):
    with pytest.raises(SweepError, match="are not those that the sweep was") as raised:
        run_on_cluster(wine_of_this_machine, tmp_path, env={"MOVED": "0.5"})
    place = f"{platform.node()}: loader 'own_wine:load' beside {tmp_path}"
    assert str(raised.value).count(place) == 2  # the worker's, and where it was begun
    assert not list(tmp_path.glob("sweep/runs/*"))


def test_a_worker_with_another_torch_is_named(wine_of_this_machine, tmp_path):
    older = tmp_path / "older" / "torch-0.4.0.dist-info"
    older.mkdir(parents=True)
    (older / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: torch\nVersion: 0.4.0"
    )
    preload = tmp_path / "preload.py"  # what comes first in sys.path is what is asked
    preload.write_text(f"import sys; sys.path.insert(0, {str(older.parent)!r})")
    with pytest.raises(SweepError, match=r"has torch 0\.4\.0, and the sweep was begun"):
        run_on_cluster(wine_of_this_machine, tmp_path, preload=str(preload))
    assert not list(tmp_path.glob("sweep/runs/*"))


def test_a_worker_without_the_file_says_which_machine_lacks_it(mixed_config, tmp_path):
    plan = make_plan(mixed_config, (0.05,), 1, "sha256:a")
    begun = Origin(
        "node1: /data/wines.csv", origin_here(mixed_config, tmp_path).libraries
    )
    lacking = tmp_path.resolve() / "wines.csv"
    with pytest.raises(SweepError, match="no such file; the sweep was begun") as raised:
        execute(plan.runs[0], mixed_config, tmp_path, plan, begun)
    assert f"{platform.node()}: {lacking}" in str(raised.value)
    assert "node1: /data/wines.csv" in str(raised.value)


def test_runs_of_other_versions_are_refused_redone_or_kept_as_one_asks(tmp_path):
    config = parse_config(
        {"name": "wine", "data": {"named": "wine"}, "train": {"epochs": 20}}
    )
    out = tmp_path / "sweep"

    def again(others: OtherVersions) -> Chosen:
        return sweep(
            config, tmp_path, out, strengths=(0.05,), seeds=1, jobs=1, others=others
        )

    notes = again("refuse").notes
    assert not any("other versions" in note for note in notes)
    (path,) = out.glob("runs/strength*")
    made = json.loads(path.read_bytes())
    old = made | {"libraries": {**made["libraries"], "torch": "2.0.1"}, "seconds": -1.0}
    path.write_text(json.dumps(old))
    with pytest.raises(
        SweepError, match=r"1 of the 2 finished runs.*torch 2\.0\.1, here"
    ):
        again("refuse")
    kept = again("keep")
    (said,) = [note for note in kept.notes if "other versions" in note]
    assert said.startswith("1 of 2 runs were made by other versions: torch 2.0.1, here")
    assert said in (out / "frontier.md").read_text()
    assert json.loads(path.read_bytes()) == old
    again("redo")
    redone = json.loads(path.read_bytes())
    assert redone["libraries"] == made["libraries"]
    assert (redone["points"], redone["seconds"] > 0) == (made["points"], True)


def test_with_a_penalty_on_the_weights_their_factor_is_swept(tmp_path):
    config = parse_config(
        {
            "name": "tumours",
            "data": {"named": "breast_cancer"},
            "model": {"hidden": [8]},
            "train": {"epochs": 6},
            "regularizer": {"name": "l1"},
        }
    )
    out = tmp_path / "sweep"
    chosen = sweep(config, tmp_path, out, strengths=(1e-4, 5.0), seeds=1, jobs=1)
    model = open_model(chosen.bundle)
    swept = model.manifest.provenance.configuration
    assert swept["regularizer"]["weight"] == 1e-4
    assert swept["tree"]["strength"] == config.tree.strength
    own = {p.strength: p for p in model.manifest.metrics.frontier if p.kind[0] == "r"}
    assert set(own) == {1e-4, 5.0}
    # The weights did differ: 5 leaves next to nothing of a network.
    losses = {weight: p.network["log_loss"].value for weight, p in own.items()}
    assert losses[5.0] > losses[1e-4] + 0.2
    assert "| regularized | weight 0.0001 |" in chosen.table
    assert "| distilled afterwards | price 0.02 |" in chosen.table
    assert "weight 0.0001: the shortest paths" in chosen.notes[0]
    report = model.files["report.html"].decode()
    assert "suggested: weight 0.0001" in report


def test_a_sweep_of_nothing_but_refused_surrogates_says_why(tmp_path):
    config = parse_config(
        {
            "name": "wine",
            "data": {"named": "wine"},
            "model": {"hidden": [4]},
            "train": {"epochs": 60},
            "regularizer": {"name": "surrogate"},
        }
    )
    out = tmp_path / "sweep"
    with pytest.raises(SweepError, match="the surrogate foretells the average path"):
        sweep(config, tmp_path, out, strengths=(0.1,), seeds=1, jobs=1)


def test_strengths_out_of_bounds_are_refused_before_anything_is_run(tmp_path):
    pull = parse_config({"name": "wine", "data": {"named": "wine"}})
    l1 = parse_config(
        {"name": "wine", "data": {"named": "wine"}, "regularizer": {"name": "l1"}}
    )
    for config, strength in ((pull, 2.0), (l1, 1001.0), (pull, math.nan), (l1, -1.0)):
        out = tmp_path / "sweep"
        with pytest.raises(SweepError, match="a sweep varies the"):
            sweep(config, tmp_path, out, strengths=(strength,), seeds=1, jobs=1)
        assert not out.exists()


NOISE = """
import numpy as np

from trainer.data.raw import RawTable


def load():
    random = np.random.default_rng(1)
    x = random.normal(size=(300, 3))
    y = (x[:, 0] > 0) ^ (random.random(300) < 0.3)
    return RawTable({**dict(zip("abc", x.T)), "y": [str(int(v)) for v in y]}, "y")
"""


def test_a_cart_may_answer_where_the_network_never_does(tmp_path):
    """It follows labels; that the network has decided otherwise is no error of it."""
    (tmp_path / "noise_of_a_third.py").write_text(NOISE)
    config = parse_config(
        {
            "name": "noise",
            "data": "noise_of_a_third:load",
            "train": {"epochs": 10},
            "regularizer": {"name": "none"},
            "tree": {"min_samples_leaf": 2},
        }
    )
    prepared = prepare(config, tmp_path)
    points, _ = measure_controls(prepared, (0.0,))
    (cart,) = [point for point in points if point.kind == "cart"]
    train, test = prepared.split.train, prepared.split.test
    oracle = DecisionTreeClassifier(
        max_leaf_nodes=cart.leaves, min_samples_leaf=2, random_state=0
    ).fit(prepared.Z[train], prepared.table.y[train])
    right = oracle.predict(prepared.Z[test]) == prepared.table.y[test]
    assert cart.test.tree.accuracy.value == right.mean()
    # And the other way round: a leaf of the network's tree may hold no such label.
    labels = prepared.table.y.copy()
    rows = Rows(prepared.Z, labels, prepared.all_rows.examples)
    grown = grow_cart(prepared, [cart.leaves], None)
    decided = grown.labels[route(grown, rows.Z)]
    labels[:] = 1 - decided
    assert len(as_tree(grown, rows, decided, 2).leaves) == cart.leaves


def test_controls_of_a_regional_sweep_have_a_tree_a_region_too(cancer_config):
    regions = RegionsConfig(rule="worst radius > 16.5")
    train = msgspec.structs.replace(cancer_config.train, epochs=15)
    config = msgspec.structs.replace(cancer_config, regions=regions, train=train)
    prepared = prepare(configure(config, Run(strength=None, seed=0)))
    points, _ = measure_controls(prepared, (0.02,))
    assert {point.kind for point in points} == {"posthoc", "projected", "cart"}
    held_out = prepared.split.held_out
    split, Z, y = prepared.split.train, prepared.Z, prepared.table.y
    above = Z[:, 20] > 16.5
    posthoc, _, cart = points
    assert cart.leaves <= posthoc.leaves
    # What a CART serves is itself, and not the network beside it.
    assert cart.test.network["accuracy"] == cart.test.tree.accuracy
    assert posthoc.test.network["accuracy"] != posthoc.test.tree.accuracy
    assert "worst radius" in {*posthoc.features} & {*cart.features}
    # By hand: a CART for each side of the rule alone, of as many leaves together.
    told = np.full(len(Z), -1)
    for side in (above, ~above):
        here = split[side[split]]
        best = [
            DecisionTreeClassifier(
                max_leaf_nodes=n, min_samples_leaf=5, random_state=0
            ).fit(Z[here], y[here])
            for n in range(2, posthoc.leaves)
        ]
        answers = [tree.predict(Z[side]) for tree in best]
        found = np.full(len(Z), -1)
        found[held_out] = cart.answers
        mine = found[side]
        known = mine >= 0
        assert any((a[known] == mine[known]).all() for a in answers)
        told[side] = mine
    assert (told[held_out] == cart.answers).all()
