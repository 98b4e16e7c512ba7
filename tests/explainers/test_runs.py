"""Rows are answered together: how often the network runs for a batch."""

import dataclasses

import numpy as np
import pytest

from explainers.registry import EXPLAINERS, parse_parameters

ROWS = 100


class Counted:
    """A session that counts its runs."""

    def __init__(self, session):
        self._session, self.runs = session, 0

    def run(self, feeds):
        self.runs += 1
        return self._session.run(feeds)

    def __getattr__(self, name):
        return getattr(self._session, name)


@pytest.mark.parametrize(
    ("name", "parameters", "most"),
    [
        ("tree_path", {}, 0),
        ("gradient", {}, 1),
        ("input_x_gradient", {}, 1),
        # One for the background, which is kept, and one for all steps of all rows.
        ("integrated_gradients", {"steps": 32, "max_steps": 32}, 2),
        ("smoothgrad", {"samples": 50}, 1),
        # Each row has copies of its own: those that are fitted, and those held out.
        ("lime", {"samples": 500}, 2 * ROWS),
    ],
)
def test_a_batch_takes_few_runs(linear_model_once, name, parameters, most):
    sessions = {
        name: Counted(session) for name, session in linear_model_once.sessions.items()
    }
    counted = dataclasses.replace(linear_model_once, sessions=sessions)
    background = linear_model_once.background
    x = background[np.arange(ROWS) % len(background)]
    prediction = linear_model_once.predict(x)
    method = EXPLAINERS[name]
    explanations = method.explain(
        counted, prediction, parse_parameters(method, parameters)
    )
    assert len(explanations) == ROWS
    assert sum(session.runs for session in sessions.values()) <= most
