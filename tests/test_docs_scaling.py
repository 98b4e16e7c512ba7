"""docs/scaling.md computes from figures of docs/performance.md, and does it rightly."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"
SCALING = (DOCS / "scaling.md").read_text(encoding="utf-8")
PERFORMANCE = (DOCS / "performance.md").read_text(encoding="utf-8")
SERVICE = PERFORMANCE.partition("<!-- service -->")[2].partition("<!-- end of")[0]

SHARE = 0.6
"""Of a core that one is willing to use, as the page says."""

ROWS = 1024


class Cost(NamedTuple):
    """CPU of a request in ms: the best and the median round. Memory of the server."""

    best: float
    median: float
    memory_mb: int


def cost(target) -> Cost:
    (row,) = re.findall(rf"^\| {re.escape(target)} \|.*$", SERVICE, re.MULTILINE)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    best, median = re.fullmatch(r"(\S+) \((\S+)\)", cells[1]).groups()
    return Cost(float(best), float(median), int(cells[-1]))


PREDICT = cost("Leafpath predict")
PATH = cost("Leafpath predict + path")
COMPUTED = cost("Leafpath IG-50, miss")
FROM_REDIS = cost("Leafpath IG-50, hit in Redis")
JSON = cost(f"Leafpath {ROWS} rows, V2 JSON")
BINARY = cost(f"Leafpath {ROWS} rows, V2 binary")
(LIME_MS,) = re.findall(
    r"\| LIME with 5,000 samples, in process \|[^|]*\| (\S+) ms \|", PERFORMANCE
)
CORES = [ms / SHARE for ms in PATH[:2]]
"""That a thousand predictions with paths a second take."""

MACHINES = [round(cores * 1000 / 16) for cores in CORES]


def of_one(name, ms) -> str:
    carried = [f"{1000 / one:,.0f}" for one in ms[:2]]
    return f"| {name} | {ms.best:.3f} ({ms.median:.3f}) | {carried[0]} ({carried[1]}) |"


def of_many(name, ms) -> str:
    best, median = (f"{one / ROWS:.4f}" for one in ms[:2])
    carried = [f"{round(ROWS * 1000 / one, -3):,.0f}" for one in ms[:2]]
    return f"| {name} | {best} ({median}) | {carried[0]} ({carried[1]}) |"


TABLE = [
    of_one("predict", PREDICT),
    of_one("predict + path", PATH),
    of_one("gradient", cost("Leafpath gradient")),
    of_one("integrated gradients, computed", COMPUTED),
    of_one("the same, from Redis", FROM_REDIS),
    of_many("a row of 1,024, V2 JSON, predict", JSON),
    of_many("a row of 1,024, V2 binary, predict", BINARY),
]


def test_the_table_of_serving_is_that_of_performance():
    section = SCALING.partition("\n## The law of serving\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    assert rows[1:] == TABLE


SENTENCES = {
    "memory": f"{FROM_REDIS.memory_mb} MB with the cache in Redis and "
    f"{PREDICT.memory_mb} with it in memory: at most "
    f"{PREDICT.memory_mb / 2:.0f} a worker",
    "a thousand": f"1,000 x {PATH.best:.3f} to {PATH.median:.3f} ms is "
    f"{PATH.best:.1f} to {PATH.median:.1f} cores busy, "
    f"{CORES[0]:.1f} to {CORES[1]:.1f} at 60 %",
    "a million": f"| CPU | {PATH.best * 1000:,.0f} to {PATH.median * 1000:,.0f} core "
    f"seconds | {round(CORES[0] * 1000, -1):,.0f} to "
    f"{round(CORES[1] * 1000, -1):,.0f} cores at 60 %: "
    f"{MACHINES[0]} to {MACHINES[1]} machines of 16 |",
    "memory of a million": f"| memory | {PREDICT.memory_mb / 2:.0f} MB a worker, a "
    f"worker a core | {PREDICT.memory_mb / 2 * 16 / 1000:.1f} GB a machine",
    "the cache": f"integrated gradients cost {COMPUTED.best:.2f} ms computed and "
    f"{FROM_REDIS.best:.2f} from Redis. A cache is for LIME ({LIME_MS} ms in process",
    "publishing": f" {MACHINES[1]} machines reload on HUP",
    "metrics": f" {MACHINES[1]} of them are a small Prometheus",
    "rows": f"V2 binary, are {BINARY.best / ROWS * 1000:.1f} cores (V2 JSON: "
    f"{JSON.best / ROWS * 1000:.1f}), some "
    f"{round(PATH.best / (BINARY.best / ROWS), -2):.0f} times less",
}


@pytest.mark.parametrize("name", SENTENCES)
def test_what_follows_from_the_table_is_computed_from_it(name):
    assert SENTENCES[name] in SCALING


def test_two_cores_carry_a_thousand_a_second():
    assert "One machine of two cores carries it;" in SCALING
    assert CORES[1] <= 2
