"""A deadline ends a run of onnxruntime in its middle, and lets none begin after it."""

import time

import numpy as np
import pytest

from explainers.deadlines import Deadline, check_deadline, within
from explainers.errors import DeadlineError
from explainers.onnx_runtime import Session
from tests.api.small_bundles import FLOAT, graph


@pytest.fixture(scope="module")
def slow():
    """A graph of some seconds: 400 products of 512 x 512 matrices."""
    names = ["input", *(f"h{i}" for i in range(400))]
    nodes = [
        ("MatMul", [before, "w"], [after])
        for before, after in zip(names, names[1:], strict=False)
    ]
    shape = (FLOAT, ["batch", 512])
    identity = np.eye(512, dtype=np.float32)
    content = graph("slow", nodes, {"input": shape}, {names[-1]: shape}, w=identity)
    return Session("slow", content)


def test_run_is_stopped_in_its_middle(slow):
    rows = np.ones((4096, 512), np.float32)
    start, cpu = time.monotonic(), time.thread_time()
    with within(Deadline(0.2)), pytest.raises(DeadlineError, match=r"within 0\.2 s"):
        slow.run({"input": rows})
    # Whole, the run takes many seconds; how late it stops depends on the machine.
    assert 0.2 <= time.monotonic() - start < 2
    assert time.thread_time() - cpu < 0.4


def test_no_run_begins_after_the_deadline(slow):
    deadline = Deadline(0.001)
    time.sleep(0.002)
    cpu = time.thread_time()
    with within(deadline), pytest.raises(DeadlineError):
        slow.run({"input": np.ones((1, 512), np.float32)})
    assert time.thread_time() - cpu < 0.01


def test_run_in_time_answers_as_without_a_deadline(slow):
    rows = np.arange(512, dtype=np.float32)[None]
    (plain,) = slow.run({"input": rows})
    with within(Deadline(4)):
        (watched,) = slow.run({"input": rows})
    assert np.array_equal(plain, watched)


def test_deadline_holds_inside_its_block_only():
    with within(Deadline(-1)):
        with within(None):
            check_deadline()
        with pytest.raises(DeadlineError):
            check_deadline()
    check_deadline()


def test_failure_of_the_graph_is_not_taken_for_the_deadline(slow):
    with within(Deadline(4)), pytest.raises(Exception, match="Got invalid dim"):
        slow.run({"input": np.ones((1, 7), np.float32)})
