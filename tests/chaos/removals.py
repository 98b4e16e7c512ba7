"""`python -m tests.chaos.removals [NAME ...]`: take each protection away, and see red.

Every removal is made in a clone of the committed repository in a temporary directory,
where the fire of its promise then burns in small, and once more with nothing removed. A
removal that changes nothing that the fire sees, or a fire that is red without it, is a
fault of the fire, and the status is 1. ``--write docs/chaos.md`` puts the table there.
"""

import argparse
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.service.report import write_between
from tests.api.processes import ROOT

HEAD = ["| protection | taken away in | promise | what is red |", "|---|---|---|---|"]


@dataclass(frozen=True)
class Removal:
    """A protection, and the change of one file that takes it away.

    Parameters
    ----------
    counts : how much fire it takes; a slow leak shows in the full one alone.
    """

    protection: str
    promise: str
    path: str
    old: str
    new: str
    counts: str = "--small"


REMOVALS = (
    Removal(
        "tag of every value in Redis", "cache", "api/cache/envelope.py",
        "if not hmac.compare_digest(", "if not value and hmac.compare_digest(",
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
        "SHA-256 of every file", "bundles", "explainers/bundle.py",
        "if found != file.sha256:", "if not found:",
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
        "depth of a body", "inputs", "api/request_body.py",
        "(msgspec.DecodeError, UnicodeDecodeError, RecursionError)",
        "(msgspec.DecodeError, UnicodeDecodeError)",
    ),
    Removal(
        "queue of costly work", "fairness", "api/explaining.py",
        "    if len(prediction) > MAX_INSTANCES_AT_ONCE:\n        return True\n",
        "    return False\n",
    ),
    Removal(
        "deadline while work is under way", "deadlines", "api/admission.py",
        "    if deadline is None:\n            return",
        "    if True:\n            return",
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
        "_flight(key), b\"\", nx=True,", "_flight(key), b\"\",",
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
        "bound of the cache in memory", "memory", "api/cache/memory.py",
        "maxsize=capacity_bytes", "maxsize=2**40", "--full",
    ),
    Removal(
        "keys of one method of HTTP", "access", "api/access.py",
        "not _is_open(request.path)",
        'not _is_open(request.path) and request.method != "DELETE"',
    ),
)  # fmt: skip


def main() -> int:
    """Take away what was named, or everything, in turn."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.removals")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--write", type=Path, metavar="DOCUMENT")
    arguments = parser.parse_args()
    chosen = [
        one for one in REMOVALS if not arguments.names or one.promise in arguments.names
    ]
    lines, faults = list(HEAD), 0
    for removal in chosen:
        red, control = _red(removal), _red(removal, control=True)
        faults += not red or bool(control)
        said = "<br>".join(red) or "**nothing**"
        if control:
            said += f"<br>**but without the removal too**: {', '.join(control)}"
        where = f"`{removal.path}` | `{removal.promise}`"
        lines.append(f"| {removal.protection} | {where} | {said} |")
        print(lines[-1], flush=True)
    if arguments.write:
        write_between("removals", "\n".join(lines), arguments.write)
    return int(faults > 0)


def _red(removal: Removal, *, control: bool = False) -> list[str]:
    """Return the figures that are not kept, as the table of promises says it.

    Parameters
    ----------
    control : whether nothing is taken away: what is red then proves no protection.
    """
    with tempfile.TemporaryDirectory(prefix="leafpath-removal-") as folder:
        clone = Path(folder) / "clone"
        git = ["git", "clone", "--quiet", "--shared", str(ROOT), str(clone)]
        subprocess.run(git, check=True)
        path = clone / removal.path
        text = path.read_text(encoding="utf-8")
        if text.count(removal.old) != 1:
            raise SystemExit(f"{removal.path} does not hold once: {removal.old}")
        if not control:
            path.write_text(text.replace(removal.old, removal.new), encoding="utf-8")
        ran = subprocess.run(
            [sys.executable, "-m", "tests.chaos", removal.promise, removal.counts],
            cwd=clone, capture_output=True, text=True, check=False,
        )  # fmt: skip
    said = [_said(line) for line in ran.stdout.splitlines() if "**n" in line]
    return said or ([f"status {ran.returncode}"] if ran.returncode else [])


def _said(line: str) -> str:
    """What a line of the table of promises says: figure, bound, measured."""
    _, _, _, figure, bound, measured, *_ = (cell.strip() for cell in line.split("|"))
    return f"{figure}: {measured}, at most {bound}" if measured else figure


if __name__ == "__main__":
    sys.exit(main())
