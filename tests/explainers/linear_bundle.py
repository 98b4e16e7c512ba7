"""A bundle of a linear model whose explanations are known, made without the trainer."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from explainers.bundle import encode_array
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
from explainers.tree import DistilledTree, Node, write_tree

HALF = Estimate(value=0.5, n=10, low=0.2, high=0.8)
WEIGHTS = np.array([[1.0, -1.0], [-2.0, 2.0], [0.5, -0.5]], dtype=np.float32)
BIAS = np.array([0.25, -0.25], dtype=np.float32)


def _graph(name: str, nodes, inputs, outputs, tensors) -> bytes:
    graph = helper.make_graph(nodes, name, inputs, outputs, tensors)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10
    )
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def _predict() -> bytes:
    return _graph(
        "predict",
        [
            helper.make_node("Gemm", ["input", "weights", "bias"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 2])
            for name in ("logits", "probabilities")
        ],
        [
            numpy_helper.from_array(WEIGHTS, "weights"),
            numpy_helper.from_array(BIAS, "bias"),
        ],
    )


def _gradient() -> bytes:
    return _graph(
        "gradient",
        [
            helper.make_node("Gemm", ["input", "weights", "bias"], ["logits"]),
            helper.make_node("Transpose", ["weights"], ["rows"], perm=[1, 0]),
            helper.make_node("Gather", ["rows", "target"], ["gradient"], axis=0),
        ],
        [
            helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3]),
            helper.make_tensor_value_info("target", TensorProto.INT64, ["batch"]),
        ],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2]),
            helper.make_tensor_value_info("gradient", TensorProto.FLOAT, ["batch", 3]),
        ],
        [
            numpy_helper.from_array(WEIGHTS, "weights"),
            numpy_helper.from_array(BIAS, "bias"),
        ],
    )


def _tree() -> DistilledTree:
    """a <= 0.5 -> no; else b <= -1.5 -> yes, else no."""

    def node(*counts, **values) -> Node:
        return Node(n=sum(counts), class_counts=counts, label_counts=counts,
                    fidelity=HALF, **values)  # fmt: skip

    nodes = (
        node(7, 3, id=0, feature=0, threshold=0.5, left=1, right=2),
        node(5, 1, id=1, label=0),
        node(2, 2, id=2, feature=1, threshold=-1.5, left=3, right=4),
        node(0, 1, id=3, label=1),
        node(2, 1, id=4, label=0),
    )
    return DistilledTree(nodes, n_features=3, n_classes=2)


def make_manifest() -> Manifest:
    """What the bundle says about itself; ``write_bundle`` lists the files."""
    names = ("a", "b", "c")
    return Manifest(
        format=FORMAT_VERSION,
        name="linear",
        version="1",
        task="binary",
        family="tabular",
        input=InputSchema(
            shape=(3,),
            features=tuple(
                InputFeature(name=n, kind="numeric", minimum=-3, maximum=3)
                for n in names
            ),
        ),
        output=OutputSchema(classes=("no", "yes")),
        tree_features=tuple(
            TreeFeature(name=n, source=i, mean=0.5, spread=2, minimum=-3, maximum=3)
            for i, n in enumerate(names)
        ),
        metrics=Metrics(
            network={"auc": HALF},
            tree=TreeMetrics(
                leaves=3,
                depth=2,
                accuracy=HALF,
                fidelity=HALF,
                balanced_fidelity=HALF,
                average_path_length=HALF,
            ),
            constant_class={"accuracy": HALF, "fidelity": HALF},
        ),
        provenance=Provenance(
            seed=0, data_digest="0" * 64, rows={"train": 10}, libraries={},
            configuration={},
        ),
    )  # fmt: skip


def make_files() -> dict[str, bytes]:
    """The files whose network is logits = input @ WEIGHTS + BIAS."""
    inputs = np.array([[1, -2, 0], [0, 1, 2], [2, 0, -1]], dtype=np.float32)
    logits = inputs @ WEIGHTS + BIAS
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return {
        "predict.onnx": _predict(),
        "gradient.onnx": _gradient(),
        "tree.json": write_tree(_tree()),
        "reference/background.npy": encode_array(inputs),
        "golden/inputs.npy": encode_array(inputs),
        "golden/probabilities.npy": encode_array(
            exponentials / exponentials.sum(axis=1, keepdims=True)
        ),
        "golden/leaves.npy": encode_array(np.array([3, 1, 4])),
        "golden/gradient.npy": encode_array(WEIGHTS.T[logits.argmax(axis=1)]),
    }
