"""The whole site as compose.yaml starts it, but for the containers: parts of it die.

nginx, two replicas, the Redis of the cache, that of jobs, and a process that computes
jobs answer real traffic meanwhile. Whatever dies is started again, as compose does.
"""

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from tests.api.processes import (
    METRICS,
    ROOT,
    Redis,
    Server,
    free_port,
    start_redis,
    wait_until,
)
from tests.api.small_bundles import write_cancer
from tests.deploy.deployed import DEPLOY, SERVICES, environment_of
from tests.deploy.programs import make_secrets, start_nginx

PREDICT = "/v1/models/breast-cancer:predict"
EXPLAIN = "/v1/models/breast-cancer:explain"
LATER = {"Prefer": "respond-async"}
ASKERS = 2
"""A replica with one worker left refuses more than 3 costly requests at a time."""

RESTART_S = 60
JOBS_END_S = 180
"""A job whose worker died is begun anew after 10 s; then it has to be computed."""

LONG = {
    "instances": [[1.0 + row / 1e4] * 30 for row in range(200)],
    "explanations": [{"method": "lime", "samples": 10_000, "discretize": True}],
}
"""A job of several seconds."""


def start_leafpath(directory, secrets, service, port) -> Server:
    """Start what the container of a service runs, with its environment."""
    metrics = directory / f"{METRICS}{port}"
    metrics.mkdir(exist_ok=True)
    tools = Path(sys.executable).parent
    environment = environment_of(service, secrets) | {
        "CREDENTIALS_DIRECTORY": str(secrets),
        "LEAFPATH_BUNDLES": str(directory / "bundles"),
        "LEAFPATH_BIND": f"127.0.0.1:{port}",
        "PATH": f"{tools}:{os.environ['PATH']}",
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(directory),
    }
    log = directory / f"{service}.log"
    command = SERVICES[service].get("command", ["serve"])
    with log.open("ab") as stream:
        process = subprocess.Popen(
            ["sh", DEPLOY / "entrypoint.sh", *command],
            env=environment,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=stream,
            start_new_session=True,
        )
    return Server(process, port, log)


def start_redis_of(directory, secrets, service, port) -> Redis:
    """Start redis-server as compose says, with the rights of its users."""
    own = directory / service
    own.mkdir(exist_ok=True)
    places = {"/run/redis/users.acl": secrets / "users.acl", "/data": own, "/tmp": own}
    command = SERVICES[service]["command"][1:]
    options = [str(places.get(word, word)) for word in command]
    return start_redis(own, *options, port=port)


@dataclass
class Site:
    """Everything that compose.yaml starts, and how to start it again."""

    directory: Path
    secrets: Path
    ports: dict[str, int]
    running: dict[str, Server | Redis] = field(default_factory=dict)

    def start(self, service) -> None:
        start = start_redis_of if "redis" in service else start_leafpath
        self.running[service] = start(
            self.directory, self.secrets, service, self.ports[service]
        )

    def wait_for(self, replica) -> None:
        server = self.running[replica]
        wait_until(server.is_ready, RESTART_S, f"{replica} ready")
        wait_until(server.all_workers_serve, RESTART_S, f"{replica}'s workers")

    def kill(self, service) -> None:
        """Kill a process at once, and what it has forked."""
        process = self.running[service].process
        if process.poll() is None and "redis" in service:
            process.kill()
        elif process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def key(self) -> dict[str, str]:
        text = (self.secrets / "client_key").read_text().strip()
        return {"Authorization": f"Bearer {text}"}


@pytest.fixture
def site(tmp_path):
    (tmp_path / "bundles").mkdir()
    write_cancer(tmp_path / "bundles" / "b")
    secrets = make_secrets(tmp_path)
    names = ("redis-cache", "redis-jobs", "api-1", "api-2", "worker")
    made = Site(tmp_path, secrets, {name: free_port() for name in names})
    for file in secrets.glob("LEAFPATH_*"):
        text = file.read_text()
        for name in names[:2]:
            text = text.replace(f"{name}:6379", f"127.0.0.1:{made.ports[name]}")
        file.write_text(text)
    try:
        for name in names:
            made.start(name)
        for replica in ("api-1", "api-2"):
            made.wait_for(replica)
        made.running["nginx"] = start_nginx(
            tmp_path, [made.ports["api-1"], made.ports["api-2"]]
        )
        yield made
    finally:
        if nginx := made.running.pop("nginx", None):
            nginx.stop()
        for name in made.running:
            made.kill(name)


