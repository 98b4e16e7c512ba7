"""`python -m tests.chaos.removals [NAME ...]`: take each protection away, and see red.

Every removal is made in a clone of the committed repository in a temporary directory.
There the fire of its promise burns in small, and the tests run by which `make test`
holds that promise; both do so once more with nothing removed. A removal that changes
nothing that they see, a promise that no removal makes red in both, and what is red
without a removal are faults of the fires, and the status is 1.
``--write docs/chaos.md`` puts the table there; rows that are not run stay as they were.
"""

import argparse
import functools
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.service.report import write_between
from tests.api.processes import ROOT
from tests.chaos.promises import PROMISES

HEAD = [
    "| protection | taken away in | promise | red under fire | red in `make test` |",
    "|---|---|---|---|---|",
]
MARKER = "removals"
NOTHING = "**nothing**"


@dataclass(frozen=True)
class Removal:
    """A protection, and the change of one file that takes it away.

    Parameters
    ----------
    promise : the one that it keeps; a name of its own where there is no fire for it.
    counts : how much fire it takes; a slow leak shows in the full one alone.
    tests : tests that hold it, where those are not the promise's own.
    """

    protection: str
    promise: str
    path: str
    old: str
    new: str
    counts: str = "--small"
    tests: tuple[str, ...] = ()

    @property
    def held_by(self) -> tuple[str, ...]:
        """The tests that are to turn red."""
        fire = "tests/chaos/test_promises.py::test_promise_is_kept_in_small"
        own = f"{fire}[{self.promise}]"
        return self.tests or PROMISES[self.promise].tests or (own,)


_UNIT = "tests/api/"

