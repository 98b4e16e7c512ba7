"""A request that works, for every kind of body and any model."""

from collections.abc import Callable
from typing import Any

import numpy as np

from api.examples import example_row
from api.protocols.datatypes import BYTES
from api.protocols.model_inputs import INPUT, LENGTHS
from explainers.arrays import Inputs
from explainers.instances import as_sent
from explainers.manifest import InputFeature
from explainers.model import TRAINING_ROWS, Model
from explainers.reading import write_instance


def _instances(model: Model) -> dict[str, Any]:
    return {"instances": [write_instance(model.manifest.input, *_shown(model))]}


def _shown(model: Model) -> tuple[Inputs, int]:
    """Return the input that is shown and its steps: a row of the background sample or,
    where the bundle exposes no training rows, the middle of every feature's range.
    """
    if TRAINING_ROWS in model.provides:
        row = example_row(model.background_lengths)
        return model.background[row], int(model.background_lengths[row])
    middle = np.array(list(map(_middle, model.manifest.input.features)), np.float32)
    if model.manifest.family == "image":
        _, height, width = model.manifest.input.shape
        return middle[:, None, None].repeat(height, 1).repeat(width, 2), 1
    return (middle[None] if model.manifest.family == "sequence" else middle), 1


def _middle(feature: InputFeature) -> float:
    """Return a usual value, rounded as nobody would measure it; a category's code."""
    if feature.minimum is None or feature.maximum is None:
        return 0.0
    return float(f"{(feature.minimum + feature.maximum) / 2:.3g}")


def _explain(model: Model) -> dict[str, Any]:
    wishes: list[Any] = ["tree_path"]
    if "gradient" in model.sessions:
        wishes.append({"method": "integrated_gradients", "steps": 64})
    return _instances(model) | {"explanations": wishes}


def _infer(model: Model) -> dict[str, Any]:
    tensors = (
        _columns(model) if model.manifest.input.has_categories else _one_tensor(model)
    )
    outputs = [{"name": "label"}, {"name": "probabilities"}]
    return {"id": "1", "inputs": tensors, "outputs": outputs}


def _columns(model: Model) -> list[dict[str, Any]]:
    (instance,) = _instances(model)["instances"]
    return [
        {
            "name": feature.name,
            "shape": [1],
            "datatype": BYTES if feature.kind == "categorical" else "FP32",
            "data": [value],
        }
        for feature, value in zip(model.manifest.input.features, instance, strict=True)
    ]


def _one_tensor(model: Model) -> list[dict[str, Any]]:
    values, steps = _shown(model)
    if model.manifest.family == "sequence":
        lengths = {"name": LENGTHS, "shape": [1], "datatype": "INT64", "data": [steps]}
        return [_numbers(values[:steps]), lengths]
    return [_numbers(values)]


def _numbers(values: Inputs) -> dict[str, Any]:
    data = [as_sent(value) for value in values.ravel()]
    shape = [1, *values.shape]
    return {"name": INPUT, "shape": shape, "datatype": "FP32", "data": data}


EXAMPLES: dict[str, Callable[[Model], dict[str, Any]]] = {
    "PredictRequest": _instances,
    "ExplainRequest": _explain,
    "InferRequest": _infer,
}
"""By name of the request's schema."""
