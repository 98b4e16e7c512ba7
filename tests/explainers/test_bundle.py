"""A bundle is served exactly as it was written, or not at all."""

import hashlib
import json
import os
import socket

import msgspec
import numpy as np
import pytest

from explainers.bundle import (
    MANIFEST,
    decode_array,
    encode_array,
    read_bundle,
    write_bundle,
)
from explainers.errors import (
    BundleError,
    GoldenMismatchError,
    IntegrityError,
    ManifestError,
    TreeError,
    UnsafeGraphError,
)
from explainers.loading import BACKGROUND, open_model
from explainers.manifest import File, encode_manifest
from explainers.tree import TreeDocument
from tests.api.small_bundles import write_mixed


def test_round_trip_keeps_every_byte(linear_bundle, linear_files):
    bundle = read_bundle(linear_bundle)
    assert bundle.files == linear_files
    raw = (linear_bundle / MANIFEST).read_bytes()
    assert bundle.digest == f"sha256:{hashlib.sha256(raw).hexdigest()}"


def test_the_digest_depends_on_content_alone(tmp_path, linear_manifest, linear_files):
    digests = {
        write_bundle(tmp_path / name, linear_manifest, linear_files)
        for name in ("one", "two")
    }
    assert len(digests) == 1
    other = {**linear_files, "tree.json": linear_files["tree.json"] + b" "}
    assert write_bundle(tmp_path / "three", linear_manifest, other) not in digests


def test_rewriting_replaces_the_bundle_and_leaves_nothing_behind(
    linear_bundle, linear_manifest, linear_files
):
    newer = msgspec.structs.replace(linear_manifest, version="2")
    write_bundle(linear_bundle, newer, linear_files)
    assert read_bundle(linear_bundle).manifest.version == "2"
    assert [p.name for p in linear_bundle.parent.iterdir()] == ["linear"]


def test_a_failed_write_keeps_the_old_bundle(
    linear_bundle, linear_manifest, linear_files
):
    bad = {**linear_files, "../escaped": b"x"}
    with pytest.raises(IntegrityError, match="not a path inside the bundle"):
        write_bundle(linear_bundle, linear_manifest, bad)
    assert open_model(linear_bundle).name == "linear"
    assert [p.name for p in linear_bundle.parent.iterdir()] == ["linear"]


