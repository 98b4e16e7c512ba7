"""The document and its pictures: drawn, not blank."""

import io

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from trainer.charts import render_png
from trainer.landscape.contours import choose_levels, draw_planes
from trainer.landscape.document import LandscapeDocument, encode_landscape
from trainer.landscape.files import landscape_files
from trainer.landscape.recorder import Recorder
from trainer.landscape.survey import Settings, survey
from trainer.landscape.weights import flatten, unflatten, weights_of


@pytest.fixture(scope="module")
def document(subject, tmp_path_factory):
    recorder = Recorder()
    end = weights_of(subject.network)
    random = np.random.default_rng(0)
    walk = np.cumsum(random.normal(size=(5, len(flatten(end)))), axis=0) * 0.05
    for epoch, step in enumerate(walk - walk[-1]):
        recorder._kept[epoch] = unflatten(
            flatten(end) + torch.from_numpy(step).float(), end
        )
    settings = Settings(tmp_path_factory.mktemp("parts"), points=5)
    return survey([subject, subject], recorder, settings)


@pytest.fixture(scope="module")
def files(document):
    return landscape_files(document, "tumours")


def test_the_document_reads_back_and_its_centre_is_the_network(document, subject):
    again = msgspec.json.decode(encode_landscape(document), type=LandscapeDocument)
    assert again == document
    plane = document.planes[0]
    assert plane.alpha[2] == plane.beta[2] == 0
    loss = plane.grid("test_loss")[2, 2]
    assert loss == pytest.approx(document.lines[0].values["test_loss"][4], rel=1e-5)


def test_the_trajectory_ends_at_the_centre_of_its_plane(document):
    trajectory = document.trajectory
    assert (trajectory.alpha[-1], trajectory.beta[-1]) == (0, 0)
    assert sum(trajectory.explained_variance) == pytest.approx(1, abs=1e-4)
    plane = document.planes[-1]
    assert plane.directions == "trajectory"
    assert plane.alpha[0] < min(trajectory.alpha)
    assert plane.alpha[-1] > max(trajectory.alpha)


def test_every_picture_is_drawn(files):
    # Vega reports an error by drawing nothing.
    for path, content in files.items():
        if path.endswith(".svg"):
            assert content.count(b"<path") > 20, path
        elif path.endswith(".png"):
            pixels = np.asarray(Image.open(io.BytesIO(content)).convert("L"))
            assert pixels.std() > 5, path
    assert {"landscape.json", "landscape.svg", "landscape.png"} <= files.keys()
    assert "landscape/trajectory.svg" in files
    for path in ("landscape.svg", "landscape/trajectory.svg", "landscape/line.svg"):
        assert b"Accuracy" in files[path], path
    assert "landscape/strengths.png" in files


def test_cells_leave_no_seams(document):
    plane = document.planes[0]
    axis = tuple(np.linspace(-1, 1, 31))
    flat = dict.fromkeys(plane.values, ((0.9,) * 31,) * 31)
    even = msgspec.structs.replace(plane, alpha=axis, beta=axis, values=flat)
    picture = render_png(draw_planes([even], document, "even"))
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
    colours, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    # The panels' blue: the commonest colour but for the paper.
    blue = colours[counts.argsort()[-2]]
    inside = pixels[200:300, 800:900]  # the upper middle panel, beside its cross
    assert (inside == blue).all(), np.unique(inside.reshape(-1, 3), axis=0)


def test_without_checkpoints_the_document_says_why(subject, tmp_path):
    found = survey([subject], None, Settings(tmp_path, points=3))
    assert found.trajectory is None
    assert "no checkpoints" in found.no_trajectory
    # A network that came trained, or one of two epochs, has the other planes.
    found = survey([subject], Recorder(), Settings(tmp_path, points=3))
    assert found.trajectory is None
    assert "0 checkpoints span no plane" in found.no_trajectory


def test_levels_of_a_loss_are_even_in_the_logarithm():
    levels = choose_levels(np.geomspace(0.01, 100, 200), "train_loss")
    np.testing.assert_allclose(np.diff(np.log(levels)), np.diff(np.log(levels))[0])
    assert choose_levels(np.ones(9), "train_loss") == [1.0]
    assert choose_levels(np.array([0.0, 2.0]), "train_loss")[0] == 0
