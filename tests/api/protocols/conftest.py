"""The environment in which other servers' clients live."""

import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / ".venv" / "clients" / "bin" / "python"


@pytest.fixture(scope="session")
def run_in_clients():
    """Run a script with the clients at hand; returns the JSON that it prints."""
    if not PYTHON.exists():
        raise RuntimeError("no clients: sh tests/install_clients.sh")

    def run(script, *arguments, stdin=""):
        done = subprocess.run(
            [PYTHON, "-W", "ignore", script, *map(str, arguments)],
            input=stdin, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture(scope="session")
def rows(instances):
    """Five real instances."""
    return instances[:5]


@pytest.fixture(scope="session")
def expected(model, rows):
    """What the model answers for them, by output."""
    prediction = model.predict(model.background[: len(rows)])
    return {
        "label": [model.classes[label] for label in prediction.labels],
        "probabilities": prediction.probabilities.tolist(),
        "logits": prediction.logits.tolist(),
        "leaf": prediction.leaves.tolist(),
        "agrees": (prediction.labels == prediction.tree_labels).tolist(),
    }
