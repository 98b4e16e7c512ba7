"""PNG and JPEG as instances: torch-free, against numpy and Pillow; broken files too."""

import base64
import contextlib
import io
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from api import pictures
from api.app import create_app
from api.limits import MAX_PICTURE_PIXELS
from api.pictures import decode_pictures
from api.settings import Settings
from explainers.errors import InstanceError
from explainers.loading import open_model
from explainers.manifest import InputFeature, InputSchema, PictureInput
from trainer.config import parse_config
from trainer.errors import TrainingWarning
from trainer.export.write import write_model
from trainer.pipeline import train

RANDOM = np.random.default_rng(0)


def schema(channels=3, size=(6, 9), white=255.0, resize=False):
    features = tuple(
        InputFeature(name=str(i), kind="numeric", minimum=0.0, maximum=white)
        for i in range(channels)
    )
    picture = PictureInput(white=white, resize=resize)
    return InputSchema(shape=(channels, *size), features=features, picture=picture)


def pixels(*shape):
    return RANDOM.integers(0, 256, shape, np.uint8)


def file(picture, kind="PNG", **options):
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def b64(raw):
    return {"b64": base64.b64encode(raw).decode()}


def decode(raw, of=None):
    (found,) = decode_pictures(of or schema(), [raw])
    return found


def refused(instances, of=None):
    with pytest.raises(InstanceError) as caught:
        decode_pictures(of or schema(), instances)
    return caught.value


def test_a_png_s_bytes_are_the_values():
    colours, grey = pixels(6, 9, 3), pixels(6, 9)
    np.testing.assert_array_equal(decode(file(colours)), colours)
    np.testing.assert_array_equal(decode(file(grey), schema(1)), grey)
    assert decode_pictures(schema(), [b64(file(colours))])[0].tolist() == (
        colours.tolist()
    )


def test_white_is_what_the_bundle_says():
    found = decode(file(np.uint8([[0, 51, 255]])), schema(1, (1, 3), white=16.0))
    np.testing.assert_allclose(found, [[0, 3.2, 16]])


def test_arrays_pass_between_files():
    rows = [[[1, 2, 3]] * 9] * 6
    raw = file(pixels(6, 9, 3))
    first, second, third = decode_pictures(schema(), [rows, raw, rows])
    assert first is rows
    assert third is rows
    assert second.shape == (6, 9, 3)


def test_a_jpeg_is_what_pillow_sees():
    smooth = np.broadcast_to(np.arange(0, 180, 20, dtype=np.uint8), (6, 9))
    raw = file(np.stack([smooth] * 3, -1).copy(), "JPEG", quality=95)
    found = decode(raw)
    np.testing.assert_array_equal(found, np.asarray(Image.open(io.BytesIO(raw))))
    assert np.abs(found[..., 0] - smooth).max() < 6


def test_grey_becomes_colour_and_colour_becomes_grey():
    grey, colours = pixels(6, 9), pixels(6, 9, 3)
    np.testing.assert_array_equal(decode(file(grey)), np.stack([grey] * 3, -1))
    luma = colours @ [0.299, 0.587, 0.114]  # ITU-R BT.601
    assert np.abs(decode(file(colours), schema(1)) - luma).max() <= 1


def test_palettes_and_single_bits_are_looked_up():
    picture = Image.new("P", (9, 6), 1)
    picture.putpalette([0, 0, 0, 10, 20, 30])
    np.testing.assert_array_equal(decode(file(picture))[2, 3], [10, 20, 30])
    bits = Image.new("1", (9, 6), 1)
    np.testing.assert_array_equal(decode(file(bits), schema(1)), np.full((6, 9), 255))


