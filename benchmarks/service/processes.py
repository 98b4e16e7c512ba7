"""Servers on free ports of this machine, and what the kernel says they use."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """A server's process group and port."""

    name: str
    process: subprocess.Popen[bytes]
    port: int

    def pids(self) -> list[int]:
        """Return the process and all its descendants."""
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                todo += map(int, children.read_text().split())
        return found

    def cpu_s(self) -> float:
        """Return the processor time of all threads, in seconds (to the nanosecond)."""
        total = 0
        for pid in self.pids():
            for task in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(OSError):
                    total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def memory_mb(self) -> float:
        """Return the memory of all processes; shared pages are divided among them."""
        total = 0
        for pid in self.pids():
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            (line,) = (row for row in text.splitlines() if row.startswith("Pss:"))
            total += int(line.split()[1])
        return total / 1024

    def loads(self, library: str) -> bool:
        """Whether a process has a library's file mapped."""
        return any(
            library in Path(f"/proc/{pid}/maps").read_text() for pid in self.pids()
        )

    def stop(self) -> None:
        """End it and everything it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)


def start(
    name: str,
    command: Sequence[str],
    port: int,
    environment: Mapping[str, str],
    log: Path,
    cwd: Path = ROOT,
    timeout_s: float = 90,
) -> Server:
    """Start a server and wait until its port is open."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("LEAFPATH_")}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            env=inherited | dict(environment),
            cwd=cwd,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    server = Server(name, process, port)
    deadline = time.monotonic() + timeout_s
    while not _is_open(port):
        if process.poll() is not None or time.monotonic() > deadline:
            server.stop()
            raise RuntimeError(f"{name} did not start: {log.read_text()[-2000:]}")
        time.sleep(0.1)
    time.sleep(1)  # workers behind an open port may still be loading
    return server


def _is_open(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


def gunicorn(application: str) -> list[str]:
    """Return the command that serves an application exactly as Leafpath is served."""
    configuration = str(ROOT / "deploy" / "gunicorn.conf.py")
    return [sys.executable, "-m", "gunicorn", "--config", configuration, application]
