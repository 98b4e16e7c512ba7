"""The bundles that the inspector is looked at with: every family, size and policy.

Networks are fitted with scikit-learn and written as closed-form graphs, so that making
all of them takes seconds and no torch.
"""

import itertools
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from msgspec.structs import replace
from onnx import TensorProto
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

from explainers.bundle import encode_array, read_bundle, write_bundle
from explainers.loading import load_model
from explainers.manifest import (
    Estimate,
    FrontierPoint,
    InputFeature,
    InputSchema,
    OutputSchema,
    TreeFeature,
)
from explainers.model import Model
from explainers.onnx_runtime import Session
from explainers.rules import condition
from explainers.tree import DistilledTree, Region, write_tree
from tests.api import small_bundles
from tests.api.small_bundles import (
    FLOAT,
    graph,
    make_manifest,
    to_tree,
    two_layers,
    write_cancer,
    write_mixed,
)
from trainer.evaluate.document import (
    CONTROL,
    Evaluation,
    MethodRecord,
    encode_evaluation,
)

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs/pictures/prototype-malignant.png"
LANDSCAPE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 30" width="40" '
    'height="30"><path d="M0 30Q20 -10 40 30" fill="none" stroke="black"/></svg>'
)
CALIBRATION = Estimate(value=0.021, n=114, low=0.012, high=0.04)


def write_all(directory: Path) -> Path:
    """Write every bundle below ``directory``."""
    directory.mkdir(exist_ok=True)
    write_documented(directory / "breast-cancer")
    write_mixed(directory / "mixed")
    write_cancer(directory / "path-only", name="path-only", expose="path")
    write_cancer(directory / "secret", name="secret", expose="prediction")
    write_large(directory / "large")
    write_pictures(directory / "pictures")
    write_pictures(directory / "colours", colours=("red", "green", "blue"))
    write_pictures(directory / "photos", colours=("red", "green", "blue"), scale=5)
    write_signals(directory / "signals")
    return directory


def write_documented(directory: Path) -> None:
    """Breast cancer with regions, a frontier, and all that the trainer can add."""
    with TemporaryDirectory() as plain:
        write_cancer(Path(plain) / "plain")
        bundle = read_bundle(Path(plain) / "plain")
    metrics = bundle.manifest.metrics
    points = tuple(
        FrontierPoint(
            strength=0.01 * 2**i,
            seed=0,
            network={"accuracy": _moved(metrics.network["accuracy"], -0.004 * i)},
            tree=replace(
                metrics.tree,
                average_path_length=_moved(
                    metrics.tree.average_path_length, 0.8 - 0.4 * i
                ),
                fidelity=_moved(metrics.tree.fidelity, 0.01 * i - 0.03),
            ),
        )
        for i in range(4)
    )
    network = metrics.network | {"calibration_error": CALIBRATION}
    index = {
        "format": 1, "family": "tabular", "steps": 8, "learning_rate": 0.1,
        "parametrisation": "pixel", "seed": 0, "pictures": [{
            "file": "malignant.png", "kind": "class", "name": "malignant",
            "layer": "logits", "unit": 0, "activation": 9.1, "best_real": 7.5,
            "worst_real": -8.2, "share_below": 1.0,
        }],
    }  # fmt: skip
    write_bundle(
        directory,
        replace(
            bundle.manifest,
            metrics=replace(metrics, network=network, frontier=points),
        ),
        {
            **bundle.files,
            "tree.json": write_tree(_with_regions(load_model(bundle))),
            "gallery/index.json": json.dumps(index).encode(),
            "gallery/malignant.png": PICTURE.read_bytes(),
            "evaluation.json": encode_evaluation(evaluation()),
            "landscape.json": b"{}",
            "landscape.svg": LANDSCAPE.encode(),
            "landscape/line.svg": LANDSCAPE.encode(),
            "landscape/surface.png": PICTURE.read_bytes(),
            "report.html": b"<!doctype html><title>Report</title><p>All of it.",
        },
    )


