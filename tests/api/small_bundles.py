"""Real bundles made in a second: a fitted network and tree, as the trainer writes them.

Made here rather than by the trainer so that the tests of the server need no torch.
"""

import functools
import itertools
import math
import warnings
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_breast_cancer
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

from explainers.bundle import encode_array, write_bundle
from explainers.manifest import (
    FORMAT_VERSION,
    Estimate,
    InputFeature,
    InputSchema,
    Manifest,
    Metrics,
    OutputSchema,
    Provenance,
    TreeFeature,
    TreeMetrics,
)
from explainers.onnx_runtime import Session
from explainers.tree import DistilledTree, Node, write_tree

FLOAT = TensorProto.FLOAT


def graph(name, nodes, inputs, outputs, **tensors) -> bytes:
    """Serialise a graph; inputs and outputs map names to (element type, shape)."""
    values = [
        [
            helper.make_tensor_value_info(n, kind, shape)
            for n, (kind, shape) in d.items()
        ]
        for d in (inputs, outputs)
    ]
    constants = [numpy_helper.from_array(array, n) for n, array in tensors.items()]
    made = helper.make_graph(
        [
            helper.make_node(*node[:3], **(node[3] if node[3:] else {}))
            for node in nodes
        ],
        name,
        *values,
        constants,
    )
    opset = [helper.make_opsetid("", 20)]
    return helper.make_model(
        made, opset_imports=opset, ir_version=10
    ).SerializeToString()


def two_layers(w1, b1, w2, b2) -> dict[str, bytes]:
    """logits = relu(x w1 + b1) w2 + b2, and its gradient in closed form."""
    d, k = len(w1), len(b2)
    weights = {"w1": w1, "b1": b1, "w2": w2, "b2": b2}
    forward = [
        ("Gemm", ["x", "w1", "b1"], ["z"]),
        ("Relu", ["z"], ["h"]),
        ("Gemm", ["h", "w2", "b2"], ["logits"]),
    ]
    backward = [
        ("Greater", ["z", "zero"], ["on"]),
        ("Cast", ["on"], ["mask"], {"to": FLOAT}),
        ("Gather", ["w2t", "target"], ["rows"], {"axis": 0}),
        ("Mul", ["mask", "rows"], ["dz"]),
        ("MatMul", ["dz", "w1t"], ["gradient"]),
    ]
    predict = graph(
        "predict",
        [
            ("Identity", ["input"], ["x"]),
            *forward,
            ("Softmax", ["logits"], ["probabilities"], {"axis": 1}),
        ],
        {"input": (FLOAT, ["batch", d])},
        {"logits": (FLOAT, ["batch", k]), "probabilities": (FLOAT, ["batch", k])},
        **weights,
    )
    gradient = graph(
        "gradient",
        [("Identity", ["features"], ["x"]), *forward, *backward],
        {"features": (FLOAT, ["batch", d]), "target": (TensorProto.INT64, ["batch"])},
        {"logits": (FLOAT, ["batch", k]), "gradient": (FLOAT, ["batch", d])},
        **weights,
        w1t=np.ascontiguousarray(w1.T),
        w2t=np.ascontiguousarray(w2.T),
        zero=np.float32(0).reshape(()),
    )
    return {"predict.onnx": predict, "gradient.onnx": gradient}


def estimate(successes: int, n: int) -> Estimate:
    """A share with its Wilson interval."""
    p, z = successes / n, 1.96
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low, high = max(0, min(p, middle - half)), min(1, max(p, middle + half))
    return Estimate(value=p, n=n, low=low, high=high)


def to_tree(fitted: DecisionTreeClassifier, rows, decisions, labels) -> DistilledTree:
    """The fitted tree with counts and fidelity of these rows at every node."""
    reached = fitted.decision_path(rows).toarray().astype(bool)  # [n, n_nodes]
    agree = fitted.predict(rows) == decisions
    inner, k = fitted.tree_, fitted.n_classes_
    nodes = []
    for i in range(inner.node_count):
        here = reached[:, i]
        leaf = inner.children_left[i] < 0
        links = {
            "feature": inner.feature[i],
            "left": inner.children_left[i],
            "right": inner.children_right[i],
        }
        nodes.append(
            Node(
                id=i,
                **({} if leaf else {name: int(value) for name, value in links.items()}),
                threshold=None if leaf else float(inner.threshold[i]),
                label=int(inner.value[i][0].argmax()) if leaf else None,
                n=int(here.sum()),
                class_counts=tuple(np.bincount(decisions[here], minlength=k).tolist()),
                label_counts=tuple(np.bincount(labels[here], minlength=k).tolist()),
                fidelity=estimate(int(agree[here].sum()), int(here.sum())),
            )
        )
    return DistilledTree(tuple(nodes), inner.n_features, k)


