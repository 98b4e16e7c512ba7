"""A closed-loop HTTP client: some connections, each with one request under way.

One thread and prepared bytes, so that it takes little of the machine that it measures.
"""

import contextlib
import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """What is sent: each body in turn, on a path of a server on this machine."""

    path: str
    bodies: Sequence[bytes]
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)

    def encoded(self) -> list[bytes]:
        """Return whole requests."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        head = f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}Content-Length:"
        return [f"{head} {len(b)}\r\n\r\n".encode() + b for b in self.bodies]


@dataclass
class Run:
    """What one run showed: seconds of each answer in order, and the whole time."""

    latencies_s: list[float] = field(default_factory=list)
    wall_s: float = 0.0


class _Connection:
    """One connection; ``received`` holds the answer so far."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.started = 0.0

    def send(self, request: bytes) -> None:
        self.received = b""
        self.started = time.perf_counter()
        self.socket.sendall(request)

    def is_answered(self) -> bool:
        """Read what is there; say whether the answer is whole."""
        part = self.socket.recv(1 << 18)
        if not part:
            raise ConnectionError("the server closed the connection")
        self.received += part
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator:
            return False
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(self.received[:1000].decode("latin-1"))
        lower = head.lower()
        at = lower.find(b"content-length:")
        if at < 0:  # chunked
            return body.endswith(b"0\r\n\r\n")
        return len(body) >= int(lower[at + 15 :].split(b"\r\n", 1)[0])


def run_load(
    port: int,
    request: Request,
    connections: int,
    count: int,
    beside: Request | None = None,
) -> Run:
    """Send ``count`` requests over ``connections`` connections.

    Parameters
    ----------
    beside : sent over and over on one more connection, and not measured.
    """
    with _connections(port, connections) as all_of_them:
        return _drive(port, request, all_of_them, count, beside)


@contextlib.contextmanager
def _connections(port: int, count: int) -> Iterator[list[_Connection]]:
    opened = [_Connection(port) for _ in range(count)]
    try:
        yield opened
    finally:
        for connection in opened:
            connection.socket.close()


def _drive(
    port: int,
    request: Request,
    connections: list[_Connection],
    count: int,
    beside: Request | None,
) -> Run:
    run, waiting, sent = Run(), selectors.DefaultSelector(), 0
    requests = request.encoded()
    other = _start_beside(port, beside, waiting)
    start = time.perf_counter()
    for connection in connections:
        waiting.register(connection.socket, selectors.EVENT_READ, connection)
        connection.send(requests[sent % len(requests)])
        sent += 1
    while len(run.latencies_s) < count:
        for key, _ in waiting.select(timeout=60):
            connection = key.data
            if not connection.is_answered():
                continue
            if other is not None and connection is other[0]:
                connection.send(other[1])
                continue
            run.latencies_s.append(time.perf_counter() - connection.started)
            if sent < count:
                connection.send(requests[sent % len(requests)])
                sent += 1
    run.wall_s = time.perf_counter() - start
    if other is not None:
        other[0].socket.close()
    return run


def _start_beside(
    port: int, beside: Request | None, waiting: selectors.DefaultSelector
) -> tuple[_Connection, bytes] | None:
    if beside is None:
        return None
    connection, (encoded, *_) = _Connection(port), beside.encoded()
    waiting.register(connection.socket, selectors.EVENT_READ, connection)
    connection.send(encoded)
    return connection, encoded
