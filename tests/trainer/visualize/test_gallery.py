"""Galleries of all three families, and the command that writes them."""

import dataclasses
import io
import json

import msgspec
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from api.app import create_app
from api.settings import Settings
from explainers.bundle import read_bundle
from explainers.loading import open_model
from leafpath import main
from trainer.config import parse_config
from trainer.errors import VisualizationError
from trainer.export.write import write_model
from trainer.pipeline import train
from trainer.visualize.activations import record
from trainer.visualize.asked import parse
from trainer.visualize.gallery import Wish, gallery_files
from trainer.visualize.objectives import channel
from trainer.visualize.optimise import Bounds, Recipe, optimise

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


def ask(texts, steps=24):
    asked = tuple(parse(text) for text in texts)
    return Wish(units=0, recipe=Recipe(steps=steps), asked=asked)


def pictures_of(files, text):
    index = json.loads(files["gallery/index.json"])
    return [p for p in index["pictures"] if p["objective"] == text]


def as_input(content, features):
    """Return the pixels of a PNG in the network's input units, [1, 1, h, w]."""
    grey = np.asarray(Image.open(io.BytesIO(content)), dtype=np.float32) / 255
    low, high = features[0].minimum, features[0].maximum
    return torch.from_numpy(low + (high - low) * grey)[None, None]


def test_what_is_asked_for_is_drawn_and_answers_what_the_index_says(pictures):
    layer = "body.4"  # the second convolution: the first is 1, of six channels
    texts = [
        f"channel:{layer}:2",
        f"neuron:{layer}:3@1,2",
        f"direction:{layer}:1=1,5=-2",
        "class:7",
    ]
    files = gallery_files(pictures, ask(texts, steps=160))
    features = pictures.prepared.family.describe_input().features
    for i, text in enumerate(texts):
        (found,) = pictures_of(files, text)
        assert found["file"].startswith(f"asked-{i + 1}-")
        shown = as_input(files[f"gallery/{found['file']}"], features)
        with torch.no_grad():
            answer = pictures.network.body[:5](shown)[0]
            logits = pictures.network(shown)[0]
        means = answer.mean((1, 2))
        wanted = [means[2], answer[3, 1, 2], means[1] - 2 * means[5], logits[7]][i]
        # A PNG has 256 greys: the answer is that of pixels rounded to 1 / 255.
        assert found["activation"] == pytest.approx(float(wanted), abs=0.05)
        assert found["activation"] > found["best_real"]


def test_a_direction_of_one_unit_is_that_unit_and_a_blend_begins_at_its_end(pictures):
    texts = [
        "direction:body.4:2=1",
        "channel:body.4:2",
        "interpolation:class:7..channel:body.4:2",
    ]
    files = gallery_files(pictures, ask(texts, steps=6))

    def content(picture):
        return files[f"gallery/{picture['file']}"]

    (along,), (unit,) = (pictures_of(files, text) for text in texts[:2])
    assert content(along) == content(unit)
    index = json.loads(files["gallery/index.json"])
    (seven,) = [p for p in index["pictures"] if (p["kind"], p["unit"]) == ("class", 7)]
    start, middle, end = pictures_of(files, texts[2])
    assert content(start) == content(seven)
    assert content(end) == content(unit)
    assert content(middle) not in (content(start), content(end))


def test_facets_answer_alike_and_look_unlike(pictures):
    text = "diversity:body.4:2"
    files = gallery_files(pictures, ask([text], steps=160))
    features = pictures.prepared.family.describe_input().features
    facets = pictures_of(files, text)
    shown = torch.cat(
        [as_input(files[f"gallery/{p['file']}"], features) for p in facets]
    )
    with torch.no_grad():
        answer = pictures.network.body[:5](shown)
    for facet, score in zip(facets, answer[:, 2].mean((1, 2)), strict=True):
        assert facet["activation"] == pytest.approx(float(score), abs=0.05)
        assert facet["activation"] > facet["best_real"]
    bounds = Bounds(
        (1, 8, 8),
        *(np.array([end]) for end in (features[0].minimum, features[0].maximum)),
    )
    alone = optimise(
        pictures.network, channel("body.4", 2), bounds, Recipe(steps=160), pictures=3
    )
    with torch.no_grad():
        plain = pictures.network.body[:5](torch.from_numpy(alone.pixels))
    assert likeness(answer) < likeness(plain) - 0.02


def likeness(answer):
    """Return the mean cosine of the Gram matrices of each two, [n, k, h, w] -> 1."""
    maps = answer.flatten(2).double().numpy()
    grams = np.stack([(m @ m.T).ravel() for m in maps])
    grams /= np.linalg.norm(grams, axis=1, keepdims=True)
    return (grams @ grams.T)[np.triu_indices(len(grams), 1)].mean()


def test_a_table_s_prototypes_may_be_asked_for_too(mixed_trained):
    layers = [
        name
        for name, module in mixed_trained.network.named_modules()
        if isinstance(module, torch.nn.Linear)
    ]
    columns = mixed_trained.prepared.family.describe_tree_features()
    texts = [f"neuron:{layers[0]}:1", f"direction:{layers[0]}:0=1,1=-1"]
    files = gallery_files(mixed_trained, ask(texts))
    for text in texts:
        (found,) = pictures_of(files, text)
        row = torch.tensor([[found["values"][c.name] for c in columns]])
        with torch.no_grad():
            answer = record(mixed_trained.network, [layers[0]], row)[layers[0]][0]
        wanted = answer[1] if text == texts[0] else answer[0] - answer[1]
        assert found["activation"] == pytest.approx(float(wanted), abs=1e-3)
    with pytest.raises(VisualizationError, match="one prototype a unit"):
        gallery_files(mixed_trained, ask([f"diversity:{layers[0]}:1"]))


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
    unit, facets = "neuron:network.recurrence:2@5", "diversity:network.recurrence:2"
    wish = dataclasses.replace(ask([unit, facets]), units=1)
    files = gallery_files(trained, wish)
    assert check(files, trained)["parametrisation"] == "fourier"
    (found,) = pictures_of(files, unit)
    assert found["activation"] > found["best_real"]
    drawn = {files[f"gallery/{p['file']}"] for p in pictures_of(files, facets)}
    assert len(drawn) == 3


def test_the_command_writes_a_new_version(pictures, tmp_path):
    out = tmp_path / "b"
    write_model(pictures, out)
    arguments = ["visualize", "--quiet", str(out), "--units", "0", "--steps", "2"]
    asked = "neuron:body.4:3@1,2"
    done = CliRunner().invoke(main, [*arguments, "--objective", asked])
    assert done.exit_code == 0, done.output
    assert "version 2" in done.output
    assert "gallery/index.json" in open_model(out).files
    assert len(read_bundle(out).files) > 10
    gallery = create_app(Settings(bundles=tmp_path)).test_client()
    page = f"/v1/models/{pictures.prepared.config.name}/gallery"
    index = gallery.get(page)
    assert index.json["pictures"][-1]["objective"] == asked
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
    # Told before anything is trained.
    asked = ["--out", str(tmp_path / "b"), "--objective", "facet:body.4:3"]
    done = CliRunner().invoke(main, ["visualize", str(config), *asked])
    assert (done.exit_code, "neuron:LAYER:UNIT" in done.output) == (1, True)
    assert not (tmp_path / "b").exists()
