"""What is promised: each promise with the fire that it is put through.

Not the place of any fire: those are in the other files of this directory.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.chaos import (
    access,
    bundles,
    cache,
    deploys,
    fairness,
    inputs,
    isolation,
    memory,
    pause,
)
from tests.chaos.figure import Figure


@dataclass(frozen=True)
class Promise:
    """One row of the table.

    Parameters
    ----------
    fire : called with a site and the counts below; returns the figures that it showed.
    full : counts of `make chaos`. small : counts of the tests.
    tests : tests of the suite that are the small version already; none where the fire
        itself is run by the tests.
    """

    text: str
    fire: Callable[..., list[Figure]]
    full: Mapping[str, int]
    small: Mapping[str, int]
    tests: tuple[str, ...] = ()


PROMISES = {
    "cache": Promise(
        "no wrong answer with status 200, whatever the cache does",
        cache.burn,
        {"rounds": 20, "fires": len(cache.FIRES)},
        {"rounds": 2, "fires": cache.FIRES_THAT_OPEN_NO_BREAKER},
    ),
    "pause": Promise(
        "a paused Redis costs little",
        pause.burn,
        {"rounds": 3, "requests": 1500},
        {"rounds": 1, "requests": 300},
        (
            "tests/api/cache/test_redis.py::"
            "test_paused_redis_costs_one_timeout_and_then_nothing",
        ),
    ),
    "bundles": Promise(
        "a corrupt or hostile bundle never serves",
        bundles.burn,
        {"flips": 60},
        {"flips": 12},
    ),
    "inputs": Promise(
        "bad input never hurts",
        inputs.burn,
        {"examples": 20},
        {"examples": 1},
        (
            "tests/api/openapi/test_document.py::"
            "test_server_answers_as_documented_to_good_and_bad_requests",
            "tests/api/test_server.py::"
            "test_whatever_comes_over_the_wire_is_answered_with_a_problem",
        ),
    ),
    "fairness": Promise(
        "cheap stays quick beside costly",
        fairness.predict_beside_lime,
        {"rounds": 5, "requests": 400},
        {"rounds": 1, "requests": 100},
        ("tests/api/test_admission.py::test_predictions_do_not_wait_behind_lime",),
    ),
    "deadlines": Promise(
        "a deadline is kept",
        fairness.keep_deadlines,
        {"requests": 50},
        {"requests": 12},
        (
            "tests/api/test_deadlines.py::"
            "test_slow_explanation_keeps_its_deadline_and_burns_nothing_after",
            "tests/api/test_deadlines.py::"
            "test_deadline_is_kept_behind_those_who_have_time",
        ),
    ),
    "deploys": Promise(
        "a deploy loses nothing",
        deploys.deploy,
        {"reloads": 5, "stops": 3},
        {"reloads": 1, "stops": 1},
    ),
    "crashes": Promise(
        "a killed worker costs what it was answering, and no more",
        deploys.kill,
        {"kills": 8},
        {"kills": 1},
    ),
    "swaps": Promise(
        "a swap is atomic",
        deploys.swap,
        {"swaps": 10},
        {"swaps": 4},
        (
            "tests/api/test_server.py::"
            "test_bundles_that_are_swapped_under_load_are_never_mixed",
        ),
    ),
    "determinism": Promise(
        "one question has one answer",
        isolation.ask_everywhere,
        {},
        {},
        ("tests/api/test_server.py::test_one_question_has_one_answer_everywhere",),
    ),
    "flight": Promise(
        "equal cold requests are computed once",
        isolation.ask_at_once_over_workers,
        {"rounds": 5},
        {"rounds": 1},
        (
            "tests/api/cache/test_redis.py::"
            "test_equal_cold_requests_over_two_workers_are_computed_once",
        ),
    ),
    "isolation": Promise(
        "requests that differ never share an answer",
        isolation.ask_what_differs,
        {"rows": 8},
        {"rows": 2},
    ),
    "memory": Promise(
        "memory does not grow",
        memory.burn,
        {"requests": 20_000, "most_kb": 50},
        {"requests": 2_000, "most_kb": 2_000},
        # A slope needs the full count: in small it is what the start leaves behind.
        (
            "tests/api/cache/test_memory.py::"
            "test_capacity_in_bytes_is_kept_and_the_least_used_go_first",
            "tests/api/test_server.py::test_memory_of_two_workers",
        ),
    ),
    "access": Promise(
        "every operation needs a key when keys are set",
        access.burn,
        {},
        {},
        ("tests/api/test_access.py::test_every_operation_needs_a_key",),
    ),
}
