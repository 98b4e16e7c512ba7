"""A bundle opened by the trainer: the same network, or a word why not."""

import base64

import msgspec
import numpy as np
import pytest
import torch

from explainers.bundle import encode_array, read_bundle, write_bundle
from explainers.loading import open_model
from trainer.errors import WeightsError
from trainer.reopen import Shown, next_version, reopen, write_enriched
from trainer.stored_weights import encode_weights


def test_the_network_answers_as_the_bundle_does(mixed_bundle, mixed_csv):
    opened = reopen(mixed_bundle, mixed_csv.parent)
    prepared = opened.trained.prepared
    rows = prepared.family.servable(prepared.split.test)
    served = open_model(mixed_bundle).forward(prepared.family.inputs(rows)[0])[0]
    with torch.no_grad():
        ours = opened.trained.network(torch.from_numpy(prepared.Z[rows])).numpy()
    np.testing.assert_allclose(ours, served, atol=1e-5 * np.abs(served).max())


def test_enriching_keeps_everything_and_raises_the_version(cancer_bundle, tmp_path):
    bundle = read_bundle(cancer_bundle)
    write_bundle(tmp_path / "b", bundle.manifest, bundle.files)
    first = write_enriched(bundle, tmp_path / "b", {"gallery/a.png": b"a"}, version="2")
    second = read_bundle(tmp_path / "b")
    assert second.digest == first != bundle.digest
    assert second.manifest.version == "2"
    assert second.files == {**bundle.files, "gallery/a.png": b"a"}
    write_enriched(second, tmp_path / "b", {"gallery/b.png": b"b"}, version="3")
    assert open_model(tmp_path / "b").files["gallery/b.png"] == b"b"
    assert "gallery/a.png" not in read_bundle(tmp_path / "b").files


@pytest.mark.parametrize(
    ("version", "following"),
    [("1", "2"), ("1.9", "1.10"), ("beta", "beta.1"), ("2024-rc3", "2024-rc4")],
)
def test_versions_count_up(version, following):
    assert next_version(version) == following


def damaged(bundle, directory, files, **changes):
    manifest = msgspec.structs.replace(bundle.manifest, **changes)
    write_bundle(directory, manifest, files)
    return directory


def test_a_bundle_without_weights_is_refused(cancer_bundle, tmp_path):
    bundle = read_bundle(cancer_bundle)
    files = {p: c for p, c in bundle.files.items() if not p.startswith("weights/")}
    with pytest.raises(WeightsError, match="holds no weights"):
        reopen(damaged(bundle, tmp_path / "b", files))


def test_other_weights_are_noticed(cancer_bundle, tmp_path):
    bundle = read_bundle(cancer_bundle)
    name = next(p for p in bundle.files if p.endswith("1.bias.npy"))
    files = dict(bundle.files)
    files[name] = encode_array(np.full(16, 0.5, dtype=np.float32))
    with pytest.raises(WeightsError, match="do not answer as predict.onnx"):
        reopen(damaged(bundle, tmp_path / "a", files))
    files[name] = encode_array(np.zeros(3, dtype=np.float32))
    with pytest.raises(WeightsError, match="do not fit its network"):
        reopen(damaged(bundle, tmp_path / "b", files))


def test_other_data_are_noticed(cancer_bundle, tmp_path):
    bundle = read_bundle(cancer_bundle)
    provenance = msgspec.structs.replace(
        bundle.manifest.provenance, data_digest="sha256:" + "0" * 64
    )
    with pytest.raises(WeightsError, match="not those that 'tumours' was trained on"):
        reopen(damaged(bundle, tmp_path / "b", bundle.files, provenance=provenance))


def test_weights_are_plain_arrays(cancer_trained):
    for path, content in encode_weights(cancer_trained.network).items():
        assert path.startswith("weights/")
        assert content[:6] == b"\x93NUMPY"


def test_the_report_shows_added_pictures_once(cancer_bundle, tmp_path):
    bundle, shown = read_bundle(cancer_bundle), Shown("key", "Title", ("x/a.png",))
    for version, content in (("2", b"first"), ("3", b"second")):
        write_enriched(
            bundle, tmp_path / "b", {"x/a.png": content}, version=version, shown=shown
        )
        bundle = read_bundle(tmp_path / "b")
    report = bundle.files["report.html"].decode()
    assert report.count("<h2>Title</h2>") == 1
    assert base64.b64encode(b"second").decode() in report
    assert report.index("Title</h2>") < report.index("<footer>")
    original = read_bundle(cancer_bundle).files["report.html"].decode()
    assert report.startswith(original.partition("<footer>")[0])
