"""The Open Inference Protocol and SageMaker in the document: operations and schemas."""

from typing import Any

from api import problems
from api.openapi.operations import BODY, EXPLAIN, JSON, MODEL, Operation
from api.protocols.datatypes import BYTES, NUMPY

_V2 = "open inference protocol"
_SAGEMAKER = "sagemaker"
TAGS = {
    _V2: "The protocol of KServe, Triton and MLServer, with explanations as outputs.",
    _SAGEMAKER: "The container contract of Amazon SageMaker.",
}


def _about(schema: str) -> Operation:
    return Operation(_V2, {JSON: schema}, problems=MODEL)


_INFER = Operation(
    _V2,
    {JSON: "InferReply", "application/octet-stream": None},
    "InferRequest",
    (*MODEL, *BODY, *EXPLAIN),
    parameters=("CacheControl", "JsonLength", "RequestTimeout"),
    headers=("JsonLength", "XCache", "Age"),
)
_INVOKE = Operation(
    _SAGEMAKER,
    {JSON: "PredictOrExplainReply"},
    "ExplainRequest",
    (*MODEL, *BODY, *EXPLAIN),
    parameters=("CacheControl", "RequestTimeout"),
    headers=("XCache", "Age"),
)

OPERATIONS: dict[str, Operation] = {
    "inference_v2.show_server": Operation(_V2, {JSON: "ServerMetadata"}),
    "inference_v2.list_models": Operation(_V2, {JSON: "ModelNames"}),
    "inference_v2.show_model": _about("ModelMetadata"),
    "inference_v2.show_readiness": _about("ModelReadiness"),
    "inference_v2.show_configuration": _about("Anything"),
    "inference_v2.show_statistics": _about("ModelStatistics"),
    "inference_v2.list_repository": Operation(_V2, {JSON: "RepositoryIndex"}),
    "inference_v2.refuse_management": Operation(
        _V2, {}, problems=(problems.MANAGED_BY_FILES,), status=403
    ),
    "inference_v2.infer": _INFER,
    "inference_v2.explain": _INFER,
    "sagemaker.ping": Operation(
        _SAGEMAKER, {JSON: "Anything"}, problems=(problems.NOT_READY,)
    ),
    "sagemaker.invoke_only_model": _INVOKE,
    "sagemaker.invoke": _INVOKE,
}


def build_schemas() -> dict[str, Any]:
    """Return the protocol's named schemas. Unknown members are allowed everywhere."""
    return {
        "Error": _object({"error": _TEXT}, ["error"]),
        "Tensor": _object(
            {"name": _TEXT, "datatype": _DATATYPE, "shape": _sizes(-1)},
            ["name", "datatype", "shape"],
        ),
        "ServerMetadata": _object(
            {"name": _TEXT, "version": _TEXT, "extensions": _list(_TEXT)},
            ["name", "version", "extensions"],
        ),
        "ModelNames": _object({"models": _list(_TEXT)}, ["models"]),
        "ModelMetadata": _model_metadata(),
        "ModelReadiness": _object(
            {"name": _TEXT, "ready": {"type": "boolean"}}, ["name", "ready"]
        ),
        "RepositoryIndex": _list(_object(dict.fromkeys(_INDEX, _TEXT), list(_INDEX))),
        **_statistics(),
        **_inference(),
        "PredictOrExplainReply": {
            "anyOf": [_reference("PredictReply"), _reference("ExplainReply")]
        },
    }


_TEXT = {"type": "string"}
_DATATYPE = {"enum": [*NUMPY, BYTES]}
_INDEX = ("name", "version", "state", "reason")
_PARAMETERS = {"type": ["object", "null"], "description": "Parameters by name."}


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _sizes(least: int) -> dict[str, Any]:
    return _list({"type": "integer", "minimum": least}) | {"minItems": 1, "maxItems": 8}


def _model_metadata() -> dict[str, Any]:
    tensors = _list(_reference("Tensor"))
    properties = {
        "name": _TEXT,
        "versions": _list(_TEXT),
        "platform": _TEXT,
        "inputs": tensors,
        "outputs": tensors,
        "explanations": tensors | {"description": "Outputs that are sent on demand."},
    }
    return _object(properties, list(properties))


def _statistics() -> dict[str, Any]:
    count = {"type": "integer", "minimum": 0}
    names = ("success", "fail", "queue")
    steps = ("compute_input", "compute_infer", "compute_output")
    times = {name: _reference("Duration") for name in (*names, *steps)}
    properties = {
        "name": _TEXT,
        "version": _TEXT,
        "last_inference": count | {"description": "Milliseconds since 1970."},
        "inference_count": count,
        "execution_count": count,
        "inference_stats": _object(times, list(times)),
        "batch_stats": _list({}),
    }
    stats = _list(_object(properties, list(properties)))
    return {
        "Duration": _object({"count": count, "ns": count}, ["count", "ns"]),
        "ModelStatistics": _object({"model_stats": stats}, ["model_stats"]),
    }


def _inference() -> dict[str, Any]:
    output = {"name": _TEXT, "parameters": _PARAMETERS}
    elements = {"type": "array", "items": {}}
    tensor = {"name": _TEXT, "datatype": _DATATYPE, "shape": _sizes(0)}
    tensor |= {"parameters": _PARAMETERS, "data": elements}
    request = {
        "id": {"type": ["string", "null"]},
        "parameters": _PARAMETERS,
        "inputs": _list(_reference("InputTensor")) | {"minItems": 1},
        "outputs": {"type": ["array", "null"], "items": _reference("RequestedOutput")},
    }
    reply = {
        "model_name": _TEXT,
        "model_version": _TEXT,
        "id": _TEXT,
        "parameters": {"type": "object"},
        "outputs": _list(_reference("OutputTensor")),
    }
    return {
        "RequestedOutput": _object(output, ["name"]),
        "InputTensor": _object(tensor, ["name", "datatype", "shape"]),
        "OutputTensor": _object(
            tensor | {"parameters": {"type": "object"}}, ["name", "datatype", "shape"]
        ),
        "InferRequest": _object(request, ["inputs"]),
        "InferReply": _object(reply, ["model_name", "outputs"]),
    }