REMOVALS = (
    Removal(
        "tag of every value in Redis", "cache", "api/cache/envelope.py",
        "if not hmac.compare_digest(", "if not value and hmac.compare_digest(",
    ),
    Removal(
        "errors of Redis are expected", "cache", "api/cache/redis.py",
        "except (redis.RedisError, OSError) as error:",
        "except ZeroDivisionError as error:", "--full",
        (f"{_UNIT}cache/test_redis.py::"
         "test_redis_that_is_down_or_comes_back_changes_no_answer",),
    ),
    Removal(
        "breaker of the cache", "pause", "api/cache/redis.py",
        "self._breaker.failed()", "pass",
    ),
    Removal(
        "time limit of Redis", "pause", "api/cache/redis.py",
        "TIMEOUT_S = 0.1", "TIMEOUT_S = 1.0",
    ),
    Removal(
        "Redis is asked once", "pause", "api/redis_client.py",
        "Retry(NoBackoff(), 0)", "Retry(NoBackoff(), 5)",
    ),
    Removal(
        "Sentinels share one time limit", "Sentinels", "api/redis_client.py",
        "timeout_s / len(said.sentinels)", "timeout_s",
        tests=(f"{_UNIT}test_sentinel.py::"
               "test_sentinels_that_hang_take_no_longer_than_a_redis_that_hangs",),
    ),
    Removal(
        "SHA-256 of every file", "bundles", "explainers/bundle.py",
        "if found != file.sha256:", "if not found:",
    ),
    Removal(
        "hard links are refused", "bundles", "explainers/bundle.py",
        "if status.st_nlink != 1:", "if not status.st_nlink:",
    ),
    Removal(
        "what a graph may hold", "bundles", "explainers/onnx_safety.py",
        "def check_graph(name: str, raw: bytes) -> None:",
        "def check_graph(name: str, raw: bytes) -> None:\n    return\n\n\n"
        "def _unused(name: str, raw: bytes) -> None:",
    ),
    Removal(
        "signatures", "bundles", "api/model_store.py",
        "    if trusted_keys is None:", "    if True:",
    ),
    Removal(
        "copy of what was served before", "bundles", "api/model_store.py",
        "if one.problem is not None and path.name in before:", "if False:",
    ),
    Removal(
        "depth of a body", "inputs", "api/request_body.py",
        "(msgspec.DecodeError, UnicodeDecodeError, RecursionError)",
        "(msgspec.DecodeError, UnicodeDecodeError)",
        tests=(f"{_UNIT}test_error_handlers.py",),
    ),
    Removal(
        "finite answers", "inputs", "explainers/masks.py",
        "return count_true(np.isfinite(values)) == values.size",
        "return count_true(np.isfinite(values)) <= values.size",
        tests=(f"{_UNIT}routes/test_answers.py::"
               "test_extreme_value_is_the_clients_fault_and_named",
               f"{_UNIT}test_encoding.py"),
    ),
    Removal(
        "names that are said twice", "inputs", "api/request_body.py",
        "        _refuse_duplicates(raw)\n", "",
        tests=(f"{_UNIT}test_said_twice.py",),
    ),
    Removal(
        "a bound of costly requests", "fairness", "api/admission.py",
        "self._free.acquire(blocking=False)", "self._free.acquire(timeout=60)",
    ),
    Removal(
        "a thread for costly work", "fairness", "api/explaining.py",
        "self._costly.run if costly else _run_here", "_run_here",
        tests=(f"{_UNIT}test_admission.py",),
    ),
    Removal(
        "its low priority", "fairness", "api/admission.py",
        '(1, "costly", initializer=_give_way)', '(1, "costly")',
        tests=(f"{_UNIT}test_admission.py",),
    ),
    Removal(
        "Retry-After", "fairness", "api/admission.py",
        'headers={"Retry-After": str(RETRY_AFTER_S)},', "headers={},",
    ),
    Removal(
        "deadline while work is under way", "deadlines", "api/admission.py",
        "    if deadline is None:\n            return",
        "    if True:\n            return",
    ),
    Removal(
        "deadline in the thread that computes", "deadlines", "api/admission.py",
        "submit(copy_context().run, step)", "submit(step)",
    ),
    Removal(
        "deadline in the middle of a run", "deadlines", "explainers/onnx_runtime.py",
        '(options, "terminate", True)', '(options, "terminate", False)',
    ),
    Removal(
        "time to finish after TERM", "deploys", "deploy/gunicorn.conf.py",
        "graceful_timeout = 30", "graceful_timeout = 0",
    ),
    Removal(
        "a second worker", "crashes", "deploy/gunicorn.conf.py",
        "workers = settings.workers", "workers = 1",
    ),
    Removal(
        "digest of the bundle in the key", "swaps", "api/cache/key.py",
        "(software_digest(), digest.encode(), ", "(software_digest(), ",
    ),
    Removal(
        "seed of what is drawn", "determinism", "explainers/methods/smoothgrad.py",
        "np.random.PCG64(parameters.seed)", "np.random.PCG64()",
    ),
    Removal(
        "claim of a computation", "flight", "api/cache/redis.py",
        '_flight(key), b"", nx=True,', '_flight(key), b"",',
    ),
    Removal(
        "parameters in the key", "isolation", "api/cache/key.py",
        "method.encode(), parameters)", "method.encode())",
    ),
    Removal(
        "shape in the key", "isolation", "api/cache/key.py",
        "repr(row.shape).encode(), ", "",
    ),
    Removal(
        "dtype in the key", "isolation", "api/cache/key.py",
        "row.dtype.str.encode(), ", "",
    ),
    Removal(
        "bound of the cache in memory", "memory", "api/cache/memory.py",
        "maxsize=capacity_bytes", "maxsize=2**40", "--full",
    ),
    Removal(
        "keys of one method of HTTP", "access", "api/access.py",
        "not _is_open(request.path)",
        'not _is_open(request.path) and request.method != "DELETE"',
    ),
    Removal(
        "a key opens its own models", "access", "api/access.py",
        "    if not may_use(name):", "    if False:",
        tests=(f"{_UNIT}test_access.py",),
    ),
    Removal(
        "onnxruntime tells nobody", "telemetry", "explainers/onnx_runtime.py",
        'os.environ["ORT_DISABLE_TELEMETRY"] = "1"',
        'os.environ["ORT_DISABLE_TELEMETRY"] = "0"',
        tests=("tests/explainers/test_model.py::"
               "test_telemetry_is_off_and_a_fork_after_the_import_exits_at_once",),
    ),
    Removal(
        "models are loaded after the fork", "forks", "deploy/gunicorn.conf.py",
        "preload_app = False", "preload_app = True",
        tests=("tests/deploy/test_gunicorn_conf.py",),
    ),
    Removal(
        "counts of dead workers in one file", "restarts", "api/metric_files.py",
        "            if kind in _JOINED:", "            if False:",
        tests=(f"{_UNIT}test_metric_files.py",),
    ),
    Removal(
        "no reading while they are added up", "restarts", "api/metric_files.py",
        "with _locked(self._directory, fcntl.LOCK_SH):", "if True:",
        tests=(f"{_UNIT}test_metric_reading.py",),
    ),
    Removal(
        "room before a worker counts", "restarts", "deploy/gunicorn.conf.py",
        "reserve(Path(os.environ[VARIABLE]), worker.pid)", "pass",
        tests=(f"{_UNIT}test_disk.py",),
    ),
    Removal(
        "a worker says how it ends", "deaths", "deploy/gunicorn.conf.py",
        "IN_ORDER if was_told_to else FAULT", "NOT_SAID",
        tests=(f"{_UNIT}test_worker_deaths.py",),
    ),
    Removal(
        "a full key is told before it pays", "jobs", "api/jobs/submission.py",
        "    jobs.check_room(owner)  # before it is paid for\n", "",
        tests=(f"{_UNIT}jobs/test_jobs_per_key.py",),
    ),
    Removal(
        "no more jobs of a key than it may have", "jobs", "api/jobs/jobs.py",
        "if request.owner and not self._records.take_place(",
        "if False and not self._records.take_place(",
        tests=(f"{_UNIT}jobs/test_jobs_per_key.py",),
    ),
)  # fmt: skip