@functools.cache
def fit_cancer(seed: int):
    """A network of 16 hidden units on breast cancer and a tree of 5 leaves after it."""
    data = load_breast_cancer()
    rows, labels = data.data.astype(np.float32), data.target
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    network = MLPClassifier((16,), max_iter=60, tol=1e-3, random_state=seed)
    network.n_iter_no_change = 60
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 60 epochs are enough here
        network.fit((rows - mean) / spread, labels)
    (w1, w2), (b1, b2) = network.coefs_, network.intercepts_
    # The scaling becomes part of the first layer; one logistic unit becomes two logits.
    layers = (
        w1 / spread[:, None],
        b1 - (mean / spread) @ w1,
        np.hstack([-w2, w2]) / 2,
        np.hstack([-b2, b2]) / 2,
    )
    decisions = network.predict((rows - mean) / spread)
    fitted = DecisionTreeClassifier(max_leaf_nodes=5, random_state=0)
    fitted.fit(rows, decisions)
    return data, rows, decisions, fitted, [a.astype(np.float32) for a in layers]


def write_cancer(directory: Path, *, seed: int = 0, files=None, **changes) -> str:
    """Write the breast-cancer bundle and return its digest.

    ``changes`` replace fields of the manifest, ``files`` adds files to the bundle.
    """
    data, rows, decisions, fitted, layers = fit_cancer(seed)
    tree = to_tree(fitted, rows, decisions, data.target)
    names = [str(name) for name in data.feature_names]
    low, high = rows.min(axis=0).tolist(), rows.max(axis=0).tolist()
    moments = zip(rows.mean(axis=0).tolist(), rows.std(axis=0).tolist(), strict=True)
    manifest = make_manifest(
        tree,
        (decisions == data.target, fitted.predict(rows) == decisions),
        name=changes.pop("name", "breast-cancer"),
        input=InputSchema(
            shape=(len(names),),
            features=tuple(
                InputFeature(name=n, kind="numeric", minimum=low[i], maximum=high[i])
                for i, n in enumerate(names)
            ),
        ),
        output=OutputSchema(classes=tuple(str(c) for c in data.target_names)),
        tree_features=tuple(
            TreeFeature(
                name=names[i],
                source=i,
                mean=mean,
                spread=spread,
                minimum=low[i],
                maximum=high[i],
            )
            for i, (mean, spread) in enumerate(moments)
        ),
        **changes,
    )
    graphs = two_layers(*layers)
    return write(directory, manifest, tree, graphs, rows[:32], files or {})


def write_slow(directory: Path) -> str:
    """Write the breast-cancer bundle with a network that takes a millisecond a row: 240
    more layers, which answer 0.
    """
    _, _, _, _, (w1, b1, w2, b2) = fit_cancer(0)
    names = [f"h{i}" for i in range(241)]
    d, k = len(w1), len(b2)
    predict = graph(
        "predict",
        [
            ("Gemm", ["input", "w1", "b1"], ["z"]),
            ("Relu", ["z"], ["h"]),
            ("Gemm", ["h", "w2", "b2"], ["answer"]),
            ("MatMul", ["input", "nothing"], [names[0]]),
            *(("MatMul", [a, "same"], [b]) for a, b in itertools.pairwise(names)),
            ("MatMul", [names[-1], "nowhere"], ["zero"]),
            ("Add", ["answer", "zero"], ["logits"]),
            ("Softmax", ["logits"], ["probabilities"], {"axis": 1}),
        ],
        {"input": (FLOAT, ["batch", d])},
        {"logits": (FLOAT, ["batch", k]), "probabilities": (FLOAT, ["batch", k])},
        **{"w1": w1, "b1": b1, "w2": w2, "b2": b2},
        nothing=np.zeros((d, 256), np.float32),
        same=np.eye(256, dtype=np.float32),
        nowhere=np.zeros((256, k), np.float32),
    )
    return write_cancer(directory, name="slow", files={"predict.onnx": predict})


