"""Thousands of mixed requests, good and bad: the workers stay as large as they are."""

import http.client
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tests.api.processes import Server
from tests.chaos.figure import Figure, NoFire
from tests.chaos.site import EXPLAIN, PREDICT, Site

CLIENTS = 4
CACHE_BYTES = 500_000
"""So small that it is full long before the half."""

SAMPLES = 40
"""How often the memory is read; the second half of them makes the slope."""


def burn(site: Site, *, requests: int, most_kb: int) -> list[Figure]:
    """Send requests of ten kinds in turn, each with inputs of its own."""
    server = site.start(cache_bytes=CACHE_BYTES)
    kinds = _kinds(site)
    local = threading.local()

    def ask(number: int) -> bool:
        method, path, body, status = kinds[number % len(kinds)](number)
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPConnection(
                "127.0.0.1", server.port, timeout=60
            )
        content = None if body is None else json.dumps(body)
        headers = {"X-Request-Id": f"n-{number}", "Content-Type": "application/json"}
        local.connection.request(method, path, content, headers)
        reply = local.connection.getresponse()
        reply.read()
        return reply.status == status

    each, sizes, unexpected = requests // SAMPLES, [], 0
    with ThreadPoolExecutor(CLIENTS) as clients:
        for at in range(0, each * SAMPLES, each):
            unexpected += list(clients.map(ask, range(at, at + each))).count(False)
            sizes.append(_kilobytes(server))
    if unexpected:
        raise NoFire(f"{unexpected} answers had another status than meant")
    half = sizes[SAMPLES // 2 :]
    slope = np.polyfit(np.arange(len(half)) * each / 1000, half, 1)[0]
    return [
        Figure(
            f"slope over the last half of {each * SAMPLES} requests, two workers",
            float(slope),
            most_kb,
            "KB per 1k",
        )
    ]


def _kilobytes(server: Server) -> int:
    """What the workers hold for themselves: pages of no file and no other process."""
    total = 0
    for pid in server.workers():
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Private_Dirty:"):
                total += int(line.split()[1])
    return total


Kind = Callable[[int], tuple[str, str, object, int]]


def _kinds(site: Site) -> list[Kind]:
    """By number: method, path, body, and the status that is meant."""
    random = np.random.default_rng(0)
    rows = np.float32(site.instances)

    def row() -> list[float]:
        drawn = rows[random.integers(len(rows))] * random.uniform(0.99, 1.01, 30)
        return [float(value) for value in drawn]

    lock = threading.Lock()

    def instances() -> list[list[float]]:
        with lock:
            return [row()]

    def explain(*asked: object) -> Kind:
        return lambda n: (
            "POST", EXPLAIN, {"instances": instances(), "explanations": asked}, 200
        )  # fmt: skip

    again = {"instances": site.instances[:4], "explanations": ["integrated_gradients"]}
    tensor = {"name": "input", "datatype": "FP32", "shape": [1, 30]}
    return [
        lambda n: ("POST", PREDICT, {"instances": instances()}, 200),
        explain("tree_path", "gradient", "counterfactual"),
        explain("integrated_gradients"),
        lambda n: ("POST", EXPLAIN, again, 200),
        explain({"method": "lime", "samples": 200}, "tree_shap"),
        lambda n: ("POST", "/v2/models/breast-cancer/infer",
                   {"inputs": [{**tensor, "data": instances()[0]}]}, 200),
        lambda n: ("GET", "/v1/models/breast-cancer/tree", None, 200),
        lambda n: ("GET", f"/v1/models/model-{n}", None, 404),
        lambda n: ("POST", PREDICT, {"instances": [[n]]}, 422),
        lambda n: ("GET", f"/nothing/{n}", None, 404),
    ]  # fmt: skip