def _with_regions(model: Model) -> DistilledTree:
    """The same tree, the two sides of its first decision being regions."""
    tree = model.tree
    root = tree.nodes[0]
    column = model.manifest.tree_features[root.feature]
    regions = tuple(
        Region(name=condition(column, root.threshold, left=left), root=child)
        for left, child in ((True, root.left), (False, root.right))
    )
    return DistilledTree(tree.nodes, tree.n_features, tree.n_classes, regions)


def evaluation() -> Evaluation:
    def about(value: float) -> Estimate:
        return Estimate(value=value, n=32, low=0.9 * value, high=1.1 * value)

    fractions = np.linspace(0, 1, 11)
    curves = {
        "deletion_curve": tuple((0.98 - 0.5 * fractions).tolist()),
        "insertion_curve": tuple((0.48 + 0.5 * fractions).tolist()),
    }
    steep = {
        "deletion_curve": tuple((0.08 + 0.9 * (1 - fractions) ** 3).tolist()),
        "insertion_curve": tuple((0.98 - 0.5 * (1 - fractions) ** 3).tolist()),
    }
    random = MethodRecord(deletion=about(0.73), insertion=about(0.73), **curves)
    lime = MethodRecord(
        deletion=about(0.3126), insertion=about(0.855), **steep,
        infidelity=about(0.0624), max_sensitivity=None, randomised=(0.81, None, -0.12),
    )  # fmt: skip
    return Evaluation(
        model="breast-cancer", version="1", rows=32, seed=0, radius=0.02,
        fractions=tuple(fractions.tolist()), layers=(1, 2, 3),
        methods={CONTROL: random, "lime": lime},
    )  # fmt: skip


def _moved(estimate: Estimate, by: float) -> Estimate:
    moved = {n: min(getattr(estimate, n) + by, 1.0 if estimate.high <= 1 else 99.0)
             for n in ("value", "low", "high")}  # fmt: skip
    return replace(estimate, **moved)


def write_large(directory: Path) -> None:
    """Ten digits as a table of 64 pixels, and a tree of 60 leaves."""
    rows, labels = load_digits(return_X_y=True)
    rows = rows.astype(np.float32)
    network = MLPClassifier((24,), max_iter=300, random_state=0, tol=1e-2)
    network.fit(rows / 16, labels)
    (w1, w2), (b1, b2) = network.coefs_, network.intercepts_
    layers = [a.astype(np.float32) for a in (w1 / 16, b1, w2, b2)]
    decisions = network.predict(rows / 16)
    fitted = DecisionTreeClassifier(max_leaf_nodes=60, random_state=0)
    fitted.fit(rows, decisions)
    tree = to_tree(fitted, rows, decisions, labels)
    names = [f"pixel {i // 8}, {i % 8}" for i in range(64)]
    manifest = make_manifest(
        tree,
        (decisions == labels, fitted.predict(rows) == decisions),
        name="large",
        task="multiclass",
        input=InputSchema(shape=(64,), features=_numbers(names, rows)),
        output=OutputSchema(classes=tuple(map(str, range(10)))),
        tree_features=_columns(names, rows, range(64)),
    )
    apart = np.flatnonzero(fitted.predict(rows) != decisions)[:3]
    shown = np.vstack([rows[apart], rows[:29]])  # the first ones disagree
    small_bundles.write(directory, manifest, tree, two_layers(*layers), shown, {})


