"""Predictions of a network that is known in closed form, and the session's settings."""

import os
import subprocess
import sys

import numpy as np
import pytest

from explainers.bundle import encode_array, write_bundle
from explainers.errors import NonFiniteError
from explainers.loading import open_model
from explainers.onnx_runtime import MAX_ROWS_PER_RUN


def test_prediction_is_the_closed_form(linear_model, linear_weights):
    rows = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    prediction = linear_model.predict(rows)
    logits = rows @ linear_weights + np.array([0.25, -0.25], dtype=np.float32)
    positive = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    np.testing.assert_allclose(prediction.probabilities[:, 1], positive, atol=1e-6)
    assert np.array_equal(prediction.labels, (positive > 0.5).astype(int))
    assert np.array_equal(prediction.tree_labels, linear_model.tree.decide(rows))
    assert len(prediction) == 64


def test_large_batches_run_in_chunks_with_equal_answers(linear_model):
    n = 2 * MAX_ROWS_PER_RUN + 5
    rows = np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32)
    whole = linear_model.predict(rows).logits
    for at in (0, MAX_ROWS_PER_RUN - 1, MAX_ROWS_PER_RUN, n - 1):
        assert np.array_equal(
            linear_model.predict(rows[at : at + 1]).logits[0], whole[at]
        )


def test_a_non_finite_answer_is_an_error(linear_model):
    row = np.full((1, 3), 3e38, dtype=np.float32)
    row[0, 1] = -3e38
    with pytest.raises(NonFiniteError, match="non-finite logit"):
        linear_model.predict(row)


def test_golden_outputs_allow_for_another_cpu_but_not_for_another_network(
    tmp_path, linear_manifest, linear_files
):
    recorded = np.load(
        __import__("io").BytesIO(linear_files["golden/probabilities.npy"])
    )
    files = linear_files | {
        "golden/probabilities.npy": encode_array(recorded * np.float32(1 + 1e-5))
    }
    write_bundle(tmp_path / "near", linear_manifest, files)
    assert open_model(tmp_path / "near").name == "linear"


def test_telemetry_is_off_and_a_fork_after_the_import_exits_at_once():
    """onnxruntime's telemetry thread makes forked children hang at exit; CI=true hides
    that, so the variable is removed."""
    code = (
        "import os, explainers.model, threading, time\n"
        "assert os.environ['ORT_DISABLE_TELEMETRY'] == '1'\n"
        "child = os.fork()\n"
        "if child == 0: raise SystemExit(7)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7\n"
        "tasks = os.listdir('/proc/self/task')\n"
        "print('threads', len(tasks))\n"
    )
    environment = {
        k: v for k, v in os.environ.items() if k not in ("CI", "ORT_DISABLE_TELEMETRY")
    } | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code],
        env=environment, capture_output=True, text=True, timeout=20, check=True,
    )  # fmt: skip
    assert done.stdout == "threads 1\n"
