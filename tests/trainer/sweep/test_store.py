"""Finished runs on disk."""

import msgspec
import pytest

from tests.trainer.sweep.points import point
from trainer.config import parse_config
from trainer.errors import SweepError
from trainer.sweep.plan import Result, Run, configure, make_plan
from trainer.sweep.store import PLAN, RUNS, Store

CONFIG = parse_config({"name": "wine", "data": {"named": "wine"}})
PLAN_OF_TWO = make_plan(CONFIG, (0.02, 0.01), 2, "sha256:a")


def test_a_plan_has_the_controls_once_a_seed_and_every_strength():
    names = [run.name for run in PLAN_OF_TWO.runs]
    assert names == [
        "controls-seed-0", "strength-0.01-seed-0", "strength-0.02-seed-0",
        "controls-seed-1", "strength-0.01-seed-1", "strength-0.02-seed-1",
    ]  # fmt: skip


def test_a_run_changes_strength_and_training_seed_and_never_the_split():
    found = configure(CONFIG, Run(strength=0.5, seed=7))
    assert (found.tree.strength, found.train.seed) == (0.5, 7)
    assert found.data == CONFIG.data
    assert configure(CONFIG, Run(strength=None, seed=7)).regularizer.name == "none"


def test_a_result_is_read_back(tmp_path):
    store = Store(tmp_path / "sweep", PLAN_OF_TWO)
    run = Run(strength=0.01, seed=1)
    assert store.load(run) is None
    store.save(Result(run=run, points=(), seconds=1.5, problem="dead"))
    found = Store(tmp_path / "sweep", PLAN_OF_TWO).load(run)
    assert found == Result(run=run, points=(), seconds=1.5, problem="dead")


def test_more_seeds_and_strengths_may_follow_but_no_other_configuration(tmp_path):
    Store(tmp_path, PLAN_OF_TWO)
    Store(tmp_path, make_plan(CONFIG, (0.01, 0.3), 5, "sha256:a"))
    other = msgspec.structs.replace(CONFIG, version="2")
    with pytest.raises(SweepError, match="the runs of another configuration"):
        Store(tmp_path, make_plan(other, (0.01,), 1, "sha256:a"))


def test_controls_of_other_strengths_are_made_again(tmp_path):
    controls = Run(strength=None, seed=0)
    points = tuple(point(strength, 0, 0.9, 0.9, 2.0) for strength in (0.01, 0.02))
    made = Result(run=controls, points=points, seconds=1.0)
    Store(tmp_path, PLAN_OF_TWO).save(made)
    longer = Store(tmp_path, make_plan(CONFIG, (0.01, 0.02, 0.3), 2, "sha256:a"))
    assert longer.load(controls) is None
    longer.save(Result(run=controls, points=(), seconds=1.0, problem="dead"))
    assert longer.load(controls).problem == "dead"  # not of a strength
    longer.save(made)
    assert Store(tmp_path, PLAN_OF_TWO).load(controls) == made


def test_no_two_runs_share_a_file():
    strengths = (0.02, 0.020000001, 1e-7, 0.0, 1.0)
    runs = make_plan(CONFIG, strengths, 1, "sha256:a").runs
    assert len({run.name for run in runs}) == len(runs)


def test_a_damaged_run_is_named(tmp_path):
    store = Store(tmp_path, PLAN_OF_TWO)
    run = PLAN_OF_TWO.runs[0]
    (tmp_path / RUNS / f"{run.name}.json").write_text("{")
    with pytest.raises(SweepError, match=r"controls-seed-0\.json.*delete it"):
        store.load(run)


def test_runs_without_a_plan_are_refused(tmp_path):
    Store(tmp_path, PLAN_OF_TWO).save(
        Result(run=PLAN_OF_TWO.runs[0], points=(), seconds=0.0)
    )
    (tmp_path / PLAN).unlink()
    with pytest.raises(SweepError, match=r"holds runs but no plan\.json"):
        Store(tmp_path, PLAN_OF_TWO)
