"""Thousands of mixed requests, good and bad: the workers stay as large as they are."""

import contextlib
import http.client
import json
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.api.processes import Server
from tests.chaos.figure import Figure, NoFire
from tests.chaos.inputs import INFER
from tests.chaos.site import EXPLAIN, PREDICT, Site

CLIENTS = 4
CACHE_BYTES = 500_000
"""So small that it is full long before the half."""

JSON = {"Content-Type": "application/json"}
SAMPLES = 40
"""How often the memory is read; the second half of them makes the slope."""


@dataclass(frozen=True)
class Asked:
    """One request, and the status that is meant."""

    method: str
    path: str
    body: object = None
    status: int = 200


def burn(site: Site, *, requests: int, most_kb: int) -> list[Figure]:
    """Send requests of ten kinds in turn, each with inputs of its own."""
    server = site.start(cache_bytes=CACHE_BYTES)
    kinds, each = _kinds(site), requests // SAMPLES
    sizes, unexpected = [], 0
    with (
        contextlib.ExitStack() as stack,
        ThreadPoolExecutor(CLIENTS) as clients,
    ):
        ask = _asker(server, stack)
        for at in range(0, each * SAMPLES, each):
            asked = [kinds[n % len(kinds)](n) for n in range(at, at + each)]
            unexpected += list(clients.map(ask, asked)).count(False)
            sizes.append(_kilobytes(server))
    if unexpected:
        raise NoFire(f"{unexpected} answers had another status than meant")
    half = sizes[SAMPLES // 2 :]
    slope = np.polyfit(np.arange(len(half)) * each / 1000, half, 1)[0]
    what = f"slope over the last half of {each * SAMPLES} requests, two workers"
    return [Figure(what, float(slope), most_kb, "KB per 1k")]


def _asker(server: Server, stack: contextlib.ExitStack) -> Callable[[Asked], bool]:
    """Ask on a connection for each thread, closed with the stack; as meant, or not."""
    local = threading.local()

    def ask(asked: Asked) -> bool:
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPConnection("127.0.0.1", server.port)
            stack.callback(local.connection.close)
        headers = {"X-Request-Id": secrets.token_hex(8), **JSON}
        content = None if asked.body is None else json.dumps(asked.body)
        local.connection.request(asked.method, asked.path, content, headers)
        reply = local.connection.getresponse()
        reply.read()
        return bool(reply.status == asked.status)

    return ask


def _kilobytes(server: Server) -> int:
    """What the workers hold for themselves: pages of no file and no other process."""
    total = 0
    for pid in server.workers():
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Private_Dirty:"):
                total += int(line.split()[1])
    return total


def _kinds(site: Site) -> list[Callable[[int], Asked]]:
    """What is asked, by number; one thread makes them up."""
    random, rows = np.random.default_rng(0), np.float32(site.instances)

    def instances() -> list[list[float]]:
        drawn = rows[random.integers(len(rows))] * random.uniform(0.99, 1.01, 30)
        return [[float(value) for value in drawn]]

    def explain(*asked: object) -> Callable[[int], Asked]:
        return lambda n: Asked(
            "POST", EXPLAIN, {"instances": instances(), "explanations": asked}
        )

    again = {"instances": site.instances[:4], "explanations": ["integrated_gradients"]}
    tensor = {"name": "input", "datatype": "FP32", "shape": [1, 30]}
    return [
        lambda n: Asked("POST", PREDICT, {"instances": instances()}),
        explain("tree_path", "gradient", "counterfactual"),
        explain("integrated_gradients"),
        lambda n: Asked("POST", EXPLAIN, again),
        explain({"method": "lime", "samples": 200}, "tree_shap"),
        lambda n: Asked(
            "POST", INFER, {"inputs": [{**tensor, "data": instances()[0]}]}
        ),
        lambda n: Asked("GET", "/v1/models/breast-cancer/tree"),
        lambda n: Asked("GET", f"/v1/models/model-{n}", status=404),
        lambda n: Asked("POST", PREDICT, {"instances": [[n]]}, status=422),
        lambda n: Asked("GET", f"/nothing/{n}", status=404),
    ]
