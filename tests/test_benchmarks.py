"""Every benchmark that is listed can be started, and what the largest keeps and counts.

Its runs take hours: what is tested here are its files' names and its paired figures.
"""

import msgspec
import pytest

from benchmarks.__main__ import BENCHMARKS, load
from benchmarks.data_sets import named
from benchmarks.tree_regularization import Figures, Outcome, compare, fingerprint


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_is_imported_with_all_it_measures(name):
    assert callable(load(name).main)


def test_runs_of_another_configuration_have_other_files():
    config, _ = named("wine")(200)
    assert fingerprint(config) == fingerprint(named("wine")(200)[0])
    for section in ({"train": {"epochs": 20}}, {"model": {"hidden": [8]}}):
        assert fingerprint(named("wine", **section)(200)[0]) != fingerprint(config)
    relabelled = msgspec.structs.replace(config, tree=type(config.tree)(strength=0.1))
    assert fingerprint(relabelled) == fingerprint(config)


def outcome(auc: float, length: float) -> Outcome:
    figures = Figures(
        auc=auc,
        accuracy=0.9,
        tree_auc=0.8,
        tree_accuracy=0.8,
        fidelity=1.0,
        balanced=1.0,
        average_path_length=length,
    )
    views = {"decided": figures, "projected": figures}
    return Outcome(
        leaves=4, seconds={}, restarts=0, validation={}, test=views, claims=[]
    )


def test_gains_are_paired_by_seed_and_a_dead_run_has_none():
    ours = [outcome(0.95, 3.0), outcome(0.9, 1.5), None]
    rivals = [outcome(0.75, 3.0), None, outcome(1.0, 0.0)]
    gains = compare(ours, rivals, "projected")
    # (2 AUC - 1) (2 balanced - 1) (1 - length / 6), ours less the rival's.
    assert gains == pytest.approx([0.9 * 0.5 - 0.5 * 0.5, 0.8 * 0.75, -1.0])
