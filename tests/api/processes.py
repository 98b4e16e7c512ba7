"""Real processes for the tests: the server under gunicorn, and Redis."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import orjson
import requests

ROOT = Path(__file__).resolve().parents[2]
START_S = 30
METRICS = "leafpath-metrics-"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, timeout_s=START_S, what="it") -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {timeout_s} s")
        time.sleep(0.02)


def mapped(pid: int) -> str:
    """The files that a process has in its memory; none of a process that is gone."""
    try:
        return Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return ""


@dataclass
class Server:
    """One `leafpath serve`; ``log`` is its stderr."""

    process: subprocess.Popen
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path, **kwargs):
        return requests.get(self.url + path, timeout=30, **kwargs)

    def post(self, path, **kwargs):
        return requests.post(self.url + path, timeout=30, **kwargs)

    def is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"the server stopped: {self.log.read_text()}")
        with contextlib.suppress(requests.ConnectionError):
            return self.get("/v2/health/ready").status_code == 200
        return False

    def workers(self) -> list[int]:
        pid = self.process.pid
        return [
            int(child)
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]

    def all_workers_serve(self) -> bool:
        """Whether each worker has its models and its counters: a fork has neither."""
        return all(
            "onnxruntime" in files and METRICS in files
            for files in map(mapped, self.workers())
        )

    def log_lines(self) -> list[dict]:
        return [orjson.loads(line) for line in self.log.read_bytes().splitlines()]

    def signal(self, number) -> None:
        self.process.send_signal(number)

    def stop(self, timeout_s=60) -> float:
        """Send TERM and return how many seconds the server took to be gone."""
        start = time.monotonic()
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
            self.process.wait(timeout_s)
        return time.monotonic() - start

    def raw(self, data: bytes, timeout_s=5) -> bytes:
        """Send bytes on a new connection and return all that comes back."""
        received = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout_s) as client:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            with contextlib.suppress(TimeoutError):
                while part := client.recv(65536):
                    received += part
        return received


def start_server(directory: Path, bundles: Path, **settings) -> Server:
    """Start `leafpath serve` in ``directory`` with LEAFPATH_* settings, and wait."""
    port = free_port()
    log = directory / f"server-{port}.log"
    environment = {
        name: value
        for name, value in os.environ.items()
        # CI hides that onnxruntime's telemetry makes forked children hang.
        if name != "CI" and not name.startswith("LEAFPATH_")
    }
    environment |= {
        "LEAFPATH_BUNDLES": str(bundles),
        "LEAFPATH_BIND": f"127.0.0.1:{port}",
        "LEAFPATH_WORKERS": "2",
        "LEAFPATH_JOBS_URL": f"sqlite:///{directory}/jobs-{port}.db",
    }
    environment |= {f"LEAFPATH_{name.upper()}": str(v) for name, v in settings.items()}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "leafpath", "serve"],
            env=environment,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=stream,
        )
    server = Server(process, port, log)
    wait_until(server.is_ready, what="a ready server")
    wait_until(server.all_workers_serve, what="the other workers")
    return server


def is_strict_json(content: bytes | str) -> bool:
    """Whether a body is JSON without NaN and Infinity, which orjson refuses."""
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return True


def attack(server: Server, examples: int) -> set[int]:
    """Let schemathesis hold a server against its own document, with good and bad
    requests; returns the statuses that it got.
    """
    answers = server.log.with_suffix(".har")
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json",
        "--checks", "all",
        # A well-formed number may overflow the network, and several well-formed
        # explanations may cost too much together: both are a documented 422. A
        # Request-Timeout of a nanosecond is well-formed too, and over at once: the log
        # tells that 504 from other faults of the server.
        "--exclude-checks", "positive_data_acceptance,not_a_server_error",
        "--phases", "examples,coverage,fuzzing",
        "--max-examples", str(examples), "--seed", "1",
        "--continue-on-failure", "--no-color", "--report-har-path", str(answers),
    ]  # fmt: skip
    run = subprocess.run(
        command, cwd=server.log.parent, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-2000:]
    statuses = {line["status"] for line in server.log_lines() if "status" in line}
    assert not any(status >= 500 for status in statuses - {504})
    bodies = [
        entry["response"]["content"]
        for entry in orjson.loads(answers.read_bytes())["log"]["entries"]
    ]
    texts = [b["text"] for b in bodies if "json" in b["mimeType"] and b.get("text")]
    assert texts
    assert all(map(is_strict_json, texts))
    return statuses


@dataclass
class Redis:
    """One redis-server that keeps nothing on disk."""

    process: subprocess.Popen
    port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self.resume()
        self.process.terminate()
        self.process.wait(10)

    def start_anew(self) -> None:
        """Start another one at the same address, empty, after ``stop``."""
        self.process = start_redis(self.folder, port=self.port).process


def start_redis(directory: Path, *more: str, port: int | None = None) -> Redis:
    program = shutil.which("redis-server")
    if program is None:
        raise RuntimeError("redis-server is not installed: sh tests/install_tools.sh")
    port = port or free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly"]
    process = subprocess.Popen(
        [program, *options, "no", "--dir", str(directory), *more],
        stdout=subprocess.DEVNULL,
    )

    def answers() -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        return False

    wait_until(answers, what="redis-server")
    return Redis(process, port, directory)