def main() -> int:
    """Take away what was named, or everything, in turn."""
    names = sorted({one.promise for one in REMOVALS})
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.removals")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--write", type=Path, metavar="DOCUMENT")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(names):
        parser.error(f"nothing is taken away from {unknown}")
    chosen = [
        one for one in REMOVALS if not arguments.names or one.promise in arguments.names
    ]
    faults, shown = 0, {one.promise: [False, False] for one in chosen}
    for removal in chosen:
        red, controls = [], []
        with _clone(removal) as clone:
            if removal.promise in PROMISES:
                red.append(_burn(clone, removal.promise, removal.counts))
                controls += _burn_whole(removal.promise, removal.counts)
            else:
                red.append(["no fire"])
            red.append(_test(clone, removal.held_by))
            controls += _test_whole(removal.held_by)
        line = _line(removal, *red, controls)
        print(line, flush=True)
        faults += not any(red) or bool(controls)
        for number, said in enumerate(red):
            shown[removal.promise][number] |= bool(said)
        if arguments.write:
            _write(arguments.write, removal, line)
    unproved = [promise for promise, both in shown.items() if not all(both)]
    if unproved:
        print(f"not red in both: {', '.join(unproved)}")
    return int(faults > 0 or bool(unproved))


@contextmanager
def _clone(removal: Removal | None = None) -> Iterator[Path]:
    """Clone what is committed, without the protection."""
    with tempfile.TemporaryDirectory(prefix="leafpath-removal-") as folder:
        clone = Path(folder) / "clone"
        git = ["git", "clone", "--quiet", "--shared", str(ROOT), str(clone)]
        subprocess.run(git, check=True)
        if removal is not None:
            path = clone / removal.path
            text = path.read_text(encoding="utf-8")
            if text.count(removal.old) != 1:
                raise SystemExit(f"{removal.path} does not hold once: {removal.old}")
            path.write_text(text.replace(removal.old, removal.new), encoding="utf-8")
        yield clone


def _run(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=clone, capture_output=True, text=True,
        check=False, env=os.environ | {"PYTHONPATH": str(clone)},
    )  # fmt: skip


def _burn(clone: Path, promise: str, counts: str) -> list[str]:
    """Return the figures that are not kept, as the table of promises says it."""
    ran = _run(clone, "tests.chaos", promise, counts)
    said = [_said(line) for line in ran.stdout.splitlines() if "**n" in line]
    return said or ([f"status {ran.returncode}"] if ran.returncode else [])


def _test(clone: Path, tests: tuple[str, ...]) -> list[str]:
    """Return the tests that fail."""
    ran = _run(clone, "pytest", "-q", "--tb=no", "-rfE", *tests)
    if ran.returncode not in (0, 1):
        raise SystemExit(f"pytest {' '.join(tests)}: {ran.stdout[-2000:]}")
    failed = re.findall(r"^(?:FAILED|ERROR) [^:]+::(\w+)", ran.stdout, re.MULTILINE)
    return [f"`{name}`" for name in dict.fromkeys(failed)]


@functools.cache
def _burn_whole(promise: str, counts: str) -> list[str]:
    """What is red with nothing removed proves no protection."""
    with _clone() as clone:
        return _burn(clone, promise, counts)


@functools.cache
def _test_whole(tests: tuple[str, ...]) -> list[str]:
    with _clone() as clone:
        return _test(clone, tests)


def _said(line: str) -> str:
    """What a line of the table of promises says: figure, bound, measured."""
    _, _, _, figure, bound, measured, *_ = (cell.strip() for cell in line.split("|"))
    return f"{figure}: {measured}, at most {bound}" if measured else figure


def _line(
    removal: Removal, fire: list[str], tests: list[str], controls: list[str]
) -> str:
    said = ["<br>".join(one) or NOTHING for one in (fire, tests)]
    if controls:
        said[1] += f"<br>**but without the removal too**: {', '.join(controls)}"
    cells = [
        removal.protection, f"`{removal.path}`", f"`{removal.promise}`", *said
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _write(document: Path, removal: Removal, line: str) -> None:
    """Put one row into the table, and leave those of other removals as they are."""
    _, _, rest = document.read_text(encoding="utf-8").partition(f"<!-- {MARKER} -->")
    before = rest.partition(f"<!-- end of {MARKER} -->")[0].splitlines()
    known = {row.split(" | ")[0]: row for row in before if row.count(" | ") == 4}
    known[f"| {removal.protection}"] = line
    rows = [known.get(f"| {one.protection}") for one in REMOVALS]
    write_between(MARKER, "\n".join([*HEAD, *filter(None, rows)]), document)


if __name__ == "__main__":
    sys.exit(main())
