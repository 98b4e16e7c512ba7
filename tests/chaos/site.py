"""Where a fire burns: real bundles in a directory, servers and Redis."""

import contextlib
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from flask.testing import FlaskClient

from api.app import create_app
from api.settings import Settings
from explainers.loading import open_model
from tests.api.processes import Redis, Server, start_redis, start_server
from tests.api.small_bundles import write_cancer, write_mixed

EXPLAIN = "/v1/models/breast-cancer:explain"
PREDICT = "/v1/models/breast-cancer:predict"


class Site:
    """A directory with the bundles breast-cancer and mixed, and what was started."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder = folder
        self.bundles = folder / "bundles"
        self._stack = stack
        self.bundles.mkdir()
        write_cancer(self.bundles / "breast-cancer")
        write_mixed(self.bundles / "mixed")
        model = open_model(self.bundles / "breast-cancer")
        self.instances: list[list[float]] = model.background.tolist()

    def start(self, bundles: Path | None = None, **settings: object) -> Server:
        """Start a server of two workers."""
        server = start_server(self.folder, bundles or self.bundles, **settings)
        self._stack.callback(server.stop)
        return server

    def start_redis(self, *options: str) -> Redis:
        """Start a Redis that keeps nothing."""
        redis = start_redis(self.folder, *options)
        self._stack.callback(redis.stop)
        return redis

    def without_cache(self) -> FlaskClient:
        """Return an application in this process: what it answers is computed."""
        return create_app(Settings(bundles=self.bundles, cache_bytes=0)).test_client()

    def expected(self, asked: Iterable[tuple[str, object]]) -> list[bytes]:
        """Return the answers to these paths and bodies without any cache."""
        client, wish = self.without_cache(), {"Cache-Control": "no-store"}
        return [client.post(path, json=b, headers=wish).data for path, b in asked]


@contextlib.contextmanager
def site() -> Iterator[Site]:
    """Make a site, and stop and remove everything at the end."""
    with (
        tempfile.TemporaryDirectory(prefix="leafpath-chaos-") as folder,
        contextlib.ExitStack() as stack,
    ):
        yield Site(Path(folder), stack)


def counted(server: Server, event: str, tier: str = "redis") -> float:
    """Return how often all workers saw an event of the cache."""
    line = rf'^leafpath_cache_events_total{{event="{event}",tier="{tier}"}} (\S+)$'
    found = re.search(line, server.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0
