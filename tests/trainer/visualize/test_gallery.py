"""Galleries of all three families, and the command that writes them."""

import dataclasses
import io
import json

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from api.app import create_app
from api.settings import Settings
from explainers.bundle import read_bundle
from explainers.loading import open_model
from leafpath import main
from trainer.config import parse_config
from trainer.export.write import write_model
from trainer.pipeline import train
from trainer.visualize.gallery import Wish, gallery_files
from trainer.visualize.optimise import Recipe

WISH = Wish(units=1, recipe=Recipe(steps=24))


def quick(**sections):
    return parse_config(
        {"name": "a", "train": {"epochs": 12, "learning_rate": 0.01}, **sections}
    )


@pytest.fixture(scope="module")
def pictures():
    config = quick(
        data={"named": "digits"},
        model={"family": "image", "channels": [6, 8]},
        regularizer={"name": "none"},  # the pictures are of the network alone
    )
    return train(config, controls=False)


def check_index(files, trained):
    index = json.loads(files["gallery/index.json"])
    classes = [p["name"] for p in index["pictures"] if p["kind"] == "class"]
    assert classes == list(trained.prepared.table.classes)
    return index


def hide(trained, expose):
    config = msgspec.structs.replace(trained.prepared.config, expose=expose)
    prepared = dataclasses.replace(trained.prepared, config=config)
    return dataclasses.replace(trained, prepared=prepared)


def check(files, trained):
    index = check_index(files, trained)
    assert any(p["kind"] == "unit" for p in index["pictures"])
    for picture in index["pictures"]:
        content = files[f"gallery/{picture['file']}"]
        assert np.asarray(Image.open(io.BytesIO(content)).convert("L")).std() > 1
        assert 0 <= picture["share_below"] <= 1
        assert picture["worst_real"] <= picture["best_real"]
    return index


def test_a_table_s_gallery(mixed_trained):
    wish = Wish(units=1, recipe=Recipe(steps=24, seed=3))
    index = check(gallery_files(mixed_trained, wish), mixed_trained)
    first = index["pictures"][0]
    assert set(first["values"]) >= {"alcohol", "proline", "colour = ruby"}
    assert first["distance"] > 0
    assert first["usual_distance"] > 0
    assert (index["steps"], index["seed"]) == (24, 3)
    hurried = Wish(units=0, recipe=Recipe(steps=1))
    short = check_index(gallery_files(mixed_trained, hurried), mixed_trained)
    assert short["pictures"][0]["activation"] < first["activation"]


def test_a_gallery_of_pictures_is_at_their_native_size(pictures):
    files = gallery_files(pictures, WISH)
    index = check(files, pictures)
    picture = files[f"gallery/{index['pictures'][0]['file']}"]
    assert Image.open(io.BytesIO(picture)).size == (8, 8)
    assert "gallery/sheet.png" in files
    assert files == gallery_files(pictures, WISH)  # the same seed, the same bytes


def test_hidden_training_rows_are_not_shown(pictures):
    def widths(expose):
        sheet = gallery_files(hide(pictures, expose), WISH)["gallery/sheet.png"]
        return np.prod(Image.open(io.BytesIO(sheet)).size)

    assert widths("path") < widths("tree")


def test_charts_show_no_hidden_rows(mixed_trained):
    few = Wish(units=0, recipe=Recipe(steps=1))
    shown, hidden = (
        gallery_files(hide(mixed_trained, expose), few) for expose in ("tree", "path")
    )
    assert shown["gallery/index.json"] == hidden["gallery/index.json"]
    assert shown["gallery/class-0-north.png"] != hidden["gallery/class-0-north.png"]


def test_a_sequence_s_gallery():
    trained = train(
        quick(
            data={"named": "signal_and_noise"},
            model={"family": "sequence", "hidden": 4},
            regularizer={"name": "none"},
            train={"epochs": 1},
        ),
        controls=False,
    )
    index = check(gallery_files(trained, WISH), trained)
    assert index["parametrisation"] == "fourier"


def test_the_command_writes_a_new_version(pictures, tmp_path):
    out = tmp_path / "b"
    write_model(pictures, out)
    arguments = ["visualize", "--quiet", str(out), "--units", "0", "--steps", "2"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert "version 2" in done.output
    assert "gallery/index.json" in open_model(out).files
    assert len(read_bundle(out).files) > 10
    gallery = create_app(Settings(bundles=tmp_path)).test_client()
    page = f"/v1/models/{pictures.prepared.config.name}/gallery"
    index = gallery.get(page)
    assert index.json["pictures"]
    for picture in index.json["pictures"]:
        reply = gallery.get(f"{page}/{picture['file']}")
        assert Image.open(io.BytesIO(reply.data)).format == "PNG"
        known = {"If-None-Match": reply.headers["ETag"]}
        again = gallery.get(f"{page}/{picture['file']}", headers=known)
        assert again.status_code == 304


def test_what_is_wrong_is_one_line(tmp_path):
    config = tmp_path / "a.toml"
    config.write_text('name = "a"\n[data]\nnamed = "wine"\n')
    done = CliRunner().invoke(main, ["visualize", str(config)])
    assert (done.exit_code, "needs --out" in done.output) == (1, True)
