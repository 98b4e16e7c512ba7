"""What the protocol tells of the server and of a model."""

from collections.abc import Iterable, Mapping
from typing import Any

from api.limits import MAX_INSTANCES
from api.protocols.datatypes import BYTES
from api.protocols.model_inputs import INPUT, LENGTHS
from api.protocols.outputs import PREDICTION_OUTPUTS, numbers_of, offered
from api.schemas import ModelReference
from api.version import VERSION
from explainers.manifest import InputFeature
from explainers.model import Model
from explainers.registry import available

SERVER_NAME = "leafpath"
EXTENSIONS = (
    "binary_tensor_data",
    "model_configuration",
    "model_repository",
    "statistics",
    "explain",
)
"""``explain`` is ours: POST /v2/models/{model}/explain, and explanations as outputs."""

PLATFORM = "onnxruntime_onnx"


def server_metadata() -> dict[str, Any]:
    """Return the document of ``GET /v2``."""
    return {"name": SERVER_NAME, "version": VERSION, "extensions": EXTENSIONS}


def model_metadata(model: Model) -> dict[str, Any]:
    """Return the document of ``GET /v2/models/{model}``.

    ``explanations`` is beyond the protocol: the outputs that are sent on demand only.
    """
    return {
        "name": model.name,
        "versions": [model.manifest.version],
        "platform": PLATFORM,
        "inputs": _inputs(model),
        "outputs": [_prediction_output(model, name) for name in offered(model)],
        "explanations": _explanations(model),
    }


def repository_index(
    served: Iterable[ModelReference], refused: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return the document of ``POST /v2/repository/index``, as Triton writes it.

    Parameters
    ----------
    refused : reasons by directory: nothing in a refused bundle can be trusted to be
        its name or version.
    """
    ready = [
        {"name": one.name, "version": one.version, "state": "READY", "reason": ""}
        for one in served
    ]
    return ready + [
        {"name": directory, "version": "", "state": "UNAVAILABLE", "reason": reason}
        for directory, reason in refused.items()
    ]


def model_configuration(model: Model) -> dict[str, Any]:
    """Return the document of ``GET /v2/models/{model}/config``, as Triton writes it."""
    return {
        "name": model.name,
        "platform": PLATFORM,
        "backend": "onnxruntime",
        "max_batch_size": MAX_INSTANCES,
        "input": [_configured(tensor) for tensor in _inputs(model)],
        "output": [
            _configured(_prediction_output(model, name)) for name in offered(model)
        ],
        "parameters": {"digest": {"string_value": model.digest}},
    }


def _inputs(model: Model) -> list[dict[str, Any]]:
    schema = model.manifest.input
    if model.manifest.input.has_categories:
        return [_feature(feature) for feature in schema.features]
    if model.manifest.family == "sequence":
        steps, lengths = _tensor(INPUT, "FP32", -1, schema.shape[1]), _tensor(LENGTHS)
        return [steps, lengths]
    return [_tensor(INPUT, "FP32", *schema.shape)]


def _feature(feature: InputFeature) -> dict[str, Any]:
    categorical = feature.kind == "categorical"
    return _tensor(feature.name, BYTES if categorical else "FP32")


def _prediction_output(model: Model, name: str) -> dict[str, Any]:
    output = PREDICTION_OUTPUTS[name]
    sizes = (len(model.classes),) if output.classes else ()
    return _tensor(name, output.datatype, *sizes)


def _explanations(model: Model) -> list[dict[str, Any]]:
    if model.manifest.expose == "prediction":
        return []
    shape = model.manifest.input.shape
    if model.manifest.family == "sequence":
        shape = (-1, *shape[1:])
    shapes = {"attributions": shape, "map": (-1, -1)}
    tensors = []
    for name, method in available(model).items():
        numbers = numbers_of(method)
        tensors.append(
            _tensor(name, "FP32", *shapes[numbers]) if numbers else _tensor(name, BYTES)
        )
    return tensors


def _tensor(name: str, datatype: str = "INT64", *sizes: int) -> dict[str, Any]:
    """Describe a tensor; -1 stands for the rows."""
    return {"name": name, "datatype": datatype, "shape": [-1, *sizes]}


def _configured(tensor: dict[str, Any]) -> dict[str, Any]:
    datatype = "STRING" if tensor["datatype"] == BYTES else tensor["datatype"]
    # A dimension is written without the rows, as a string as protobuf prints int64.
    dims = [str(size) for size in tensor["shape"][1:]]
    return {"name": tensor["name"], "data_type": f"TYPE_{datatype}", "dims": dims}
