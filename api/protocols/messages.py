"""A V2 request as it is sent: the JSON, and the raw tensors that may follow it."""

from typing import Any, TypeVar

import msgspec

from api.errors import RequestError
from api.problems import INVALID_REQUEST, MALFORMED_JSON
from api.request_body import NOT_JSON, refuse_duplicates

T = TypeVar("T")


class RequestedOutput(msgspec.Struct, frozen=True):
    """One output that the client asks for."""

    name: str
    parameters: dict[str, Any] | None = None


class InputTensor(msgspec.Struct, frozen=True):
    """One input; ``data`` is unread JSON, absent when the tensor comes as bytes."""

    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw = msgspec.Raw(b"")
    parameters: dict[str, Any] | None = None


class InferRequest(msgspec.Struct, frozen=True):
    """The JSON of an inference request. Members that we do not know are ignored, as
    the protocol's extensions need.
    """

    inputs: list[InputTensor]
    id: str | None = None
    outputs: list[RequestedOutput] | None = None
    parameters: dict[str, Any] | None = None


class IndexRequest(msgspec.Struct, frozen=True):
    """What a request for the index of the repository may say."""

    ready: bool = False


LONG_BYTES = 64
"""Data so long are passed over where names are compared: they are most of a body."""

_DECODER = msgspec.json.Decoder(InferRequest)
_INDEX_DECODER = msgspec.json.Decoder(IndexRequest)


def decode_message(raw: bytes, json_bytes: int | None) -> tuple[InferRequest, bytes]:
    """Return the request and the bytes of its binary tensors.

    Parameters
    ----------
    json_bytes : length of the JSON (``Inference-Header-Content-Length``); None when
        the whole body is JSON.

    Raises
    ------
    RequestError
        Not JSON, or not an inference request.
    """
    text, tensors = raw, b""
    if json_bytes is not None:
        if json_bytes > len(raw):
            raise RequestError(
                INVALID_REQUEST,
                f"Inference-Header-Content-Length is {json_bytes}, but the body has "
                f"{len(raw)} bytes",
            )
        text, tensors = raw[:json_bytes], raw[json_bytes:]
    hint = "" if json_bytes is not None else (
        " (raw tensors need the header Inference-Header-Content-Length)"
    )  # fmt: skip
    request = _decode(_DECODER, text, hint)
    _refuse_duplicates(text, request)
    return request, tensors


def _refuse_duplicates(text: bytes, request: InferRequest) -> None:
    """Refuse an object that names something twice: only the last value would count."""
    if text.count(b":") == _names_read(request):
        return  # every colon follows a name, so that none was passed over
    for tensor in request.inputs:
        if len(tensor.data) > LONG_BYTES:  # numbers, and no object among them
            text = text.replace(bytes(tensor.data), b"0", 1)
    try:
        refuse_duplicates("the request", text)
    except RecursionError as error:
        detail = "the request is nested too deeply"
        raise RequestError(MALFORMED_JSON, detail) from error


def _names_read(request: InferRequest) -> int:
    """Count the names in the request that were read, but for those in objects within
    parameters.
    """
    tensors, outputs = request.inputs, request.outputs or []
    described: list[InferRequest | InputTensor | RequestedOutput]
    described = [request, *tensors, *outputs]
    parameters = [one.parameters for one in described if one.parameters is not None]
    count = 1 + (request.id is not None) + (request.outputs is not None)
    count += 3 * len(tensors) + sum(len(tensor.data) > 0 for tensor in tensors)
    return count + len(outputs) + len(parameters) + sum(map(len, parameters))


def decode_index(raw: bytes) -> IndexRequest:
    """Return what is asked of the index; most clients send nothing at all.

    Raises
    ------
    RequestError
        Not JSON, or not such a request.
    """
    return _decode(_INDEX_DECODER, raw or b"{}")


def _decode(decoder: "msgspec.json.Decoder[T]", text: bytes, hint: str = "") -> T:
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        raise RequestError(INVALID_REQUEST, str(error)) from error
    except NOT_JSON as error:
        raise RequestError(
            MALFORMED_JSON, f"the request is not JSON: {error}{hint}"
        ) from error


def json_length(header: str | None) -> int | None:
    """Read ``Inference-Header-Content-Length``.

    Raises
    ------
    RequestError
        It is no number.
    """
    if header is None:
        return None
    if not header.isascii() or not header.isdigit() or len(header) > 12:
        raise RequestError(
            INVALID_REQUEST,
            f"Inference-Header-Content-Length is {header!r}; it must be the number of "
            "bytes of the JSON",
        )
    return int(header)
