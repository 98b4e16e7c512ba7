"""One run: start everything, measure in turn, write docs/performance.md."""

import os
import platform
import tempfile
from pathlib import Path
from typing import Any

import orjson
import requests

from benchmarks.interleaved import load
from benchmarks.service.goals import Extra, goals
from benchmarks.service.in_process import method_times_ms
from benchmarks.service.load import Request
from benchmarks.service.measure import beside_costly_work, measure
from benchmarks.service.processes import ROOT, Server, free_port, start
from benchmarks.service.report import (
    RESULTS,
    as_json,
    goals_table,
    plot,
    table,
    write_between,
)
from benchmarks.service.targets import Site, interpreter, start_servers, targets
from explainers.loading import open_model

ROUNDS = int(os.environ.get("BENCHMARK_ROUNDS", "12"))
BUNDLE = ROOT / "bundles" / "breast-cancer"


def main() -> None:
    """Measure, print the tables, and put them into the documentation."""
    if not BUNDLE.is_dir():
        raise SystemExit("train the model first: make demos")
    model = open_model(BUNDLE)
    with tempfile.TemporaryDirectory() as folder:
        site = Site(BUNDLE, model.name, model.background, Path(folder))
        redis = _start_redis(Path(folder))
        before = load()
        try:
            missing = start_servers(site, f"redis://127.0.0.1:{redis.port}/0")
            present = [t for t in targets(site) if t.server in site.servers]
            results = measure(site, present, ROUNDS)
            memory = {t.name: site.servers[t.server].memory_mb() for t in present}
            extra = _extra(site, method_times_ms(model))
        finally:
            for server in [*site.servers.values(), redis]:
                server.stop()
    reached = goals(results, extra)
    facts = _facts(before, missing)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "service.json").write_bytes(as_json(results, facts))
    plot(results, RESULTS / "service.svg")
    texts = {
        "facts": _in_words(facts),
        "service": table(results, memory),
        "goals": goals_table(reached),
    }
    for name, text in texts.items():
        print(text, end="\n\n")
        write_between(name, text)


def _start_redis(folder: Path) -> Server:
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir"]
    command = ["redis-server", *options, str(folder)]
    return start("redis", command, port, {}, folder / "redis.log")


def _extra(site: Site, times: dict[str, float]) -> Extra:
    path = f"/v1/models/{site.model}"
    instances = site.rows(1, 7).tolist()
    predict = Request(f"{path}:predict", [orjson.dumps({"instances": instances})])
    wish = {"method": "lime", "samples": 10_000, "repeats": 10}
    lime = Request(
        f"{path}:explain",
        [orjson.dumps({"instances": instances, "explanations": [wish]})],
        (("Content-Type", "application/json"), ("Cache-Control", "no-store")),
    )
    alone, beside = beside_costly_work(site, predict, lime)
    leafpath = site.servers["leafpath"]
    return Extra(
        gradient_ms=times["gradient"],
        ig_ms=times["ig"],
        torch_ig_ms=times["torch_ig"],
        lime_ms=times["lime"],
        # The other also holds every explanation that this run asked for.
        memory_mb=site.servers["leafpath-redis"].memory_mb(),
        loads_torch=leafpath.loads("libtorch"),
        alone_p99_ms=alone,
        beside_p99_ms=beside,
        hit_equals_miss=_hit_equals_miss(site, f"{path}:explain"),
    )


def _hit_equals_miss(site: Site, path: str) -> bool:
    """Whether the second answer is the first, byte for byte, and came from Redis."""
    body = {
        "instances": site.rows(1, 99).tolist(),
        "explanations": ["integrated_gradients"],
    }
    url = f"http://127.0.0.1:{site.servers['leafpath-redis'].port}{path}"
    first, second = (requests.post(url, json=body, timeout=30) for _ in range(2))
    outcomes = [answer.headers["X-Cache"] for answer in (first, second)]
    return first.content == second.content and outcomes == ["miss", "hit"]


def _facts(before: str, missing: dict[str, str]) -> dict[str, Any]:
    return {
        "python": interpreter(),
        "machine": platform.machine(),
        "load_before": before,
        "load_after": load(),
        "rounds": ROUNDS,
        "missing": missing,
    }


def _in_words(facts: dict[str, Any]) -> str:
    text = (
        f"{facts['rounds']} interleaved rounds, Python {facts['python']} on "
        f"{facts['machine']}; before: {facts['load_before']}, after: "
        f"{facts['load_after']}."
    )
    if facts["missing"]:
        text += f" Not measured: {', '.join(facts['missing'])}."
    return text
