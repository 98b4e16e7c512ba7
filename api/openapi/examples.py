"""A request that works, for every kind of body and any model."""

from collections.abc import Callable
from typing import Any

from api.examples import example_instance
from api.protocols.datatypes import BYTES
from api.protocols.model_inputs import INPUT
from explainers.model import Model


def _instances(model: Model) -> dict[str, Any]:
    instance = example_instance(model.manifest.input, model.background)
    return {"instances": [instance]}


def _explain(model: Model) -> dict[str, Any]:
    wishes: list[Any] = ["tree_path"]
    if "gradient" in model.sessions:
        wishes.append({"method": "integrated_gradients", "steps": 64})
    return _instances(model) | {"explanations": wishes}


def _infer(model: Model) -> dict[str, Any]:
    schema = model.manifest.input
    if model.has_categories:
        instance = example_instance(schema, model.background)
        tensors = [
            {
                "name": feature.name,
                "shape": [1],
                "datatype": BYTES if feature.kind == "categorical" else "FP32",
                "data": [value],
            }
            for feature, value in zip(schema.features, instance, strict=True)
        ]
    else:
        shape = [1, *model.background.shape[1:]]
        values = [float(str(value)) for value in model.background[0].ravel()]
        tensors = [{"name": INPUT, "shape": shape, "datatype": "FP32", "data": values}]
    outputs = [{"name": "label"}, {"name": "probabilities"}]
    return {"id": "1", "inputs": tensors, "outputs": outputs}


EXAMPLES: dict[str, Callable[[Model], dict[str, Any]]] = {
    "PredictRequest": _instances,
    "ExplainRequest": _explain,
    "InferRequest": _infer,
}
"""By name of the request's schema."""
