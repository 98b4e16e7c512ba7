"""The dearest work that a request may ask for, beside quick work and in a hurry."""

import statistics
import time

import orjson

from benchmarks.service.load import Request, run_load
from tests.api.small_bundles import write_slow
from tests.api.test_admission import lime_without_a_pause
from tests.api.test_deadlines import hurry, hurry_behind_others
from tests.chaos.figure import Figure, NoFire, percentile
from tests.chaos.site import PREDICT, Site

CONNECTIONS = 4


def predict_beside_lime(site: Site, *, rounds: int, requests: int) -> list[Figure]:
    """Load predictions alone, and beside more of the dearest LIME than is let in."""
    server = site.start()
    body = orjson.dumps({"instances": site.instances[:1]})
    ratios, replies, unbounded = [], [], 0

    def p99_s() -> float:
        run = run_load(server.port, Request(PREDICT, [body]), CONNECTIONS, requests)
        return percentile(run.latencies_s, 0.99)

    p99_s()
    for _ in range(rounds):
        alone = p99_s()
        with lime_without_a_pause(server, site.instances) as asking:
            time.sleep(0.5)
            ratios.append(p99_s() / alone)
        replies += asking.answers
        unbounded += all(reply.status_code != 503 for reply in asking.answers)
    refused = [reply for reply in replies if reply.status_code == 503]
    if len(refused) == len(replies):
        raise NoFire(f"all {len(replies)} costly requests were refused")
    silent = sum("Retry-After" not in reply.headers for reply in refused)
    others = sum(reply.status_code not in (200, 503) for reply in replies)
    return [
        Figure("p99 of predict, of alone", statistics.median(ratios), 3, "x", True),
        Figure(f"rounds of {rounds} that let all costly requests in", unbounded, 0),
        Figure(f"503 of {len(refused)} without Retry-After", silent, 0),
        Figure("costly answers that are neither 200 nor 503", others, 0),
    ]


def keep_deadlines(site: Site, *, requests: int) -> list[Figure]:
    """Ask a slow network for what takes seconds, with a fifth of a second for it; and
    once more while it is busy with what others ask.
    """
    write_slow(site.bundles / "slow")
    server = site.start(workers=1)
    overruns, burnt = hurry(server, site.instances, requests)
    behind = hurry_behind_others(server, site.instances, requests)
    return [
        Figure(
            "p99 of the answer after its deadline",
            1000 * percentile(overruns, 0.99),
            100,
            "ms",
            True,
        ),
        Figure(
            "the same behind those who have time",
            1000 * percentile(behind, 0.99),
            100,
            "ms",
            True,
        ),
        Figure(
            "processor time in the 100 ms after, p90",
            1000 * percentile(burnt, 0.9),
            30,
            "ms",
            True,
        ),
    ]
