"""New bundles, reloads, stops and killed workers while clients ask."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.api.asking import Asking
from tests.api.cpu_use import cpu_s
from tests.api.processes import Server, wait_until
from tests.api.test_server import answers_while_swapped, reload
from tests.chaos.figure import Figure, NoFire
from tests.chaos.site import EXPLAIN, PREDICT, Site

LOST = 0
BROKEN = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
"""What a client sees of a server that is gone: before an answer, or within it."""

CLIENTS = 4


def _status(server: Server, body: object, path: str = PREDICT) -> int:
    """The status of an answer; ``LOST`` when none came."""
    try:
        return server.post(path, json=body).status_code
    except BROKEN:
        return LOST


def deploy(site: Site, *, reloads: int, stops: int) -> list[Figure]:
    """HUP under load; then replicas that are taken out of turn before TERM."""
    server, body = site.start(), {"instances": site.instances[:1]}
    with Asking(lambda: _status(server, body), CLIENTS) as asking:
        for _ in range(reloads):
            reload(server)
    lost = sum(status != 200 for status in asking.answers)
    answered, failed = len(asking.answers), 0
    for _ in range(stops):
        statuses = _stop_while_it_answers(site)
        answered += len(statuses)
        failed += sum(status != 200 for status in statuses)
    return [
        Figure(
            f"requests lost by {reloads} HUP and {stops} TERM, of {answered}",
            lost + failed,
            0,
        )
    ]


def _stop_while_it_answers(site: Site) -> list[int]:
    """Two replicas take turns; one leaves, and is stopped before its last answer."""
    leaving, staying = site.start(), site.start()
    turn = [leaving, staying]
    quick = {"instances": site.instances[:1]}
    lime = {"method": "lime", "samples": 10_000, "discretize": True}
    long = {"instances": site.instances[:8], "explanations": [lime]}

    def ask() -> tuple[int, list[int]]:
        statuses = [_status(server, quick) for server in tuple(turn)]
        return threading.get_ident(), statuses

    def clients_of(replicas: int) -> int:
        answers = list(asking.answers)
        return len({client for client, said in answers if len(said) == replicas})

    with Asking(ask, CLIENTS) as asking, ThreadPoolExecutor(1) as pool:
        wait_until(lambda: clients_of(2) == CLIENTS, what="answers by both")
        turn.remove(leaving)
        wait_until(lambda: clients_of(1) == CLIENTS, what="answers by one")
        idle = cpu_s(leaving.workers())
        last = pool.submit(_status, leaving, long, EXPLAIN)
        wait_until(lambda: cpu_s(leaving.workers()) > idle + 0.05, what="its work")
        if last.done():
            raise NoFire("everything was answered before TERM")
        leaving.stop()
    staying.stop()
    return [*(s for _, said in asking.answers for s in said), last.result()]


def kill(site: Site, *, kills: int) -> list[Figure]:
    """Kill workers (SIGKILL) while clients ask; what comes back is still right."""
    server = site.start()
    # Quick work, which a worker that is alone for a while does not refuse.
    body = {"instances": site.instances[:1], "explanations": ["integrated_gradients"]}
    (expected,) = site.expected([(EXPLAIN, body)])

    def ask() -> tuple[int, bytes]:
        try:
            reply = server.post(EXPLAIN, json=body)
        except BROKEN:
            return LOST, b""
        return reply.status_code, reply.content

    seconds, silent, workers = [], 0, len(server.workers())
    with Asking(ask, CLIENTS) as asking:
        for number in range(kills):
            victim = server.workers()[number % workers]
            start = time.monotonic()
            os.kill(victim, signal.SIGKILL)
            asked = len(asking.answers)
            wait_until(
                lambda v=victim: (
                    len(set(server.workers()) - {v}) == workers
                    and server.all_workers_serve()
                ),
                what="another worker",
            )
            seconds.append(time.monotonic() - start)
            # More than those that were lost with the worker, or came before it died.
            silent += len(asking.answers) - asked <= 2 * CLIENTS
            asked = len(asking.answers)
            wait_until(lambda n=asked: len(asking.answers) > n + 20, what="answers")
    lost = asking.answers.count((LOST, b""))
    right = asking.answers.count((200, expected))
    return [
        Figure(
            f"wrong answers of {len(asking.answers)}",
            len(asking.answers) - right - lost,
            0,
        ),
        # Each client asks one thing at a time, and a kill can end no more than that.
        Figure(f"requests lost by {kills} kills", lost, CLIENTS * kills),
        Figure("kills after which nobody answered until another came", silent, 0),
        Figure("until the next worker serves", max(seconds), 5, "s", True),
    ]


def swap(site: Site, *, swaps: int) -> list[Figure]:
    """Two bundles that contradict each other take turns under load."""
    whole, answers = answers_while_swapped(
        site.start, site.start_redis(), site.folder / "swapped", site.instances, swaps
    )
    mixed = sum(status != 200 or content not in whole for status, content in answers)
    if not mixed and len({content for _, content in answers}) != 2:
        raise NoFire("the two models did not both answer")
    return [Figure(f"answers of {len(answers)} that are neither model's", mixed, 0)]