def write_pictures(
    directory: Path, colours: tuple[str, ...] = ("grey",), scale: int = 1
) -> None:
    """The digits 0, 1 and 2: random filters, their means, a fitted linear head.

    Of several ``colours`` each is the same digit, the next one half as bright; a pixel
    is ``scale`` pixels wide and high.
    """
    images, labels = load_digits(n_class=3, return_X_y=True)
    n_channels, side, half = len(colours), 8 * scale, 4 * scale
    brightness = 0.5 ** np.arange(n_channels).reshape(1, -1, 1, 1)
    images = np.kron(images.reshape(-1, 1, 8, 8), np.ones((1, 1, scale, scale)))
    images = (images * brightness).astype(np.float32)
    random = np.random.default_rng(0)
    filters = (random.normal(size=(8, n_channels, 3, 3)) / 16).astype(np.float32)
    to_map = [
        ("Conv", ["input", "filters"], ["z"], {"pads": [1, 1, 1, 1]}),
        ("Relu", ["z"], ["feature_map"]),
    ]
    shape, maps = ["batch", n_channels, side, side], ["batch", 8, side, side]
    probe = graph("probe", to_map, {"input": (FLOAT, shape)},
                  {"feature_map": (FLOAT, maps)}, filters=filters)  # fmt: skip
    means = Session("probe", probe).run({"input": images})[0].mean(axis=(2, 3))
    head = LogisticRegression(C=1000, max_iter=5000).fit(means, labels)
    w, b = head.coef_.astype(np.float32), head.intercept_.astype(np.float32)
    answer = [
        *to_map,
        ("GlobalAveragePool", ["feature_map"], ["pooled"]),
        ("Flatten", ["pooled"], ["means"]),
        ("Gemm", ["means", "w", "b"], ["logits"], {"transB": 1}),
    ]
    weights = {"filters": filters, "w": w, "b": b}
    graphs = {
        "predict.onnx": graph(
            "predict",
            [*answer, ("Softmax", ["logits"], ["probabilities"], {"axis": 1})],
            {"input": (FLOAT, shape)},
            {
                "logits": (FLOAT, ["batch", 3]),
                "probabilities": (FLOAT, ["batch", 3]),
                "feature_map": (FLOAT, maps),
            },
            **weights,
        ),
        "gradient.onnx": graph(
            "gradient",
            [
                *answer,
                ("Greater", ["z", "zero"], ["on"]),
                ("Cast", ["on"], ["mask"], {"to": FLOAT}),
                ("Gather", ["share", "target"], ["rows"], {"axis": 0}),
                ("Mul", ["mask", "rows"], ["dz"]),
                ("ConvTranspose", ["dz", "filters"], ["gradient"],
                 {"pads": [1, 1, 1, 1]}),
            ],
            {"input": (FLOAT, shape), "target": (TensorProto.INT64, ["batch"])},
            {"logits": (FLOAT, ["batch", 3]), "gradient": (FLOAT, shape)},
            **weights,
            zero=np.float32(0).reshape(()),
            share=w.reshape(3, 8, 1, 1) / np.float32(side**2),
        ),
        "tree_features.onnx": graph(
            "tree_features",
            [
                ("AveragePool", ["input"], ["patches"],
                 {"kernel_shape": [half, half], "strides": [half, half]}),
                ("Flatten", ["patches"], ["columns"]),
            ],
            {"input": (FLOAT, shape)},
            {"columns": (FLOAT, ["batch", 4 * n_channels])},
        ),
    }  # fmt: skip
    corners = list(itertools.product(range(n_channels), (0, half), (0, half)))
    names = [
        f"mean {colours[c]} of rows {y}-{y + half - 1}, columns {x}-{x + half - 1}"
        for c, y, x in corners
    ]
    channels = tuple(
        InputFeature(name=name, kind="numeric", minimum=0.0, maximum=16.0)
        for name in colours
    )
    _write_shaped(
        directory,
        graphs,
        labels,
        {"input": images},
        features=(names, [c for c, *_ in corners]),
        patches=[(y, x, half, half) for _, y, x in corners],
        family="image",
        schema=InputSchema(shape=(n_channels, side, side), features=channels),
        classes=("0", "1", "2"),
        files={"reference/head.npy": encode_array(w)},
    )


