"""Pictures sent as files of a form (multipart/form-data, RFC 7578)."""

import io
from typing import Any, TypeVar

import msgspec
from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from api.errors import Fault, RequestError
from api.limits import MAX_INSTANCES
from api.problems import INVALID_REQUEST, UNSUPPORTED_MEDIA
from api.request_body import NOT_JSON, check_not_coded, misshapen, read_bytes
from explainers.manifest import Manifest

T = TypeVar("T")

FORM = "multipart/form-data"
FILES = "instances"
"""Name of every part that holds a picture; other parts hold a field's JSON."""
_MOST_PARTS = MAX_INSTANCES + 2


def read_upload(
    request: Request, kind: type[T], manifest: Manifest, max_bytes: int
) -> T:
    """Return a form as the request that the same JSON would be; instances are bytes.

    Parameters
    ----------
    kind : the request's Struct, with ``Any`` for its instances.

    Raises
    ------
    RequestError
        The model takes no pictures, or the form is too long, broken, or holds other
        parts than ``instances`` (files) and the request's other fields (JSON).
    """
    if manifest.family != "image":
        raise RequestError(
            UNSUPPORTED_MEDIA,
            f"model {manifest.name!r} takes no pictures; send JSON",
            headers={"Accept-Post": "application/json"},
        )
    check_not_coded(request)
    fields = _read_form(request, read_bytes(request, max_bytes))
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise misshapen(error) from error


def _read_form(request: Request, raw: bytes) -> dict[str, Any]:
    parser = FormDataParser(
        lambda *sizes, **names: io.BytesIO(),  # never a temporary file
        max_form_parts=_MOST_PARTS,
        silent=False,
    )
    try:
        _, texts, files = parser.parse(
            io.BytesIO(raw), FORM, len(raw), request.mimetype_params
        )
    except RequestEntityTooLarge as error:
        raise _broken(f"it has more than {_MOST_PARTS} parts") from error
    except ValueError as error:
        raise _broken(str(error)) from error
    if FILES in texts or set(files) - {FILES}:
        raise _broken(f"pictures are files (with a filename) named {FILES!r}")
    fields = {name: _json(name, text) for name, text in texts.items()}
    return {FILES: [file.read() for file in files.getlist(FILES)]} | fields


def _json(name: str, text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except NOT_JSON as error:
        path, problem = f"$.{name}", "is not JSON"
        raise RequestError(
            INVALID_REQUEST, f"{path}: {problem}", [Fault(path, problem)]
        ) from error


def _broken(problem: str) -> RequestError:
    return RequestError(INVALID_REQUEST, f"the form cannot be read: {problem}")
