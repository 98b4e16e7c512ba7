"""What is measured: servers, and the requests that each of them gets."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from benchmarks.service.load import Request
from benchmarks.service.processes import ROOT, Server, free_port, gunicorn, start
from explainers.arrays import Inputs

PEERS = ROOT / ".venv" / "peers"
HERE = Path(__file__).parent
BIG = 1024
OCTETS = ("Content-Type", "application/octet-stream")
JSON = ("Content-Type", "application/json")


@dataclass(frozen=True)
class Target:
    """One line of the table.

    Parameters
    ----------
    server : name of the server. rows : instances in each request.
    request : a function of the round, for bodies that must be new each time.
    """

    name: str
    server: str
    request: Callable[[int], Request]
    rows: int = 1


@dataclass
class Site:
    """Where the benchmark lives: the model's name, its rows, and a scratch folder."""

    bundle: Path
    model: str
    background: Inputs
    folder: Path
    servers: dict[str, Server] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """What the servers are told."""
        return {
            "BENCHMARK_GRAPH": str(self.bundle / "predict.onnx"),
            "LEAFPATH_BUNDLES": str(self.folder / "bundles"),
            "LEAFPATH_WORKERS": "2",
            "ORT_DISABLE_TELEMETRY": "1",
            "OMP_NUM_THREADS": "1",
        }

    def rows(self, count: int, seed: int) -> NDArray[np.float32]:
        """Return rows near real ones, new for every seed: [count, n_inputs]."""
        rng = np.random.default_rng(seed)
        picked = self.background[rng.integers(len(self.background), size=count)]
        return (picked * rng.uniform(0.98, 1.02, picked.shape)).astype(np.float32)


def start_servers(site: Site, redis_url: str) -> dict[str, str]:
    """Start every server that can be; return the peers that are missing."""
    copy_bundle(site)
    leafpath = gunicorn("api.app:create_app()")
    # They have no jobs: with a Redis of jobs the server does not look for any.
    jobs = {"LEAFPATH_JOBS_URL": redis_url}
    _start(site, "floor", gunicorn("benchmarks.service.floor_app:app"), jobs)
    _start(site, "bare", gunicorn("benchmarks.service.bare_app:create_app()"), jobs)
    _start(site, "leafpath", leafpath)
    # Without its own memory, so that every hit goes to Redis.
    shared = {"LEAFPATH_CACHE_URL": redis_url, "LEAFPATH_CACHE_BYTES": "0"}
    _start(site, "leafpath-redis", leafpath, shared)
    return _start_peers(site)


def copy_bundle(site: Site) -> None:
    """Lay the bundle where the servers look for it."""
    shutil.copytree(site.bundle, site.folder / "bundles" / site.model)


def _start(
    site: Site, name: str, command: list[str], more: dict[str, str] | None = None
) -> None:
    port = free_port()
    environment = site.environment | {"LEAFPATH_BIND": f"127.0.0.1:{port}"}
    command = [part.replace("PORT", str(port)) for part in command]
    site.servers[name] = start(
        name, command, port, environment | (more or {}), site.folder / f"{name}.log"
    )


def _start_peers(site: Site) -> dict[str, str]:
    missing: dict[str, str] = {}
    for name, prepare in _PEERS.items():
        if not (PEERS / name / "bin" / "python").exists():
            missing[name] = f"not installed in {PEERS.relative_to(ROOT) / name}"
            continue
        try:
            prepare(site, PEERS / name / "bin")
        except RuntimeError as error:
            missing[name] = str(error)[-300:]
    return missing


def _mlserver(site: Site, binaries: Path) -> None:
    folder = site.folder / "mlserver"
    folder.mkdir()
    shutil.copy(HERE / "peers" / "mlserver_runtime.py", folder)
    model = {"name": "m", "implementation": "mlserver_runtime.Network"}
    (folder / "model-settings.json").write_bytes(orjson.dumps(model))
    port = free_port()
    settings = {
        "http_port": port,
        "grpc_port": free_port(),
        "metrics_port": free_port(),
        "parallel_workers": 0,
        "debug": False,
    }
    (folder / "settings.json").write_bytes(orjson.dumps(settings))
    site.servers["mlserver"] = start(
        "mlserver",
        [str(binaries / "mlserver"), "start", "."],
        port,
        site.environment | {"PYTHONPATH": str(folder)},
        site.folder / "mlserver.log",
        folder,
    )


def _script(name: str) -> Callable[[Site, Path], None]:
    def prepare(site: Site, binaries: Path) -> None:
        script = HERE / "peers" / f"{name}_app.py"
        _start(site, name, [str(binaries / "python"), str(script), "PORT"])

    return prepare