@pytest.mark.parametrize("path", ["predict.onnx", "tree.json", "golden/inputs.npy"])
def test_every_flipped_bit_is_noticed(linear_bundle, path):
    content = bytearray((linear_bundle / path).read_bytes())
    for position in range(0, len(content), max(1, len(content) // 16)):
        content[position] ^= 1 << (position % 8)
        (linear_bundle / path).write_bytes(content)
        with pytest.raises(IntegrityError, match=f"{path}: SHA-256"):
            read_bundle(linear_bundle)
        content[position] ^= 1 << (position % 8)


def test_every_flipped_bit_of_the_manifest_is_noticed(linear_bundle):
    """Either it no longer reads as a manifest, or the digest is another one."""
    digest = read_bundle(linear_bundle).digest
    raw = (linear_bundle / MANIFEST).read_bytes()
    for position in range(0, len(raw), 7):
        flipped = bytearray(raw)
        flipped[position] ^= 1
        (linear_bundle / MANIFEST).write_bytes(flipped)
        try:
            assert read_bundle(linear_bundle).digest != digest
        except BundleError:
            continue


def _truncate(directory):
    path = directory / "predict.onnx"
    path.write_bytes(path.read_bytes()[:-1])


def _extend(directory):
    path = directory / "predict.onnx"
    path.write_bytes(path.read_bytes() + b"\0")


def _symlink_file(directory):
    (directory / "tree.json").rename(directory.parent / "elsewhere.json")
    (directory / "tree.json").symlink_to(directory.parent / "elsewhere.json")


def _symlink_folder(directory):
    (directory / "golden").rename(directory.parent / "elsewhere")
    (directory / "golden").symlink_to(directory.parent / "elsewhere")


def _hard_link(directory):
    os.link(directory / "tree.json", directory.parent / "elsewhere.json")


def _fifo(directory):
    (directory / "tree.json").unlink()
    os.mkfifo(directory / "tree.json")


def _socket(directory):
    (directory / "tree.json").unlink()
    here = os.getcwd()
    os.chdir(directory)  # the path of a Unix socket is limited to 108 bytes
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("tree.json")
    finally:
        os.chdir(here)


def _folder_for_file(directory):
    (directory / "tree.json").unlink()
    (directory / "tree.json").mkdir()


DAMAGE = {
    "missing": (lambda d: (d / "tree.json").unlink(), "tree.json: listed .* missing"),
    "extra": (lambda d: (d / "x.txt").write_text("x"), "x.txt: present but not listed"),
    "extra hidden": (lambda d: (d / ".x").write_text("x"), r"\.x: present but not"),
    "extra in folder": (
        lambda d: (d / "golden" / "x").write_text(""),
        "golden/x: pres",
    ),
    "empty folder": (lambda d: (d / "x").mkdir(), "x: an empty directory"),
    "truncated": (_truncate, "predict.onnx: [0-9]+ bytes, but"),
    "extended": (_extend, "predict.onnx: [0-9]+ bytes, at most"),
    "symbolic link": (_symlink_file, "tree.json: a symbolic link"),
    "linked folder": (_symlink_folder, "golden: a symbolic link"),
    "hard link": (_hard_link, "tree.json: has 2 hard links"),
    "named pipe": (_fifo, "tree.json: not a regular file"),
    "socket": (_socket, "tree.json: "),
    "folder": (_folder_for_file, "tree.json: an empty directory"),
    "no manifest": (lambda d: (d / MANIFEST).unlink(), "manifest.json: missing"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_refused_and_named(linear_bundle, kind):
    damage, message = DAMAGE[kind]
    damage(linear_bundle)
    with pytest.raises(BundleError, match=message):
        read_bundle(linear_bundle)


def test_a_missing_directory_is_named(tmp_path):
    with pytest.raises(IntegrityError, match="no such directory"):
        read_bundle(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "path",
    ["../tree.json", "/etc/passwd", "a/../tree.json", "./tree.json", "a//b", "", "a\\b",
     ".hidden", "golden/", "tree.json\n"],
)  # fmt: skip
def test_listed_paths_cannot_leave_the_bundle(linear_bundle, path):
    manifest = read_bundle(linear_bundle).manifest
    listed = (*manifest.files, File(path=path, bytes=1, sha256="0" * 64))
    edited = msgspec.structs.replace(manifest, files=listed)
    (linear_bundle / MANIFEST).write_bytes(encode_manifest(edited))
    with pytest.raises(IntegrityError, match="not a path inside the bundle"):
        read_bundle(linear_bundle)


def test_a_file_listed_twice_is_refused(linear_bundle):
    manifest = read_bundle(linear_bundle).manifest
    edited = msgspec.structs.replace(manifest, files=manifest.files * 2)
    (linear_bundle / MANIFEST).write_bytes(encode_manifest(edited))
    with pytest.raises(IntegrityError, match="listed twice"):
        read_bundle(linear_bundle)


def _edited(raw: bytes, **changes) -> bytes:
    document = json.loads(raw) | changes
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda raw: raw + b"\n", "canonical"),
        (lambda raw: json.dumps(json.loads(raw), indent=1).encode(), "canonical"),
        (lambda raw: raw[:-1], "manifest.json"),
        (
            lambda raw: raw.replace(b'"version":"1"', b'"version":"1","version":"1"'),
            "canonical",
        ),
        (lambda raw: b"\xff" + raw, "manifest.json"),
        (lambda raw: b"[" * 100_000, "manifest.json"),
        (lambda raw: _edited(raw, surprise=1), "unknown field"),
        (lambda raw: _edited(raw, format=2), "reads format 1"),
        (lambda raw: _edited(raw, name="../x"), "name"),
        (lambda raw: _edited(raw, version="1\n"), "version"),
        (lambda raw: _edited(raw, output={"classes": ["a", "a"]}), "listed twice"),
        (lambda raw: _edited(raw, output={"classes": ["a"]}), "two classes"),
        (lambda raw: _edited(raw, tree_features=[]), "tree_features is empty"),
        (lambda raw: raw.replace(b'"shape":[3]', b'"shape":[4]'), "input.shape"),
        (lambda raw: raw.replace(b'"source":2', b'"source":3'), "source is 3"),
        (lambda raw: raw.replace(b'"spread":2.0', b'"spread":0.0'), "spread is 0"),
        (lambda raw: raw.replace(b'"name":"c"', b'"name":"a"'), "listed twice"),
        (lambda raw: raw.replace(b'"low":0.2', b'"low":0.6', 1), "low <= value"),
        (lambda raw: raw.replace(b'"high":0.8', b'"high":0.4', 1), "low <= value"),
        (lambda raw: raw.replace(b'"high":0.8', b'"high":1.5'), "is a share"),
        (lambda raw: raw.replace(b'"minimum":-3.0', b'"minimum":4.0', 1), "range from"),
        (
            lambda raw: raw.replace(b'"minimum":-3.0', b'"minimum":null', 1),
            "range from None",
        ),
        (
            lambda raw: raw.replace(b'"categories":[]', b'"categories":["x"]', 1),
            "numeric and has 1 categories",
        ),
        (
            lambda raw: raw.replace(b'"numeric"', b'"categorical"', 1),
            "categorical and has 0 categories",
        ),
    ],
)
def test_a_manifest_that_misleads_is_refused(linear_bundle, edit, message):
    path = linear_bundle / MANIFEST
    path.write_bytes(edit(path.read_bytes()))
    with pytest.raises(ManifestError, match=message):
        read_bundle(linear_bundle)


def test_an_older_bundle_may_lack_a_field_that_has_a_default(linear_bundle):
    path = linear_bundle / MANIFEST
    document = json.loads(path.read_bytes())
    del document["expose"], document["metrics"]["frontier"]
    path.write_bytes(
        json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    )
    bundle = read_bundle(linear_bundle)
    assert bundle.manifest.expose == "tree"
    assert bundle.digest == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def _write(tmp_path, manifest, files, **changes):
    merged = {k: v for k, v in {**files, **changes}.items() if v is not None}
    write_bundle(tmp_path / "changed", manifest, merged)
    return tmp_path / "changed"


def _cyclic_tree(raw: bytes) -> bytes:
    document = msgspec.json.decode(raw, type=TreeDocument)
    nodes = list(document.nodes)
    nodes[2] = msgspec.structs.replace(nodes[2], right=0)
    return msgspec.json.encode(TreeDocument(nodes=tuple(nodes)))


def _other_tree(raw: bytes) -> bytes:
    return raw.replace(b'"threshold":0.5', b'"threshold":5.5')


CHANGES = {
    "cyclic tree": (
        lambda f: {"tree.json": _cyclic_tree(f["tree.json"])}, TreeError,
        "reached twice"),
    "other tree": (
        lambda f: {"tree.json": _other_tree(f["tree.json"])}, GoldenMismatchError,
        "routes differently"),
    "no tree": (lambda f: {"tree.json": None}, IntegrityError, "tree.json"),
    "no network": (lambda f: {"predict.onnx": None}, IntegrityError, "predict.onnx"),
    "not a network": (
        lambda f: {"predict.onnx": b"junk"}, UnsafeGraphError,
        "not an ONNX model"),
    "gradient as network": (
        lambda f: {"predict.onnx": f["gradient.onnx"]}, GoldenMismatchError,
        "cannot be"),
    "no golden inputs": (
        lambda f: {"golden/inputs.npy": None}, IntegrityError,
        "golden/inputs.npy"),
    "golden probabilities": (
        lambda f: {"golden/probabilities.npy":
                   encode_array(np.full((3, 2), 0.5, dtype=np.float32))},
        GoldenMismatchError, "differs by"),
    "golden gradient": (
        lambda f: {"golden/gradient.npy":
                   encode_array(np.zeros((3, 3), dtype=np.float32))},
        GoldenMismatchError, "golden/gradient.npy"),
    "golden NaN": (
        lambda f: {"golden/probabilities.npy":
                   encode_array(np.full((3, 2), np.nan, dtype=np.float32))},
        GoldenMismatchError, "differs by"),
    "golden shape": (
        lambda f: {"golden/probabilities.npy":
                   encode_array(np.zeros((2, 2), dtype=np.float32))},
        GoldenMismatchError, "the graph answers"),
    "background shape": (
        lambda f: {"reference/background.npy":
                   encode_array(np.zeros((2, 4), dtype=np.float32))},
        IntegrityError, "expected float32"),
    "background NaN": (
        lambda f: {"reference/background.npy":
                   encode_array(np.full((2, 3), np.nan, dtype=np.float32))},
        IntegrityError, "'a' holds nan, which is no finite number"),
    "golden infinity": (
        lambda f: {"golden/inputs.npy":
                   encode_array(np.full((3, 3), np.inf, dtype=np.float32))},
        IntegrityError, "golden/inputs.npy: 'a' holds inf"),
    "support": (
        lambda f: {"tree.json": f["tree.json"].replace(b'"n":6', b'"n":7')},
        TreeError, "are not 7 rows"),
    "background type": (
        lambda f: {"reference/background.npy": encode_array(np.zeros((2, 3)))},
        IntegrityError, "float64"),
}  # fmt: skip


@pytest.mark.parametrize("kind", CHANGES)
def test_consistent_digests_do_not_excuse_wrong_content(
    tmp_path, linear_manifest, linear_files, kind
):
    change, error, message = CHANGES[kind]
    changed = _write(tmp_path, linear_manifest, linear_files, **change(linear_files))
    with pytest.raises(error, match=message):
        open_model(changed)


@pytest.mark.parametrize("figures", [{"leaves": 4}, {"depth": 3}])
def test_metrics_of_another_tree_are_refused(
    tmp_path, linear_manifest, linear_files, figures
):
    tree = msgspec.structs.replace(linear_manifest.metrics.tree, **figures)
    metrics = msgspec.structs.replace(linear_manifest.metrics, tree=tree)
    manifest = msgspec.structs.replace(linear_manifest, metrics=metrics)
    with pytest.raises(TreeError, match="3 leaves and depth 2"):
        open_model(_write(tmp_path, manifest, linear_files))


@pytest.mark.parametrize("category", ["pink", None])
def test_a_tree_feature_of_no_category_is_refused(tmp_path, category):
    write_mixed(tmp_path / "mixed")
    bundle = read_bundle(tmp_path / "mixed")
    *others, last = bundle.manifest.tree_features
    changed = msgspec.structs.replace(last, category=category)
    manifest = msgspec.structs.replace(
        bundle.manifest, tree_features=(*others, changed)
    )
    with pytest.raises(ManifestError, match=rf"names the category {category!r}"):
        write_bundle(tmp_path / "mixed", manifest, bundle.files)


def test_codes_of_no_category_are_refused(tmp_path):
    write_mixed(tmp_path / "mixed")
    bundle = read_bundle(tmp_path / "mixed")
    background = decode_array(bundle, BACKGROUND).copy()
    background[0, 1] = 3
    changed = _write(tmp_path, bundle.manifest, bundle.files,
                     **{BACKGROUND: encode_array(background)})  # fmt: skip
    with pytest.raises(IntegrityError, match=r"'colour' holds 3.0, which is no cat"):
        open_model(changed)


def test_pickled_arrays_are_never_loaded(tmp_path, linear_manifest, linear_files):
    path = tmp_path / "objects.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    changed = _write(
        tmp_path, linear_manifest, linear_files,
        **{"reference/background.npy": path.read_bytes()},
    )  # fmt: skip
    with pytest.raises(IntegrityError, match=r"not a plain \.npy array"):
        open_model(changed)


def test_a_missing_gradient_graph_is_no_damage(tmp_path, linear_manifest, linear_files):
    manifest = msgspec.structs.replace(
        linear_manifest, unavailable={"gradient": "aten.foo cannot be exported"}
    )
    changed = _write(tmp_path, manifest, linear_files, **{"gradient.onnx": None})
    model = open_model(changed)
    assert "gradient" not in model.sessions
    assert "aten.foo" in model.why_missing("gradient")