def test_what_is_transparent_lies_on_white():
    rgba = np.zeros((6, 9, 4), np.uint8)
    rgba[0, 0] = [200, 100, 0, 255]
    rgba[0, 1] = [0, 0, 0, 51]
    found = decode(file(rgba))
    np.testing.assert_array_equal(found[0, 0], [200, 100, 0])
    np.testing.assert_array_equal(found[0, 1], [204] * 3)  # 255 * (1 - 51 / 255)
    np.testing.assert_array_equal(found[5, 5], [255] * 3)
    palette = Image.new("P", (9, 6), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    found = decode(file(palette, transparency=1))
    np.testing.assert_array_equal(found[0, 0], [255] * 3)


def test_photographs_are_turned_upright():
    picture = Image.fromarray(pixels(9, 6, 3))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    found = decode(file(picture, exif=exif))
    np.testing.assert_array_equal(found, np.rot90(np.asarray(picture), -1))


def test_other_sizes_are_refused_unless_the_bundle_resizes():
    error = refused([file(pixels(6, 9, 3)), file(pixels(9, 6, 3))])
    assert error.path == "$.instances[1]"
    assert error.problem == "has 9 rows of 6 pixels"
    assert error.allowed == "the model expects 6 rows of 9"
    large = np.zeros((60, 120, 3), np.uint8)
    large[:, 30:90] = [250, 0, 0]  # the middle 60 x 90 are looked at, red but for 15
    found = decode(file(large), schema(resize=True))
    assert found.shape == (6, 9, 3)
    assert (found[:, 3:6, 0] == 250).all()
    assert (found[:, 0, 0] == 0).all()
    tiny = decode(file(pixels(2, 3, 3)), schema(resize=True))
    assert tiny.shape == (6, 9, 3)


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (file(pixels(6, 9).astype(np.uint16) * 257), "has 16 bits a channel"),
        (file(Image.new("CMYK", (9, 6)), "JPEG"), "is in CMYK"),
        (
            file(
                Image.fromarray(pixels(6, 9)),
                save_all=True,
                append_images=[Image.fromarray(pixels(6, 9))],
            ),
            "is animated",
        ),
        (file(pixels(6, 9, 3), "GIF"), "is no readable PNG or JPEG file"),
        (file(pixels(6, 9, 3), "BMP"), "is no readable PNG or JPEG file"),
        (file(pixels(6, 9, 3), "TIFF"), "is no readable PNG or JPEG file"),
        (file(pixels(6, 9, 3), "WEBP"), "is no readable PNG or JPEG file"),
        (b"", "is no readable PNG or JPEG file"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is no readable PNG or JPEG"),
        (file(pixels(6, 9, 3))[:60], "is no readable PNG or JPEG file"),
    ],
)
def test_what_no_conversion_would_do_justice_to_is_refused(raw, problem):
    error = refused([raw])
    assert error.path == "$.instances[0]"
    assert problem in error.problem


@pytest.mark.parametrize(
    "instance",
    [{}, {"b64": 1}, {"b64": "aaaa", "x": 1}, {"b64": "&&&"}, {"b64": "é"}, {"a": []}],
)
def test_objects_that_hold_no_picture(instance):
    assert refused([[], instance]).path == "$.instances[1]"


def test_bundles_that_do_not_say_what_white_is_take_no_files():
    plain = InputSchema(shape=(3, 6, 9), features=schema().features)
    error = refused([file(pixels(6, 9, 3))], plain)
    assert error.allowed == "send rows of pixels"
    assert "does not say" in refused([file(pixels(6, 9, 3))], schema(2)).problem


def bomb(width, height):
    """A PNG of few bytes whose header is true: one grey level, well compressed."""
    return file(Image.new("L", (width, height)), optimize=True)


