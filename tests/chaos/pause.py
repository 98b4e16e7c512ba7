"""Redis stands still under load: one request in a while pays for it, and no other."""

import statistics
import time

import orjson

from benchmarks.service.load import Request, run_load
from tests.api.processes import wait_until
from tests.chaos.figure import Figure, NoFire, percentile
from tests.chaos.site import EXPLAIN, Site, counted

CONNECTIONS = 2


def burn(site: Site, *, rounds: int, requests: int) -> list[Figure]:
    """Load in turn a Redis that answers and one that is stopped (SIGSTOP).

    The same question each time: a hit before, computed anew in the pause.
    """
    store = site.start_redis()
    server = site.start(cache_url=store.url, cache_bytes=0)
    body = {"instances": site.instances[:1], "explanations": ["integrated_gradients"]}
    request = Request(EXPLAIN, [orjson.dumps(body)])

    def hits() -> bool:
        asked = [server.post(EXPLAIN, json=body) for _ in range(8)]
        return all(reply.headers["X-Cache"] == "hit" for reply in asked)

    ratios, firsts = [], []
    for _ in range(rounds):
        wait_until(hits, what="hits from Redis")
        usual = run_load(server.port, request, CONNECTIONS, requests).latencies_s
        errors = counted(server, "error")
        store.pause()
        try:
            start = time.perf_counter()
            server.post(EXPLAIN, json=body)
            firsts.append(time.perf_counter() - start - statistics.median(usual))
            run_load(server.port, request, CONNECTIONS, 50)  # opens the others' breaker
            paused = run_load(server.port, request, CONNECTIONS, requests).latencies_s
        finally:
            store.resume()
        if counted(server, "error") == errors:
            raise NoFire("no worker noticed the pause")
        ratios.append(percentile(paused, 0.99) / percentile(usual, 0.99))
    return [
        Figure("first request later than usual", 1000 * max(firsts), 150, "ms", True),
        Figure("p99 in the pause, of before", statistics.median(ratios), 2, "x", True),
    ]
