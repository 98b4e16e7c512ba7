"""The grid: the same figures however many processes, and after an interruption."""

import dataclasses

import numpy as np
import pytest
from torch import nn

import trainer.landscape.grid as grid
from tests.trainer.landscape.test_surface import random_plane
from trainer.calibration import Tempered
from trainer.landscape.grid import Job, measure_grid, read_part, write_part
from trainer.landscape.surface import measure_points


@pytest.fixture(scope="module")
def job(subject):
    axis = np.linspace(-1, 1, 8)
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    return Job(subject, random_plane(subject.network), points, tree=False)


def test_processes_do_not_change_the_figures(job, tmp_path):
    one = measure_grid(job, tmp_path / "one")
    two = measure_grid(job, tmp_path / "two", jobs=2)
    np.testing.assert_array_equal(one, two)
    expected = measure_points(job.subject, job.plane, job.points, tree=False)
    np.testing.assert_allclose(one, expected, atol=1e-6)


def test_finished_parts_are_not_measured_again(job, tmp_path, monkeypatch):
    first = measure_grid(job, tmp_path)
    parts = sorted((tmp_path / job.key).glob("*.npy"))
    parts[0].unlink()
    parts[-1].write_bytes(b"half a part")
    seen = []
    real = grid.measure_points

    def counted(subject, plane, points, *, tree):
        seen.append(len(points))
        return real(subject, plane, points, tree=tree)

    monkeypatch.setattr(grid, "measure_points", counted)
    np.testing.assert_array_equal(measure_grid(job, tmp_path), first)
    assert len(seen) == 2


def with_network(job, network):
    """Return the job with weights that are the same, in a network that is not."""
    subject = dataclasses.replace(job.subject, network=network)
    return dataclasses.replace(job, subject=subject)


def test_another_job_has_another_folder(job):
    other = [
        dataclasses.replace(job, tree=True),
        dataclasses.replace(job, points=job.points + 0.1),
        dataclasses.replace(
            job, plane=dataclasses.replace(job.plane, first=job.plane.second)
        ),
        with_network(job, Tempered(job.subject.network, 2.0)),
        with_network(job, Tempered(job.subject.network, 3.0)),
        with_network(job, nn.Sequential(job.subject.network, nn.Tanh())),
    ]
    assert len({job.key, *(o.key for o in other)}) == 7


def test_a_part_is_whole_or_absent(tmp_path):
    path = tmp_path / "part-000000.npy"
    assert read_part(path, 3) is None
    write_part(path, np.zeros((3, len(grid.QUANTITIES))))
    assert read_part(path, 3) is not None
    assert read_part(path, 4) is None
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_the_bar_shows_points_and_the_time_left(job, tmp_path, capsys):
    measure_grid(job, tmp_path, progress=True, label="plane")
    bar = capsys.readouterr().err
    assert "plane" in bar
    assert "64/64" in bar