def test_pixels_are_counted_before_any_is_decoded(monkeypatch):
    half, tiny = bomb(2048, MAX_PICTURE_PIXELS // 4096), bomb(1, 1)
    monkeypatch.setattr(pictures, "_pixels", lambda *given: None)
    assert len(decode_pictures(schema(), [half, half])) == 2

    def fail(*given):
        raise AssertionError("a pixel was decoded")

    monkeypatch.setattr(pictures, "_pixels", fail)
    monkeypatch.setattr(Image.Image, "load", fail)
    error = refused([half, half, tiny])
    assert error.path == "$.instances[2]"
    assert str(MAX_PICTURE_PIXELS) in error.allowed


@pytest.mark.parametrize("size", [(10_000, 10_000), (30_000, 30_000)])
def test_headers_that_claim_gigapixels(size):
    raw = bytearray(file(pixels(1, 1)))
    raw[16:24] = size[0].to_bytes(4, "big") + size[1].to_bytes(4, "big")
    raw[29:33] = zlib.crc32(raw[12:29]).to_bytes(4, "big")
    assert str(MAX_PICTURE_PIXELS) in refused([bytes(raw)]).allowed


VALID = [
    file(pixels(6, 9, 3)),
    file(pixels(6, 9, 4)),
    file(pixels(6, 9, 3), "JPEG"),
    file(pixels(6, 9), "JPEG", progressive=True),
    file(Image.fromarray(pixels(6, 9, 3)).quantize(4), exif=Image.Exif()),
]


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_broken_files_are_refused_or_read_and_nothing_else(data):
    raw = bytearray(data.draw(st.sampled_from(VALID)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.integers(0, 255))
    raw = bytes(raw[: data.draw(st.integers(0, len(raw)))])
    with contextlib.suppress(InstanceError):  # anything else fails
        found = decode(raw, schema(resize=True))
        assert found.shape == (6, 9, 3)
        assert np.isfinite(found).all()


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A directory with a model of scikit-learn's digits, 8 x 8 pixels from 0 to 16."""
    directory = tmp_path_factory.mktemp("pictures")
    config = parse_config(
        {
            "name": "digits",
            "data": {"named": "digits"},
            "model": {"family": "image", "channels": [6, 8]},
            "train": {"epochs": 12, "learning_rate": 1e-2},
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)  # a class without a leaf
        write_model(train(config, controls=False), directory / "digits")
    return directory


@pytest.fixture(scope="module")
def rows(digits):
    """Two digits as clients of arrays send them, and as PNG files of 0 to 255."""
    arrays = open_model(digits / "digits").background[:2, 0]
    files = [file(np.rint(a * 255 / 16).astype(np.uint8)) for a in arrays]
    return arrays, files


@pytest.fixture
def client(digits):
    return create_app(Settings(bundles=digits)).test_client()


def test_files_and_arrays_are_answered_alike(client, rows):
    arrays, files = rows
    url = "/v1/models/digits:explain"
    wanted = ["tree_path", {"method": "grad_cam", "target": "3", "overlay": True}]

    def ask(instances):
        reply = client.post(url, json={"instances": instances, "explanations": wanted})
        assert reply.status_code == 200, reply.text
        return reply

    by_file = ask([b64(raw) for raw in files])
    form = {
        "instances": [(io.BytesIO(raw), "digit.png") for raw in files],
        "explanations": '["tree_path", {"method": "grad_cam", "target": "3", '
        '"overlay": true}]',
        "seed": "3",
    }
    by_form = client.post(url, data=form, content_type="multipart/form-data")
    assert by_form.status_code == 200, by_form.text
    assert by_form.json["predictions"] == by_file.json["predictions"]
    assert by_form.json["explanations"][1][0] == by_file.json["explanations"][1][0]
    by_array = ask(arrays.tolist())
    for one, other in zip(
        by_file.json["predictions"], by_array.json["predictions"], strict=True
    ):
        assert one["label"] == other["label"]
        np.testing.assert_allclose(  # a file has 255 steps, the array 16
            one["probabilities"], other["probabilities"], atol=0.02
        )
    overlay = by_file.json["explanations"][0][1]["overlay"]
    drawn = Image.open(io.BytesIO(base64.b64decode(overlay)))
    assert (drawn.format, drawn.size) == ("PNG", (224, 224))


def test_predict_takes_forms_too(client, rows):
    form = {"instances": [(io.BytesIO(rows[1][0]), "digit.png")]}
    reply = client.post("/v1/models/digits:predict", data=form)
    assert reply.status_code == 200, reply.text
    assert len(reply.json["predictions"]) == 1


def problem(reply, status=422):
    assert reply.status_code == status, reply.text
    assert reply.content_type == "application/problem+json"
    return reply.json


def test_a_wrong_picture_is_a_problem_that_names_it(client, rows):
    wrong = [b64(rows[1][0]), b64(file(pixels(9, 8)))]
    reply = client.post("/v1/models/digits:predict", json={"instances": wrong})
    (error,) = problem(reply)["errors"]
    assert error["path"] == "$.instances[1]"
    assert error["problem"] == "has 9 rows of 8 pixels"
    assert error["allowed"] == "the model expects 8 rows of 8"
    form = {"instances": [(io.BytesIO(b"GIF89a"), "a.gif")]}
    reply = client.post("/v1/models/digits:predict", data=form)
    assert problem(reply)["errors"][0]["path"] == "$.instances[0]"


def test_a_wrong_array_beside_a_picture_is_named(client, rows):
    instances = [b64(rows[1][0]), [[1, 2], "x"]]
    reply = client.post("/v1/models/digits:predict", json={"instances": instances})
    assert problem(reply)["errors"][0]["path"].startswith("$.instances[1]")


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"instances": "text"},
        {"picture": (io.BytesIO(b""), "a.png")},
        {"instances": (io.BytesIO(VALID[0]), "a.png"), "explanations": "tree_path"},
        {"instances": (io.BytesIO(VALID[0]), "a.png"), "explanations": "{}"},
        {"instances": (io.BytesIO(VALID[0]), "a.png"), "unknown": "1"},
        {"instances": (io.BytesIO(VALID[0]), "a.png"), "seed": "-1"},
    ],
)
def test_forms_that_are_no_request(client, form):
    reply = client.post(
        "/v1/models/digits:explain", data=form, content_type="multipart/form-data"
    )
    assert problem(reply)["type"].startswith("/problems/invalid-")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"--x\r\nnonsense", "multipart/form-data; boundary=x"),
        (b"", "multipart/form-data"),
        (b"--x--", "multipart/form-data; boundary=x"),
        (b"--x\r\n\r\n", "multipart/form-data; boundary=\xc3\xa9"),
    ],
)
def test_broken_forms(client, body, kind):
    reply = client.post("/v1/models/digits:predict", data=body, content_type=kind)
    problem(reply)