def write_signals(directory: Path) -> None:
    """2 to 12 steps of 3 channels, up where channel a is above 0 on average."""
    random = np.random.default_rng(0)
    lengths = random.integers(2, 13, size=120)
    steps = np.zeros((120, 12, 3), dtype=np.float32)
    for row, length in zip(steps, lengths, strict=True):
        row[:length] = random.normal(size=(length, 3))
    labels = (steps[..., 0].sum(axis=1) > 0).astype(int)
    w1 = random.normal(size=(3, 8)).astype(np.float32)
    b1 = random.normal(size=8).astype(np.float32)
    valid = [
        ("Slice", ["input", "first", "second", "last"], ["channel"]),
        ("Mul", ["channel", "zero"], ["nothing"]),
        ("Add", ["nothing", "one"], ["ones"]),
        ("CumSum", ["ones", "axis"], ["number"]),
        ("Cast", ["lengths"], ["long"], {"to": FLOAT}),
        ("Reshape", ["long", "column"], ["until"]),
        ("LessOrEqual", ["number", "until"], ["within"]),
        ("Cast", ["within"], ["mask"], {"to": FLOAT}),  # [batch, steps, 1]
        ("Div", ["mask", "until"], ["share"]),
    ]
    hidden = [
        ("MatMul", ["input", "w1"], ["xw"]),
        ("Add", ["xw", "b1"], ["z"]),
        ("Tanh", ["z"], ["h"]),
        ("Mul", ["h", "share"], ["shares"]),
        ("ReduceSum", ["shares", "axes"], ["means"], {"keepdims": 0}),
    ]
    constants = {
        "first": np.int64([0]), "second": np.int64([1]), "last": np.int64([2]),
        "zero": np.float32(0).reshape(()), "one": np.float32(1).reshape(()),
        "axis": np.int64(1).reshape(()), "axes": np.int64([1]),
        "column": np.int64([-1, 1, 1]), "w1": w1, "b1": b1,
    }  # fmt: skip
    inputs = {"input": (FLOAT, ["batch", "steps", 3]),
              "lengths": (TensorProto.INT64, ["batch"])}  # fmt: skip
    probe = graph("probe", [*valid, *hidden], inputs,
                  {"means": (FLOAT, ["batch", 8])}, **constants)  # fmt: skip
    feeds = {"input": steps, "lengths": lengths.astype(np.int64)}
    means = Session("probe", probe).run(feeds)[0]
    head = LogisticRegression(C=100, max_iter=500).fit(means, labels)
    w2 = (np.vstack([-head.coef_, head.coef_]) / 2).astype(np.float32)
    b2 = np.concatenate([-head.intercept_, head.intercept_]).astype(np.float32) / 2
    answer = [
        *valid, *hidden, ("Gemm", ["means", "w2", "b2"], ["logits"], {"transB": 1}),
    ]  # fmt: skip
    weights = constants | {"w2": w2, "b2": b2}
    two = ["batch", 2]
    graphs = {
        "predict.onnx": graph(
            "predict",
            [*answer, ("Softmax", ["logits"], ["probabilities"], {"axis": 1})],
            inputs,
            {"logits": (FLOAT, two), "probabilities": (FLOAT, two)},
            **weights,
        ),
        "gradient.onnx": graph(
            "gradient",
            [
                *answer,
                ("Mul", ["h", "h"], ["hh"]),
                ("Sub", ["one", "hh"], ["slope"]),
                ("Mul", ["slope", "share"], ["dz_dmean"]),
                ("Gather", ["rows_of_w2", "target"], ["row"], {"axis": 0}),
                ("Mul", ["dz_dmean", "row"], ["dz"]),
                ("MatMul", ["dz", "w1t"], ["gradient"]),
            ],
            inputs | {"target": (TensorProto.INT64, ["batch"])},
            {
                "logits": (FLOAT, two),
                "gradient": (FLOAT, ["batch", "steps", 3]),
            },
            **weights,
            rows_of_w2=w2.reshape(2, 1, 8),
            w1t=np.ascontiguousarray(w1.T),
        ),
        "tree_features.onnx": graph(
            "tree_features",
            [
                *valid,
                ("Mul", ["input", "share"], ["parts"]),
                ("ReduceSum", ["parts", "axes"], ["columns"], {"keepdims": 0}),
            ],
            inputs,
            {"columns": (FLOAT, ["batch", 3])},
            **{k: v for k, v in constants.items() if k not in ("w1", "b1")},
        ),
    }
    channels = tuple(
        InputFeature(name=name, kind="numeric", unit=unit, minimum=-4.0, maximum=4.0)
        for name, unit in (("a", "mg/dl"), ("b", None), ("c", None))
    )
    _write_shaped(
        directory,
        graphs,
        labels,
        feeds,
        features=([f"{c}, mean so far" for c in "abc"], range(3)),
        family="sequence",
        schema=InputSchema(shape=(12, 3), features=channels),
        classes=("down", "up"),
    )