def _bentoml(site: Site, binaries: Path) -> None:
    port = free_port()
    site.servers["bentoml"] = start(
        "bentoml",
        [
            str(binaries / "bentoml"),
            "serve",
            "bentoml_app:Network",
            "--port",
            str(port),
        ],
        port,
        site.environment | {"BENTOML_DO_NOT_TRACK": "1"},
        site.folder / "bentoml.log",
        HERE / "peers",
    )


_PEERS: dict[str, Callable[[Site, Path], None]] = {
    "mlserver": _mlserver,
    "kserve": _script("kserve"),
    "litserve": _script("litserve"),
    "bentoml": _bentoml,
}


def targets(site: Site) -> list[Target]:
    """Return every line of the table, in reading order."""
    v1, v2 = f"/v1/models/{site.model}", f"/v2/models/{site.model}/infer"
    ig = [{"method": "integrated_gradients", "steps": 50, "max_steps": 50}]

    def missed(turn: int) -> Request:
        bodies = [
            orjson.dumps({"instances": [row.tolist()], "explanations": ig})
            for row in site.rows(4000, 100 + turn)
        ]
        return Request(f"{v1}:explain", bodies)

    path = native(site, f"{v1}:explain")
    explain = native(site, f"{v1}:explain", explain=ig)
    return [
        Target("floor: Flask, no model", "floor", lambda _: native(site, "/")),
        Target("bare Flask + onnxruntime, V1", "bare", lambda _: native(site, "/v1")),
        Target("bare Flask + onnxruntime, V2", "bare", lambda _: v2_json(site, "/v2")),
        Target("Leafpath predict", "leafpath", lambda _: native(site, f"{v1}:predict")),
        Target("Leafpath predict + path", "leafpath", lambda _: path),
        Target("Leafpath V2 JSON", "leafpath", lambda _: v2_json(site, v2)),
        Target("Leafpath V2 binary", "leafpath", lambda _: v2_binary(site, v2)),
        Target(
            "Leafpath gradient",
            "leafpath",
            lambda _: native(site, f"{v1}:explain", explain=["gradient"]),
        ),
        Target("Leafpath IG-50, hit in memory", "leafpath", lambda _: explain),
        Target("Leafpath IG-50, hit in Redis", "leafpath-redis", lambda _: explain),
        Target("Leafpath IG-50, miss", "leafpath", missed),
        Target(
            f"Leafpath {BIG} rows, V2 JSON",
            "leafpath",
            lambda _: v2_json(site, v2, BIG),
            BIG,
        ),
        Target(
            f"Leafpath {BIG} rows, V2 binary",
            "leafpath",
            lambda _: v2_binary(site, v2, BIG),
            BIG,
        ),
        Target("MLServer, V2", "mlserver", lambda _: v2_json(site, _infer("m"))),
        Target("KServe, V1", "kserve", lambda _: native(site, "/v1/models/m:predict")),
        Target("KServe, V2", "kserve", lambda _: v2_json(site, _infer("m"))),
        Target("LitServe", "litserve", lambda _: native(site, "/predict")),
        Target("BentoML", "bentoml", lambda _: native(site, "/predict")),
    ]


def _infer(model: str) -> str:
    return f"/v2/models/{model}/infer"


def native(site: Site, path: str, explain: object = None) -> Request:
    """Ask for a prediction of one row, and for explanations of it where given."""
    body: dict[str, object] = {"instances": site.rows(1, 1).tolist()}
    if explain is not None:
        body["explanations"] = explain
    return Request(path, [orjson.dumps(body)])


def v2_json(site: Site, path: str, rows: int = 1) -> Request:
    """Ask for the probabilities by V2, all in JSON; KServe fails without an id."""
    values = site.rows(rows, 1)
    member = {"name": "input", "datatype": "FP32", "shape": values.shape}
    body = {
        "id": "1",
        "inputs": [member | {"data": values.ravel().tolist()}],
        "outputs": [{"name": "probabilities"}],
    }
    return Request(path, [orjson.dumps(body)])


def v2_binary(site: Site, path: str, rows: int = 1) -> Request:
    """Ask for the probabilities by V2, raw tensors both ways."""
    values = site.rows(rows, 1)
    member = {"name": "input", "datatype": "FP32", "shape": values.shape}
    head = orjson.dumps(
        {
            "inputs": [member | {"parameters": {"binary_data_size": values.nbytes}}],
            "outputs": [{"name": "probabilities", "parameters": {"binary_data": True}}],
        }
    )
    length = ("Inference-Header-Content-Length", str(len(head)))
    return Request(path, [head + values.tobytes()], (OCTETS, length))


def interpreter() -> str:
    """Return the version of Python that ran this, for the report."""
    return ".".join(map(str, sys.version_info[:3]))
