"""Compressed bodies: gzip and deflate, expanded no further than the limit."""

import zlib

from api.errors import RequestError
from api.problems import BAD_REQUEST, TOO_LARGE, UNSUPPORTED_MEDIA

_WINDOW = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
"""zlib's names for the wrappers of RFC 1952 and RFC 1950, which HTTP calls deflate."""

CODINGS = (*_WINDOW, "identity")


def expand(raw: bytes, coding: str, max_bytes: int) -> bytes:
    """Return a body as it was before its content coding.

    Never holds more than ``max_bytes`` and one byte, however much was packed.

    Raises
    ------
    RequestError
        An unknown coding, a body that expands too far, or one that does not fit it.
    """
    coding = coding.strip().lower()
    if coding in ("identity", ""):
        return raw
    if coding not in _WINDOW:
        raise RequestError(
            UNSUPPORTED_MEDIA,
            f"bodies in the content coding {coding!r} are not read; send one of "
            f"{', '.join(CODINGS)}",
            headers={"Accept-Encoding": ", ".join(CODINGS)},
        )
    expander = zlib.decompressobj(_WINDOW[coding])
    try:
        body = expander.decompress(raw, max_bytes + 1)
    except zlib.error as error:
        raise RequestError(BAD_REQUEST, f"the body is no {coding}: {error}") from error
    if len(body) > max_bytes:
        raise RequestError(
            TOO_LARGE, f"the body expands to more than {max_bytes} bytes"
        )
    if not expander.eof or expander.unused_data:
        problem = "ends too soon" if not expander.eof else "goes on after its end"
        raise RequestError(BAD_REQUEST, f"the {coding} body {problem}")
    return body
