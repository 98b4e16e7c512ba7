"""What a prediction costs without HTTP and threads, and which part of it costs what.

The applications are called as gunicorn calls them, in this process; metrics are kept in
files, as for several workers. The parts are timed where they run, in the request: in a
loop of their own they would take a third, out of the processor's caches. Figures are
processor time of the quickest hundredth of the calls: whatever else the machine does
only adds to it. Usage: python -m benchmarks hot_path
"""

import functools
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from werkzeug.test import create_environ

from benchmarks.interleaved import load
from benchmarks.service.floor_app import app as floor
from benchmarks.service.load import Request
from benchmarks.service.report import write_between
from benchmarks.service.run import BUNDLE
from benchmarks.service.targets import Site, copy_bundle, native, v2_json

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

CALLS = 4000
V2 = "Leafpath V2 JSON"


def main() -> None:
    """Measure, print the table, and put it into docs/performance.md."""
    if not BUNDLE.is_dir():
        raise SystemExit("train the model first: make demos")
    before = load()
    with (
        tempfile.TemporaryDirectory() as folder,
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        patch.object(sys, "stderr", nowhere),  # the log lines
    ):
        # prometheus-client reads it when it is imported.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        text = table(measure(Path(folder)))
    print(text)
    write_between("hot path", f"{before[0].upper()}{before[1:]}.\n\n{text}")


def measure(folder: Path) -> dict[str, float]:
    """Return microseconds of the applications, and of the parts of a V2 request."""
    from api.app import create_app
    from api.settings import Settings
    from explainers.loading import open_model

    model = open_model(BUNDLE)
    site = Site(BUNDLE, model.name, model.background, folder)
    copy_bundle(site)
    app = create_app(Settings(bundles=folder / "bundles"))
    v2 = wsgi_call(app, v2_json(site, f"/v2/models/{model.name}/infer"))
    v1 = wsgi_call(app, native(site, f"/v1/models/{model.name}:predict"))
    calls = {
        "floor: Flask, no model": wsgi_call(floor, native(site, "/")),
        "Leafpath predict": v1,
        V2: v2,
    }
    found = {name: usual_us(call) for name, call in calls.items()}
    with ExitStack() as stack:
        taken = {
            part: [stack.enter_context(timed(*at)) for at in places]
            for part, places in parts().items()
        }
        usual_us(v2)
    found |= {
        f"… {part}": sum(map(quickest_us, times)) for part, times in taken.items()
    }
    return found


def parts() -> Mapping[str, list[tuple[Any, str]]]:
    """Return where the parts of a V2 request are: owner and name of functions."""
    from api.logs import RequestLog
    from api.metrics import Metrics
    from api.protocols import inference
    from api.routes import inference_v2
    from explainers.model import Model
    from explainers.onnx_runtime import Session

    reading = ["decode_message", "read_outputs", "read_tensors", "read_inputs"]
    return {
        "the view, all that follows included": [(inference_v2, "_answer")],
        "network and tree": [(Model, "predict")],
        "of which onnxruntime": [(Session, "run")],
        "reading and checking the request": [(inference, name) for name in reading],
        "looking for values beyond training": [(inference, "find_unusual")],
        "writing the reply": [
            (inference, "_tensor"),
            (inference, "encode_reply"),
            (inference_v2, "json_response"),
        ],
        "metrics": [(Metrics, "agreement"), (Metrics, "request")],
        "log line": [(RequestLog, "write")],
    }


@contextmanager
def timed(owner: Any, name: str) -> Iterator[list[int]]:
    """Have a function note the nanoseconds of each of its calls."""
    times: list[int] = []
    function = getattr(owner, name)

    @functools.wraps(function)
    def noting(*args: Any, **kwargs: Any) -> Any:
        start = time.thread_time_ns()
        try:
            return function(*args, **kwargs)
        finally:
            times.append(time.thread_time_ns() - start)

    with patch.object(owner, name, noting):
        yield times


def wsgi_call(app: "WSGIApplication", request: Request) -> Callable[[], object]:
    """Return a call that answers a request, as a server of one thread would.

    Raises
    ------
    RuntimeError
        The answer is no 200.
    """
    (body,) = request.bodies
    environ = create_environ(
        request.path, method="POST", content_type="application/json", data=body
    )

    def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
        if status != "200 OK":
            raise RuntimeError(f"{request.path} answered {status}")

    def answer() -> bytes:
        return b"".join(app(environ | {"wsgi.input": io.BytesIO(body)}, start))

    return answer


def usual_us(call: Callable[[], object]) -> float:
    """Return what a call takes, timed over and over."""
    times = []
    for _ in range(CALLS):
        start = time.thread_time_ns()
        call()
        times.append(time.thread_time_ns() - start)
    return quickest_us(times)


def quickest_us(times_ns: list[int]) -> float:
    """Return the time that a hundredth of the calls did not exceed, in microseconds."""
    return sorted(times_ns)[len(times_ns) // 100] / 1000


def table(found: Mapping[str, float]) -> str:
    """Return the figures as Markdown."""
    lines = ["| in process, one row | microseconds |", "|---|---|"]
    lines += [f"| {name} | {us:.0f} |" for name, us in found.items()]
    return "\n".join(lines)
