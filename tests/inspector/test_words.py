"""Numbers as people read them."""

import pytest


@pytest.fixture
def apart(visit):
    visit.open()
    name = visit.module("words.js")
    return lambda a, b: visit.page.evaluate(
        "async ([name, a, b]) => (await import(name)).apart(a, b)", [name, a, b]
    )


@pytest.mark.parametrize(
    ("a", "b", "told"),
    [
        (1.5, 2.25, ["1.5", "2.25"]),
        (16.79991, 16.8, ["16.7999", "16.8"]),
        (1234567, 1230001, ["1.2346e+6", "1.2300e+6"]),
        (2.345e-5, 2.346e-5, ["2.3450e-5", "2.3460e-5"]),
        (-2.5e7, 2.5e7, ["\u22122.50e+7", "2.50e+7"]),
        (1e-5, 1.00000001e-5, ["1.00000000e-5", "1.00000001e-5"]),
        (3, 3, ["3", "3"]),
    ],
)
def test_two_numbers_have_as_many_digits_as_tell_them_apart(apart, a, b, told):
    assert apart(a, b) == told
