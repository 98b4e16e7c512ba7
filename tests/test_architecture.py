"""The direction api -> explainers <- trainer, checked on the running interpreter.

`lint-imports` checks the source; this sees what an import really pulls in.
"""

import subprocess
import sys

import pytest

HEAVY = {
    "torch",
    "sklearn",
    "onnx",
    "pandas",
    "scipy",
    "matplotlib",
    "vl_convert",
}
SERVING = {"flask", "redis", "gunicorn"}


def _loaded_by(module: str) -> set[str]:
    code = f"import sys, {module}; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("explainers.registry", HEAVY | SERVING | {"api", "trainer"}),
        ("api.app", HEAVY | {"trainer"}),
        ("trainer.cli", SERVING | {"api"}),
        ("bulk.explain", HEAVY | SERVING | {"api", "trainer", "distributed"}),
        ("leafpath", HEAVY | SERVING | {"onnxruntime", "numpy"}),
    ],
)
def test_a_room_imports_only_what_it_knows(module, forbidden):
    assert not _loaded_by(module) & forbidden