def write_mixed(directory: Path, **changes) -> str:
    """Write a bundle with a number that may be missing and a category."""
    columns = [
        ("age", 0, "value"),
        ("age is missing", 0, "missing"),
        *((f"colour = {c}", 1, "category") for c in ("red", "green", "blue")),
    ]
    to_columns = graph(
        "tree_features",
        [
            ("Split", ["input"], ["age", "colour"], {"axis": 1, "num_outputs": 2}),
            ("IsNaN", ["age"], ["lost"]),
            ("Where", ["lost", "mean", "age"], ["filled"]),
            ("Cast", ["lost"], ["missing"], {"to": FLOAT}),
            ("Equal", ["colour", "codes"], ["same"]),
            ("Cast", ["same"], ["hot"], {"to": FLOAT}),
            ("Concat", ["filled", "missing", "hot"], ["columns"], {"axis": 1}),
        ],
        {"input": (FLOAT, ["batch", 2])},
        {"columns": (FLOAT, ["batch", 5])},
        mean=np.float32([40]),
        codes=np.float32([[0, 1, 2]]),
    )
    w = np.float32([[0.1, -0.1], [0.5, -0.5], [1, -1], [-1, 1], [0, 0]])
    b = np.float32([-4, 4])
    # relu(z) - relu(-z) = z: a linear network as two layers.
    out = np.float32([[1, 0], [0, 1], [-1, 0], [0, -1]])
    layers = (np.hstack([w, -w]), np.hstack([b, -b]), out, b * 0)
    graphs = two_layers(*layers)
    graphs["tree_features.onnx"] = to_columns
    graphs["predict.onnx"] = graph(
        "predict",
        [
            ("Split", ["input"], ["age", "colour"], {"axis": 1, "num_outputs": 2}),
            ("IsNaN", ["age"], ["lost"]),
            ("Where", ["lost", "mean", "age"], ["filled"]),
            ("Cast", ["lost"], ["missing"], {"to": FLOAT}),
            ("Equal", ["colour", "codes"], ["same"]),
            ("Cast", ["same"], ["hot"], {"to": FLOAT}),
            ("Concat", ["filled", "missing", "hot"], ["x"], {"axis": 1}),
            ("Gemm", ["x", "w", "b"], ["logits"]),
            ("Softmax", ["logits"], ["probabilities"], {"axis": 1}),
        ],
        {"input": (FLOAT, ["batch", 2])},
        {"logits": (FLOAT, ["batch", 2]), "probabilities": (FLOAT, ["batch", 2])},
        mean=np.float32([40]),
        codes=np.float32([[0, 1, 2]]),
        w=w,
        b=b,
    )
    rows = np.float32([[30, 0], [50, 1], [np.nan, 2], [70, 0], [20, 2], [45, 1]])
    features, decisions = run(graphs, rows)
    fitted = DecisionTreeClassifier(max_leaf_nodes=3, random_state=0)
    fitted.fit(features, decisions)
    tree = to_tree(fitted, features, decisions, decisions)
    manifest = make_manifest(
        tree,
        (decisions == decisions, fitted.predict(features) == decisions),
        name="mixed",
        input=InputSchema(
            shape=(2,),
            features=(
                InputFeature(name="age", kind="numeric", unit="years", minimum=20,
                             maximum=70, missing="impute"),
                InputFeature(name="colour", kind="categorical",
                             categories=("red", "green", "blue")),
            ),
        ),
        output=OutputSchema(classes=("old", "young")),
        tree_features=tuple(
            TreeFeature(name=name, source=source, kind=kind, mean=0.5, spread=10,
                        category=name.partition(" = ")[2] or None, minimum=0,
                        maximum=70)
            for name, source, kind in columns
        ),
        **changes,
    )  # fmt: skip
    return write(directory, manifest, tree, graphs, rows, {})


def run(graphs: dict[str, bytes], rows):
    """The tree's features and the network's decisions for these rows."""
    logits, _ = Session("predict", graphs["predict.onnx"]).run({"input": rows})
    features = rows
    if "tree_features.onnx" in graphs:
        session = Session("tree_features", graphs["tree_features.onnx"])
        features = session.run({"input": rows})[0]
    return features, logits.argmax(axis=1)


def make_manifest(tree: DistilledTree, outcomes, **fields) -> Manifest:
    """A manifest with the metrics of this tree; ``outcomes``: right, agrees ([n])."""
    right, agrees = (estimate(int(o.sum()), len(o)) for o in outcomes)
    metrics = Metrics(
        network={"accuracy": right},
        tree=TreeMetrics(
            leaves=len(tree.leaves),
            depth=tree.depth,
            accuracy=right,
            fidelity=agrees,
            balanced_fidelity=agrees,
            average_path_length=Estimate(value=2.0, n=agrees.n, low=1.9, high=2.1),
        ),
        constant_class={"accuracy": right, "fidelity": agrees},
    )
    provenance = Provenance(
        seed=0, data_digest="0" * 64, rows={}, libraries={}, configuration={}
    )
    defaults = {
        "format": FORMAT_VERSION, "version": "1", "task": "binary", "family": "tabular",
        "metrics": metrics, "provenance": provenance,
    }  # fmt: skip
    return Manifest(**(defaults | fields))


def write(directory: Path, manifest, tree, graphs, rows, files) -> str:
    """Write the bundle with golden outputs for ``rows``; return its digest."""
    logits, probabilities = Session("p", graphs["predict.onnx"]).run({"input": rows})
    features, decisions = run(graphs, rows)
    content = {
        **graphs,
        "tree.json": write_tree(tree),
        "reference/background.npy": encode_array(rows),
        "golden/inputs.npy": encode_array(rows),
        "golden/probabilities.npy": encode_array(probabilities),
        "golden/leaves.npy": encode_array(tree.apply(features)),
        **files,
    }
    if "gradient.onnx" in graphs:
        session = Session("gradient", graphs["gradient.onnx"])
        feeds = {session.inputs[0]: features, session.inputs[1]: decisions}
        content["golden/gradient.npy"] = encode_array(session.run(feeds)[1])
    return write_bundle(directory, manifest, content)
