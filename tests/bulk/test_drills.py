"""Real processes that are killed half way: nothing is lost, nothing differs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from distributed import Client

from bulk.errors import TaskError
from bulk.explain import explain_file
from tests.bulk.corrected import correct_one, write_plain

METHODS = (
    '["tree_path", {"method": "integrated_gradients", "baseline": "background", '
    '"references": 40}]'
)
ROWS = 50
PARTS = 24  # 1,150 rows and 50


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def start_explain(data: Path, bundle: Path, out: Path, *more: str):
    return start(
        "leafpath", "explain", str(data), "--bundle", str(bundle), "--out", str(out),
        "--methods", METHODS, "--rows-per-part", str(ROWS), *more,
    )  # fmt: skip


def wait_for(condition, process: subprocess.Popen[str], timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def parts(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.glob("part-*.parquet")}


def kill_half_way(data: Path, bundle: Path, out: Path) -> None:
    run = start_explain(data, bundle, out, "--jobs", "1")
    wait_for(lambda: len(parts(out)) >= 5, run)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()


@pytest.fixture(scope="module")
def undisturbed(bundle, cellar, tmp_path_factory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("undisturbed")
    explain_file(cellar, bundle, out, methods=METHODS, rows_per_part=ROWS, jobs=1)
    return parts(out)


def test_a_run_killed_without_mercy_goes_on_where_it_was(
    bundle, cellar, undisturbed, tmp_path
):
    assert len(undisturbed) == PARTS
    kill_half_way(cellar, bundle, tmp_path)
    finished = {p: p.stat().st_mtime_ns for p in tmp_path.glob("part-*.parquet")}
    assert 5 <= len(finished) < PARTS
    (tmp_path / ".part-000023.parquet.ab12").write_bytes(b"half")  # as a kill leaves it

    second = start_explain(cellar, bundle, tmp_path, "--jobs", "2")
    said, _ = second.communicate(timeout=180)
    assert second.returncode == 0, said
    assert f"1200 rows in {PARTS} parts, 0 with an error" in said
    assert "row/s" in said  # the bar
    assert parts(tmp_path) == undisturbed
    assert {p: p.stat().st_mtime_ns for p in finished} == finished
    assert not list(tmp_path.glob(".*"))


def test_a_run_killed_and_its_file_corrected_does_not_go_on(bundle, cellar, tmp_path):
    data, out = tmp_path / "cellar.parquet", tmp_path / "out"
    table = write_plain(pq.read_table(cellar), data)
    kill_half_way(data, bundle, out)
    finished, footer = parts(out), pq.read_metadata(data)
    write_plain(correct_one(table, row=3), data)
    assert pq.read_metadata(data).equals(footer)  # so only the values tell
    second = start_explain(data, bundle, out, "--quiet")
    said, _ = second.communicate(timeout=180)
    assert second.returncode == 1
    assert f"Error: {out} holds answers of another run (other data;" in said
    assert parts(out) == finished


@pytest.fixture
def cluster(tmp_path) -> Iterator[tuple[str, list[subprocess.Popen[str]]]]:
    """A scheduler and two workers, each a process of its own that nobody restarts."""
    place = tmp_path / "scheduler.json"
    file = ("--scheduler-file", str(place))
    processes = [start("dask", "scheduler", "--port", "0", "--no-dashboard", *file)]
    try:
        wait_for(lambda: place.exists() and place.stat().st_size, processes[0])
        for name in ("one", "two"):
            processes.append(
                start(
                    "dask", "worker", "--no-nanny", "--no-dashboard", "--nthreads", "1",
                    "--name", name, "--local-directory", str(tmp_path / name), *file,
                )
            )  # fmt: skip
        with Client(scheduler_file=str(place), set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
            address = client.scheduler.address
        yield address, processes
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def test_a_cluster_that_loses_a_worker_loses_no_row(
    bundle, cellar, undisturbed, cluster, tmp_path
):
    address, (_, *workers) = cluster
    out = tmp_path / "out"
    run = start_explain(cellar, bundle, out, "--scheduler", address)
    wait_for(lambda: out.exists() and len(parts(out)) >= 5, run)
    with Client(address, set_as_default=False) as client:
        (victim,) = [
            worker
            for worker, told in client.scheduler_info(-1)["workers"].items()
            if told["name"] == "one"
        ]
        assert client.processing()[victim]  # it holds parts that nobody else will do
        assert len(parts(out)) < PARTS
        os.killpg(workers[0].pid, signal.SIGKILL)
    said, _ = run.communicate(timeout=180)
    assert run.returncode == 0, said
    assert workers[0].poll() == -signal.SIGKILL
    assert workers[1].poll() is None
    assert parts(out) == undisturbed


def test_a_scheduler_that_dies_is_told(bundle, cellar, cluster, tmp_path):
    address, (scheduler, *_) = cluster
    out = tmp_path / "out"
    run = start_explain(cellar, bundle, out, "--quiet", "--scheduler", address)
    wait_for(lambda: out.exists() and len(parts(out)) >= 1, run)
    os.killpg(scheduler.pid, signal.SIGKILL)
    said, _ = run.communicate(timeout=180)
    assert run.returncode == 1
    told = f"Error: the scheduler at {address} is gone; start again to go on"
    assert told in said.splitlines()  # among what dask logs


def test_a_scheduler_that_is_not_there_is_told(bundle, cellar, tmp_path):
    with pytest.raises(TaskError, match="no dask scheduler answers at tcp://127"):
        explain_file(cellar, bundle, tmp_path, scheduler="tcp://127.0.0.1:9")