def _write_shaped(
    directory,
    graphs,
    labels,
    feeds,
    *,
    features,
    family,
    schema,
    classes,
    patches=None,
    files=None,
):
    """Fit the tree, and write a bundle whose inputs are no rows of a table."""
    logits = Session("p", graphs["predict.onnx"]).run(feeds)[0]
    decisions = logits.argmax(axis=1)
    columns = Session("t", graphs["tree_features.onnx"]).run(feeds)[0]
    fitted = DecisionTreeClassifier(max_leaf_nodes=5, random_state=0)
    fitted.fit(columns, decisions)
    tree = to_tree(fitted, columns, decisions, labels)
    named = _columns(features[0], columns, features[1])
    if patches:
        named = tuple(replace(c, patch=p) for c, p in zip(named, patches, strict=True))
    manifest = make_manifest(
        tree,
        (decisions == labels, fitted.predict(columns) == decisions),
        name=directory.name,
        task="binary" if len(classes) == 2 else "multiclass",
        family=family,
        input=schema,
        output=OutputSchema(classes=classes),
        tree_features=named,
    )
    few = {name: value[:24] for name, value in feeds.items()}
    some = Session("p", graphs["predict.onnx"]).run(few)
    session = Session("g", graphs["gradient.onnx"])
    gradient = session.run(few | {"target": decisions[:24]})[1]
    of_channels = (0, 1) if family == "sequence" else (0, 2, 3)
    inputs = feeds["input"]
    arrays = {
        "reference/background.npy": few["input"],
        "reference/mean.npy": inputs.mean(axis=of_channels, keepdims=True)[0],
        "reference/spread.npy": inputs.std(axis=of_channels, keepdims=True)[0],
        "golden/inputs.npy": few["input"],
        "golden/probabilities.npy": some[1],
        "golden/leaves.npy": tree.apply(columns[:24]),
        "golden/gradient.npy": gradient,
    }
    if "lengths" in few:
        arrays["reference/background_lengths.npy"] = few["lengths"]
        arrays["golden/lengths.npy"] = few["lengths"]
    content = {path: encode_array(array) for path, array in arrays.items()}
    write_bundle(
        directory,
        manifest,
        {**graphs, **content, "tree.json": write_tree(tree), **(files or {})},
    )


def _numbers(names, rows):
    low, high = rows.min(axis=0).tolist(), rows.max(axis=0).tolist()
    return tuple(
        InputFeature(name=name, kind="numeric", minimum=low[i], maximum=high[i])
        for i, name in enumerate(names)
    )


def _columns(names, rows, sources):
    return tuple(
        TreeFeature(
            name=name,
            source=source,
            mean=float(column.mean()),
            spread=float(column.std()) or 1.0,
            minimum=float(column.min()),
            maximum=float(column.max()),
        )
        for name, source, column in zip(names, sources, rows.T, strict=True)
    )
