"""Every operation of the document, asked with credentials that open nothing."""

import re

import requests

from tests.api.processes import Server
from tests.api.test_access import BAD_CREDENTIALS, bearer, line
from tests.chaos.figure import Figure, NoFire
from tests.chaos.site import Site

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
TEMPLATES = {"model": "breast-cancer", "node": "0", "row": "0", "version": "1"}


def burn(site: Site) -> list[Figure]:
    """Walk operations x methods x credentials, a key of another model among them."""
    keys = site.folder / "keys"
    keys.write_text(line("admin", "open-all", "*") + line("lab", "few", "mixed"))
    server = site.start(api_keys_file=keys)
    paths = server.get("/openapi.json", headers=bearer("open-all")).json()["paths"]
    guarded = {p: set(item) for p, item in paths.items() if not _is_public(p)}
    if len(guarded) < len(paths) / 2:
        raise NoFire("most of the document is public")
    open_, asked = 0, 0
    for path, documented in guarded.items():
        for method in METHODS:
            for credentials in BAD_CREDENTIALS:
                status = _ask(server, method, _filled(path), credentials)
                asked += 1
                # What is not documented may also be refused as such.
                refusals = {401} if method.lower() in documented else {401, 405}
                open_ += status not in refusals
    foreign = [p for p in guarded if "{model}" in p]
    others = sum(
        _ask(server, method.upper(), _filled(path), bearer("few")) != 403
        for path in foreign
        for method in guarded[path]
    )
    return [
        Figure(f"open of {asked} without a key", open_, 0),
        Figure("operations open to the key of another model", others, 0),
    ]


def _is_public(path: str) -> bool:
    """Probes, and the inspector's page and files, which know nothing of models."""
    return path == "/" or path.startswith(("/v2/health/", "/inspector/"))


def _filled(path: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: TEMPLATES.get(found[1], "x"), path)


def _ask(server: Server, method: str, path: str, credentials: dict[str, str]) -> int:
    headers = {k: v.encode("latin-1") for k, v in credentials.items()}
    return requests.request(
        method, server.url + path, headers=headers, timeout=30, allow_redirects=False
    ).status_code
