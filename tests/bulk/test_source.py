"""The file that is explained stays the one that the run began with."""

import os

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bulk.errors import BulkError
from bulk.explain import explain_file
from bulk.part import Job, explain_part
from bulk.plan import Plan
from bulk.source import Part, open_source, unchanged
from tests.bulk.corrected import correct_one, write_plain


@pytest.fixture
def table(cellar) -> pa.Table:
    return pq.read_table(cellar)


@pytest.fixture
def task(table, bundle, tmp_path) -> tuple[Part, Job]:
    """The first part of a run with what a worker is sent; its answers are there."""
    data, out = tmp_path / "cellar.parquet", tmp_path / "out"
    write_plain(table, data)
    explain_file(data, bundle, out, rows_per_part=500, jobs=1)
    plan = msgspec.json.decode((out / "plan.json").read_bytes(), type=Plan)
    source = open_source(data, 500)
    return source.parts[0], Job(data, bundle, out, plan, source.stamp)


def test_one_value_makes_another_digest(table, tmp_path):
    write_plain(table, tmp_path / "a.parquet")
    write_plain(correct_one(table, row=3), tmp_path / "b.parquet")
    a, b = (open_source(tmp_path / f"{name}.parquet", 500) for name in "ab")
    assert a.parts == b.parts
    assert a.digest != b.digest


def test_a_worker_refuses_a_file_that_was_corrected_meanwhile(task, table):
    part, job = task
    finished = (job.out / part.name).read_bytes()
    write_plain(correct_one(table, row=3), job.data)
    with pytest.raises(BulkError, match=r"cellar\.parquet is not the file that this"):
        explain_part(part, job)
    assert (job.out / part.name).read_bytes() == finished


def test_a_worker_takes_a_copy_with_times_of_its_own(task):
    part, job = task
    finished = (job.out / part.name).read_bytes()
    (job.out / part.name).unlink()
    os.utime(job.data, (0, 0))
    assert explain_part(part, job) == 500
    assert (job.out / part.name).read_bytes() == finished


def test_a_file_that_changes_while_it_is_read_is_refused(table, tmp_path):
    data = tmp_path / "cellar.parquet"
    write_plain(table, data)
    os.utime(data, (0, 0))  # clocks of file systems tick in milliseconds
    source = open_source(data, 500)
    with (
        pytest.raises(BulkError, match="put that one back"),
        unchanged(data, source.stamp, source.digest),
    ):
        write_plain(correct_one(table, row=3), data)
