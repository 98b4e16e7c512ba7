"""NaN and infinity never leave the server, wherever in a reply they hide."""

import dataclasses
from typing import Any

import msgspec
import numpy as np
import orjson
import pytest

from api.encoding import encode
from explainers.errors import NonFiniteError
from explainers.manifest import Estimate


@dataclasses.dataclass(slots=True)
class Plain:
    value: Any


@dataclasses.dataclass(frozen=True)
class Frozen:
    value: Any
    nothing: None = None


class Struct(msgspec.Struct):
    value: Any


WRAPPINGS = [
    lambda value: value,
    lambda value: [1.0, value],
    lambda value: (value,),
    lambda value: {"a": {"b": value}},
    Plain,
    Frozen,
    Struct,
    lambda value: [Plain({"a": [Struct((Frozen(value),))]})],
]


MEANT = [None, "null", True, 7, 1e308, np.float32([3e38]), orjson.Fragment(b"null")]


@pytest.mark.parametrize("wrap", WRAPPINGS)
@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_what_json_cannot_say_is_refused(wrap, number):
    for value in (number, np.float32(number), np.float32([1, number]),
                  np.full((2, 2), number)):  # fmt: skip
        with pytest.raises(NonFiniteError):
            encode(wrap(value))


@pytest.mark.parametrize("wrap", WRAPPINGS)
@pytest.mark.parametrize(
    "value",
    [None, "null", True, 7, 1e308, np.float32([3e38]), orjson.Fragment(b"null")],
)
def test_null_that_is_meant_is_sent(wrap, value):
    assert encode([wrap(value), None]).endswith(b",null]")


def test_estimates_are_sent_field_by_field():
    estimate = Estimate(value=0.5, n=4, low=0.1, high=0.9)
    assert orjson.loads(encode(Plain(estimate))) == {
        "value": {"value": 0.5, "n": 4, "low": 0.1, "high": 0.9}
    }
    broken = Estimate(value=float("nan"), n=4, low=0.1, high=0.9)
    with pytest.raises(NonFiniteError):
        encode(Plain(broken))
