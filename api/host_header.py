"""HTTP/1.1 requests name their host (RFC 9112, 3.2); gunicorn does not insist."""

from functools import lru_cache, partial
from urllib.parse import urlsplit

from flask import Flask, request

from api.errors import RequestError
from api.problems import BAD_REQUEST, MISDIRECTED
from api.settings import Settings, is_loopback


def register(app: Flask, settings: Settings) -> None:
    """Refuse requests without a Host header, which confuse proxies and logs, and those
    for another host where nobody but this machine is served.

    A page on the web can make its own name mean 127.0.0.1 (DNS rebinding); the browser
    of whoever reads it then takes a server without keys for a part of that page.
    """
    app.before_request(partial(_check, settings.is_private()))


def _check(is_private: bool) -> None:
    host = request.environ.get("HTTP_HOST")
    if host is None:
        if request.environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
            return
        raise RequestError(BAD_REQUEST, "the Host header is missing")
    if is_private and not _names_this_machine(host):
        raise RequestError(
            MISDIRECTED,
            f"this server answers programs of its own machine, not requests for "
            f"{host!r}; set LEAFPATH_API_KEYS_FILE, or LEAFPATH_ALLOW_ANONYMOUS=1 to "
            "serve everyone (behind a proxy, say)",
        )


@lru_cache(maxsize=64)
def _names_this_machine(host: str) -> bool:
    try:
        return is_loopback(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False
