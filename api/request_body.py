"""The body of a request: its bytes, then what they say."""

import json
from typing import Any, TypeVar

import msgspec
from flask import Request

from api.errors import Fault, RequestError
from api.pictures import read_any_instances
from api.problems import (
    BAD_REQUEST,
    INVALID_REQUEST,
    LENGTH_REQUIRED,
    MALFORMED_JSON,
    TOO_LARGE,
    UNSUPPORTED_MEDIA,
)
from api.protocols.content_coding import expand
from explainers.manifest import Manifest

T = TypeVar("T")

TENSOR_TYPES = ("", "application/json", "application/octet-stream")
"""tritonclient names no type at all."""


class _AnyInstances(msgspec.Struct):
    """The one field that instances need, whatever they hold."""

    instances: list[Any]


class _Parts(msgspec.Struct):
    """What may hold objects, each as its bytes."""

    instances: list[msgspec.Raw]
    explanations: list[msgspec.Raw] | None = None


NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are no JSON, or nested too deeply to read."""

_PARTS = msgspec.json.Decoder(_Parts)
_ANY_INSTANCES = msgspec.json.Decoder(_AnyInstances)


def read_body(request: Request, max_bytes: int) -> bytes:
    """Return the bytes of a JSON body, after its headers promised what we take.

    Raises
    ------
    RequestError
        Not JSON by its Content-Type, compressed, chunked, too long or cut short.
    """
    _check_media_type(request)
    return read_bytes(request, max_bytes)


def read_tensor_body(request: Request, max_bytes: int) -> bytes:
    """Return the bytes of a V2 body, which may hold raw tensors and be compressed.

    Raises
    ------
    RequestError
        Of another type, in an unknown coding, chunked, too long or cut short.
    """
    given = request.environ.get("CONTENT_TYPE", "")
    if given not in TENSOR_TYPES and request.mimetype not in TENSOR_TYPES:
        raise RequestError(
            UNSUPPORTED_MEDIA,
            f"the body is sent as {given!r}; send {' or '.join(TENSOR_TYPES[1:])}",
            headers={"Accept-Post": ", ".join(TENSOR_TYPES[1:])},
        )
    raw = read_bytes(request, max_bytes)
    coding = request.environ.get("HTTP_CONTENT_ENCODING")
    return raw if coding is None else expand(raw, coding, max_bytes)


def read_bytes(request: Request, max_bytes: int) -> bytes:
    """Return the bytes of a body of any type, once its length is known to be allowed.

    Raises
    ------
    RequestError
        Chunked, too long or cut short.
    """
    environ = request.environ
    given = environ.get("CONTENT_LENGTH") or "0"
    # gunicorn reads chunked bodies to any length: a limit would cut them silently.
    if "HTTP_TRANSFER_ENCODING" in environ:
        raise RequestError(LENGTH_REQUIRED, "send Content-Length, not chunks")
    if not (given.isascii() and given.isdigit() and len(given) < 16):
        raise RequestError(BAD_REQUEST, "Content-Length is not a number")
    length = int(given)
    if length > max_bytes:
        raise RequestError(
            TOO_LARGE, f"the body has {length} bytes; at most {max_bytes} are read"
        )
    raw: bytes = environ["wsgi.input"].read(length)
    if len(raw) != length:
        raise RequestError(
            MALFORMED_JSON, f"the body ended after {len(raw)} of {length} bytes"
        )
    return raw


def _check_media_type(request: Request) -> None:
    environ = request.environ
    if environ.get("CONTENT_TYPE", "") not in ("", "application/json"):
        charset = request.mimetype_params.get("charset", "utf-8").lower()
        if request.mimetype != "application/json" or charset not in ("utf-8", "utf8"):
            raise RequestError(
                UNSUPPORTED_MEDIA,
                f"the body is sent as {request.content_type!r}; send JSON in UTF-8 as "
                "'Content-Type: application/json'",
                headers={"Accept-Post": "application/json"},
            )
    check_not_coded(request)


def check_not_coded(request: Request) -> None:
    """Refuse a compressed body; raises RequestError."""
    coding = request.environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    if coding != "identity":
        raise RequestError(
            UNSUPPORTED_MEDIA,
            f"bodies in the content coding {coding!r} are not read; send it plain",
            headers={"Accept-Encoding": "identity"},
        )


def decode_body(
    decoder: "msgspec.json.Decoder[T]", raw: bytes, manifest: Manifest
) -> T:
    """Return what a body says.

    Raises
    ------
    RequestError
        Not JSON, or not of the shape that the decoder expects.
    InstanceError
        The shape fits but for an instance; names the feature.
    """
    try:
        body = decoder.decode(raw)
        _refuse_duplicates(raw)
    except msgspec.ValidationError as error:
        _check_instances(raw, manifest)
        raise misshapen(error) from error
    except NOT_JSON as error:
        raise _malformed(error) from error
    return body


def _refuse_duplicates(raw: bytes) -> None:
    """Refuse an object that names something twice: only the last value would count."""
    if raw.count(b'"instances"') > 1:
        refuse_duplicates("$", raw)
    elif raw.count(b"{") > 1:
        parts = _PARTS.decode(raw)
        for field in _Parts.__struct_fields__:
            for i, part in enumerate(getattr(parts, field) or ()):
                refuse_duplicates(f"$.{field}[{i}]", bytes(part))


def refuse_duplicates(path: str, raw: bytes) -> None:
    """Refuse JSON with an object that names something twice; raises RequestError."""

    def distinct(pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            problem = f"names {twice!r} twice"
            raise RequestError(
                INVALID_REQUEST,
                f"{path} {problem}",
                [Fault(path, problem, "each name once")],
            )

    if b"{" in raw:  # numbers of any length and size are another check's business
        json.loads(raw, object_pairs_hook=distinct, parse_int=str, parse_float=str)


def _check_instances(raw: bytes, manifest: Manifest) -> None:
    """Say what is wrong with an instance in the words of the model's features."""
    try:
        instances = _ANY_INSTANCES.decode(raw).instances
    except msgspec.ValidationError:
        return  # the fault lies elsewhere; the first message says where
    except NOT_JSON as error:  # found only now: the first decoder had stopped before
        raise _malformed(error) from error
    if instances:
        read_any_instances(manifest, instances)


def _malformed(error: Exception) -> RequestError:
    return RequestError(MALFORMED_JSON, f"the body is not JSON: {error}")


def misshapen(error: msgspec.ValidationError) -> RequestError:
    """Return the problem of a body that is not of the documented shape."""
    problem, _, at = str(error).partition(" - at `")
    path = at.removesuffix("`") or "$"
    return RequestError(INVALID_REQUEST, f"{path}: {problem}", [Fault(path, problem)])