class Traffic:
    """Clients that send through nginx until they are told to stop."""

    def __init__(self, site) -> None:
        self._url, self._key = site.running["nginx"].url, site.key()
        self._ended = threading.Event()
        self.statuses: list[list[int]] = [[] for _ in range(ASKERS)]
        self.refusals: list[str] = []
        self.jobs: list[tuple[str, dict]] = []
        self.again = 0  # submitted again after a 503

    def session(self) -> requests.Session:
        session = requests.Session()
        session.headers.update(self._key)
        return session

    def ask(self, asker) -> None:
        """Predict and explain in turn, every other time something new."""
        with self.session() as session:
            for number in self._numbers():
                body = {"instances": [[1.0 + asker + number // 2 * 1e-4] * 30]}
                path = PREDICT
                if number % 4 > 1:
                    path, body["explanations"] = EXPLAIN, ["tree_path", "lime"]
                reply = session.post(self._url + path, json=body, timeout=90)
                self.statuses[asker].append(reply.status_code)
                if not reply.ok:
                    self.refusals.append(f"{time.time():.3f} {path} {reply.text}")

    def submit(self) -> None:
        """Submit jobs; ask again where the queue cannot be reached, as clients do."""
        with self.session() as session:
            for number in self._numbers():
                body = {
                    "instances": [[1.5] * 30],
                    "explanations": [{"method": "lime", "seed": number}],
                }
                reply = self.post_job(session, body)
                while reply.status_code == 503 and "Retry-After" in reply.headers:
                    self.again += 1
                    time.sleep(0.2)
                    reply = self.post_job(session, body)
                assert reply.status_code == 202, reply.text
                self.jobs.append((reply.headers["Location"], body))

    def post_job(self, session, body) -> requests.Response:
        url = self._url + EXPLAIN
        return session.post(url, json=body, headers=LATER, timeout=90)

    def _numbers(self):
        number = 0
        while not self._ended.is_set():
            yield number
            number += 1
            self._ended.wait(0.05)  # stay below the limit of one address

    def goes_on(self, *, with_jobs=True) -> None:
        """Wait until each sender has got further.

        So that no request is still on its way that met the death before: what meets
        two deaths has asked both replicas, and is answered 503.
        """
        senders = [*self.statuses, *([self.jobs] if with_jobs else [])]
        enough = [len(sender) + 5 for sender in senders]
        wait_until(
            lambda: all(
                len(sender) >= count
                for sender, count in zip(senders, enough, strict=True)
            ),
            RESTART_S,
            "more traffic",
        )

    def end(self) -> None:
        self._ended.set()


def kill_worker_at_work(site, traffic, client) -> None:
    """Kill it in the middle of a long job; of the next one, where it was quicker."""
    for seed in itertools.count():
        body = LONG | {"seed": seed}
        job = traffic.post_job(client, body).headers["Location"]
        traffic.jobs.append((job, body))
        wait_until(
            lambda job=job: page_of(client, site, job)["state"] != "queued",
            JOBS_END_S,
            job,
        )
        site.kill("worker")
        if page_of(client, site, job)["state"] == "running":  # its hold goes on
            return
        site.start("worker")


def drill(site, traffic, client) -> None:
    """Let one part after the other die, and come back."""
    first = site.running["api-1"]
    traffic.goes_on()

    os.kill(first.workers()[0], signal.SIGKILL)
    traffic.goes_on()
    wait_until(lambda: len(first.workers()) == 2, RESTART_S, "another worker")
    site.wait_for("api-1")

    site.kill("api-2")
    traffic.goes_on()
    site.start("api-2")
    site.wait_for("api-2")

    site.kill("redis-cache")
    traffic.goes_on()
    site.start("redis-cache")
    traffic.goes_on()

    site.kill("redis-jobs")
    before = traffic.again
    wait_until(lambda: traffic.again > before, RESTART_S, "a refused job")
    traffic.goes_on(with_jobs=False)
    site.start("redis-jobs")
    traffic.goes_on()

    kill_worker_at_work(site, traffic, client)
    site.start("worker")
    traffic.goes_on()


def test_parts_that_die_lose_no_request_and_no_job(site):
    traffic = Traffic(site)
    with traffic.session() as client, ThreadPoolExecutor(ASKERS + 1) as senders:
        sent = [senders.submit(traffic.ask, asker) for asker in range(ASKERS)]
        sent.append(senders.submit(traffic.submit))
        try:
            drill(site, traffic, client)
        finally:
            traffic.end()
        for future in sent:
            future.result()
        ended = [end_of(client, site, job) for job, _ in traffic.jobs]
        lost = [end for end in ended if end["state"] != "done"]
        statuses = list(itertools.chain(*traffic.statuses))
        print(
            f"requests: sent {len(statuses)}, answered {statuses.count(200)}; "
            f"jobs: submitted {len(traffic.jobs)}, done {len(ended) - len(lost)}, "
            f"refused without their Redis and submitted again {traffic.again}"
        )
        assert traffic.refusals == []
        assert len(statuses) > 50
        assert lost == []
        assert len({job for job, _ in traffic.jobs}) == len(traffic.jobs)
        url = site.running["nginx"].url + EXPLAIN
        for (_, body), end in list(zip(traffic.jobs, ended, strict=True))[::10]:
            if body["instances"] is not LONG["instances"]:  # too dear for a request
                assert client.post(url, json=body).json() == end["result"]


def page_of(client, site, job) -> dict:
    time.sleep(0.1)  # stay below the limit of one address
    reply = client.get(site.running["nginx"].url + job, timeout=90)
    return reply.json() if reply.ok else {"state": f"lost: {reply.text}"}


def end_of(client, site, job) -> dict:
    """Wait for the end of a job, and return it."""
    page: dict = {}

    def has_ended() -> bool:
        page.update(page_of(client, site, job))
        return page["state"] not in ("queued", "running")

    wait_until(has_ended, JOBS_END_S, f"the end of {job}")
    return page
