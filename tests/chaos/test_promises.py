"""Every promise of `make chaos` is also held by the suite, in small."""

import contextlib
import time

import pytest

from tests.api.processes import ROOT
from tests.chaos.__main__ import Over, until
from tests.chaos.figure import Figure
from tests.chaos.inputs import named
from tests.chaos.promises import PROMISES
from tests.chaos.report import Row, write
from tests.chaos.site import site

OWN = [name for name, promise in PROMISES.items() if not promise.tests]
OTHERS = [test for promise in PROMISES.values() for test in promise.tests]


@pytest.mark.parametrize("name", OWN)
def test_promise_is_kept_in_small(name):
    """The same fire, smaller; without what a slow or busy machine may miss."""
    promise = PROMISES[name]
    with site() as place:
        figures = promise.fire(place, **promise.small)
    asked = [figure for figure in figures if not figure.timed]
    assert asked
    assert [figure for figure in asked if not figure.is_kept] == []


@pytest.mark.parametrize("test", OTHERS)
def test_test_that_is_a_promise_in_small_exists(test):
    file, _, function = test.partition("::")
    assert f"\ndef {function}(" in (ROOT / file).read_text(encoding="utf-8")


def test_promise_is_kept_when_every_figure_is_a_number_within_its_bound():
    def status(figures, problem=None):
        return Row("cache", {}, figures, 1.0, "load 1", problem).status

    assert status([Figure("x", 0, 0), Figure("y", 2, 3)]) == 0
    assert status([Figure("x", 0, 0), Figure("y", 4, 3)]) == 1
    assert status([Figure("x", float("nan"), 0)]) == 1
    assert status([], "NoFire: nothing burnt") == 2


def test_rows_that_are_not_run_stay_in_the_document(tmp_path):
    document = tmp_path / "chaos.md"
    markers = ("promises", "in small")
    document.write_text(
        "".join(f"<!-- {m} -->\n<!-- end of {m} -->\n" for m in markers)
    )

    def row(name, value):
        return Row(name, {}, [Figure("what", value, 1)], 1.0, "load 1")

    write(document, [row("pause", 1), row("cache", 0)])
    write(document, [row("cache", 2)])
    lines = [x for x in document.read_text().splitlines() if "| what |" in x]
    assert [x.split("|")[1:7:5] for x in lines] == [
        [" `cache` ", " **no** "],
        [" `pause` ", " yes "],
    ]


def test_fire_that_takes_every_error_for_its_own_ends_when_the_time_is_up():
    start = time.monotonic()

    def burn():
        with contextlib.suppress(Exception):
            time.sleep(10)

    with pytest.raises(Over), until(start + 0.1):
        burn()
    assert time.monotonic() - start < 5


def test_time_that_is_up_after_a_fire_disturbs_nothing():
    with until(time.monotonic() + 0.1):
        figures = [Figure("x", 0, 0)]
    time.sleep(0.2)  # servers are stopped, and a row is written
    assert figures[0].is_kept


def test_fire_is_not_lit_when_the_time_is_up():
    with pytest.raises(Over, match="no time left"), until(time.monotonic() - 0.1):
        pytest.fail("it was lit")


def test_inputs_that_are_answered_are_named():
    sent = [("predict", "NaN"), ("wire", "b'POST | x'")]
    figure = named("malformed requests that are answered", sent)
    assert figure.what.endswith(": predict NaN, wire b'POST / x'")
    assert (figure.value, figure.is_kept) == (2, False)
    assert named("none", []).is_kept