def test_forms_with_too_many_parts(client):
    parts = [(io.BytesIO(b"x"), "a.png")] * 1100
    reply = client.post("/v1/models/digits:predict", data={"instances": parts})
    assert "parts" in problem(reply)["detail"]


def test_the_document_describes_files_and_forms(client):
    document = client.get("/openapi.json").json
    bodies = document["paths"]["/v1/models/{model}:predict"]["post"]["requestBody"]
    assert "multipart/form-data" in bodies["content"]
    choices = document["components"]["schemas"]["Instance.digits"]["anyOf"]
    assert {"b64"} in [set(c.get("properties", {})) for c in choices]


@pytest.mark.parametrize("method", ["grad_cam", "gradient"])
def test_v2_sends_a_map_as_a_tensor(client, rows, method):
    arrays, _ = rows
    native = client.post(
        "/v1/models/digits:explain",
        json={"instances": arrays.tolist(), "explanations": [method]},
    ).json
    field = "map" if method == "grad_cam" else "attributions"
    expected = [np.float32(row[0][field]) for row in native["explanations"]]
    sent = arrays[:, None].astype(np.float32)
    tensor = {"name": "input", "datatype": "FP32", "shape": list(sent.shape)}
    body = {
        "inputs": [tensor | {"data": sent.ravel().tolist()}],
        "outputs": [{"name": method}],
    }
    (output,) = client.post("/v2/models/digits/infer", json=body).json["outputs"]
    found = np.float32(output["data"]).reshape(output["shape"])
    np.testing.assert_array_equal(found, np.stack(expected))
    told = client.get("/v2/models/digits").json["explanations"]
    (shape,) = [o["shape"] for o in told if o["name"] == method]
    assert len(shape) == found.ndim
