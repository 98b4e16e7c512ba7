"""A request that works, for every kind of body and any model."""

from collections.abc import Callable
from typing import Any

from api.examples import example_instance, example_row
from api.protocols.datatypes import BYTES
from api.protocols.model_inputs import INPUT, LENGTHS
from explainers.arrays import Inputs
from explainers.instances import as_sent
from explainers.model import Model


def _instances(model: Model) -> dict[str, Any]:
    instance = example_instance(
        model.manifest.input, model.background, model.background_lengths
    )
    return {"instances": [instance]}


def _explain(model: Model) -> dict[str, Any]:
    wishes: list[Any] = ["tree_path"]
    if "gradient" in model.sessions:
        wishes.append({"method": "integrated_gradients", "steps": 64})
    return _instances(model) | {"explanations": wishes}


def _infer(model: Model) -> dict[str, Any]:
    tensors = _columns(model) if model.has_categories else _one_tensor(model)
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
    row = example_row(model.background_lengths)
    values, steps = model.background[row], int(model.background_lengths[row])
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
