"""A bundle opened again by the trainer, to be enriched: network, data and tree."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from explainers.bundle import Bundle, read_bundle, write_bundle
from explainers.loading import load_model
from explainers.model import Model
from explainers.tree import DistilledTree
from trainer.calibration import Tempered
from trainer.config import parse_config
from trainer.errors import WeightsError
from trainer.pipeline import Trained, project_onto
from trainer.prepare import Prepared, prepare
from trainer.pruning import LEAF, Grown
from trainer.report.pictures import with_pictures
from trainer.report.write import REPORT
from trainer.stored_weights import load_weights, weight_names

TOLERANCE = 1e-5
"""Of the largest logit: onnxruntime's kernels differ from torch's by about 1e-6."""


@dataclass(frozen=True)
class Reopened:
    """A bundle, and the trained model that it was written from."""

    bundle: Bundle
    trained: Trained


def reopen(directory: Path, base: Path = Path()) -> Reopened:
    """Rebuild what a bundle was written from, and check that it answers alike.

    Parameters
    ----------
    base : the directory that the configuration's data path is relative to.

    Raises
    ------
    BundleError
        The bundle cannot be trusted.
    WeightsError
        It holds no weights, the data are others, or the network answers otherwise
        than predict.onnx.
    """
    bundle = read_bundle(directory)
    model = load_model(bundle)
    manifest = bundle.manifest
    prepared = prepare(parse_config(manifest.provenance.configuration), base)
    if prepared.table.digest != manifest.provenance.data_digest:
        raise WeightsError(
            f"the data are not those that {manifest.name!r} was trained on (digest "
            f"{prepared.table.digest}, expected {manifest.provenance.data_digest})"
        )
    network = rebuild_network(prepared, bundle, model.tree)
    trained = Trained(
        prepared, network, model.tree, manifest.metrics, manifest.provenance
    )
    check_answers(trained, model)
    return Reopened(bundle, trained)


def rebuild_network(
    prepared: Prepared, bundle: Bundle, tree: DistilledTree
) -> nn.Module:
    """Return the network with a bundle's weights, in evaluation mode.

    A temperature and a projection onto the tree wrap what ``build_network`` makes;
    their buffers are among the weights and say whether they are there.
    """
    names = weight_names(bundle)
    network = prepared.build_network()
    inner = names
    if projected := any(name.startswith("decision.") for name in names):
        inner = {n.removeprefix("network.") for n in names if n.startswith("network.")}
    if "temperature" in inner:
        network = Tempered(network, 1.0)
    if projected:
        network = project_onto(prepared, network, as_grown(tree))
    load_weights(network, bundle)
    return network.eval()


def as_grown(tree: DistilledTree) -> Grown:
    """Return a bundle's tree as the arrays that the trainer's functions take."""
    nodes = tree.nodes

    def column(values: list[int | None]) -> NDArray[np.int64]:
        return np.array([LEAF if v is None else v for v in values], dtype=np.int64)

    return Grown(
        feature=column([node.feature for node in nodes]),
        threshold=np.array([node.threshold or 0.0 for node in nodes]),
        left=column([node.left for node in nodes]),
        right=column([node.right for node in nodes]),
        rows=np.array([node.n for node in nodes], dtype=np.int64),
        weights=np.array([node.class_counts for node in nodes], dtype=np.float64),
    )


def check_answers(trained: Trained, model: Model) -> None:
    """Compare the network with predict.onnx on held-out rows; raises WeightsError."""
    prepared: Prepared = trained.prepared
    held_out = prepared.family.servable(prepared.split.held_out)[:256]
    arrays = prepared.family.inputs(held_out)
    predictor = prepared.family.graphs(trained.network)["predict"].module.eval()
    with torch.no_grad():
        tensors = (torch.from_numpy(np.ascontiguousarray(a)) for a in arrays)
        ours = predictor(*tensors)[0].numpy()
    served, _ = model.forward(
        np.asarray(arrays[0], dtype=np.float32),
        np.asarray(arrays[1], dtype=np.int64) if len(arrays) > 1 else None,
    )
    gap = float(np.abs(ours - served).max())
    if not gap <= TOLERANCE * max(1.0, float(np.abs(served).max())):
        raise WeightsError(
            f"the stored weights do not answer as predict.onnx does (logits differ by "
            f"{gap:.3g}); was the bundle put together by hand?"
        )


@dataclass(frozen=True)
class Shown:
    """What a report shows of the added files: a section of some of the pictures."""

    key: str
    title: str
    paths: tuple[str, ...]


def write_enriched(
    bundle: Bundle,
    directory: Path,
    added: Mapping[str, bytes],
    *,
    version: str,
    shown: Shown | None = None,
) -> str:
    """Write a bundle with further files; return its digest.

    Parameters
    ----------
    added : content by path; it replaces every file in the same folders, so that no
        picture of an earlier run stays behind.
    shown : the section that the bundle's report gets, where it has one.
    """
    folders = {path.partition("/")[0] for path in added if "/" in path}
    kept = {
        path: content
        for path, content in bundle.files.items()
        if path.partition("/")[0] not in folders
    }
    if shown is not None and REPORT in kept:
        kept[REPORT] = with_pictures(
            kept[REPORT], shown.key, shown.title, added, shown.paths
        )
    manifest = msgspec.structs.replace(bundle.manifest, version=version)
    return write_bundle(directory, manifest, {**kept, **added})


def next_version(version: str) -> str:
    """Return the version with its last number raised by one: 1 -> 2, 1.9 -> 1.10."""
    found = re.search(r"(\d+)\Z", version)
    if found is None:
        return f"{version}.1"
    return version[: found.start()] + str(int(found.group()) + 1)
