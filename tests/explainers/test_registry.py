"""Looking methods up, and turning parameters into checked Structs."""

import msgspec
import pytest

from explainers.bundle import write_bundle
from explainers.errors import (
    ParameterError,
    UnknownMethodError,
    UnsupportedMethodError,
)
from explainers.loading import open_model
from explainers.registry import EXPLAINERS, available, find_method, parse_parameters


def test_each_method_is_listed_under_its_own_name():
    assert {name: method.name for name, method in EXPLAINERS.items()} == {
        name: name for name in EXPLAINERS
    }


@pytest.mark.parametrize("name", EXPLAINERS)
def test_defaults_are_within_the_bounds_and_priced(linear_model, name):
    method = EXPLAINERS[name]
    parameters = parse_parameters(method, {})
    assert parse_parameters(method, msgspec.to_builtins(parameters)) == parameters
    assert method.rows(linear_model, parameters) >= 0
    assert msgspec.json.schema(method.parameters)
    assert method.summary.endswith(".")
    assert any(character.isdigit() for character in method.source), "year of the paper"


def test_an_unknown_method_names_the_choices(linear_model):
    with pytest.raises(UnknownMethodError, match="'limee'.*gradient.*tree_path"):
        find_method(linear_model, "limee")


def test_a_method_that_lacks_its_graph_says_why(
    tmp_path, linear_manifest, linear_files
):
    del linear_files["gradient.onnx"]
    manifest = msgspec.structs.replace(
        linear_manifest, unavailable={"gradient": "aten.foo has no ONNX form"}
    )
    write_bundle(tmp_path / "bare", manifest, linear_files)
    model = open_model(tmp_path / "bare")
    lacking = {"gradient", "feature_map"}
    assert set(available(model)) == {
        name
        for name, method in EXPLAINERS.items()
        if lacking.isdisjoint(method.requires)
    }
    message = "'integrated_gradients': no graph 'gradient' .aten.foo.*tree_path"
    with pytest.raises(UnsupportedMethodError, match=message):
        find_method(model, "integrated_gradients")


@pytest.mark.parametrize(
    ("name", "values", "path", "words"),
    [
        ("integrated_gradients", {"steps": 0}, "$.steps", "Expected `int` >= 1"),
        (
            "integrated_gradients",
            {"steps": 1.5},
            "$.steps",
            "Expected `int`, got `float`",
        ),
        ("integrated_gradients", {"baseline": "x"}, "$.baseline", "Invalid enum value"),
        (
            "integrated_gradients",
            {"steps": 64, "max_steps": 10},
            "$",
            "max_steps must be at least steps",
        ),
        ("occlusion", {"stride": 3}, "$", "needs a window at least .*; none is given"),
        ("occlusion", {"stride": 3, "window": 2}, "$", "needs a window .*; it is 2"),
        ("integrated_gradients", {"stepz": 1}, "$", "unknown field `stepz`.*steps"),
        ("smoothgrad", {"noise": 0}, "$.noise", "Expected `float` > 0"),
        ("smoothgrad", {"seed": -1}, "$.seed", "Expected `int` >= 0"),
        ("smoothgrad", {"target": []}, "$.target", "got `array`"),
        ("tree_path", {"target": 1}, "$", "unknown field `target`.*none"),
    ],
)
def test_bad_parameters_are_named(name, values, path, words):
    with pytest.raises(ParameterError, match=words) as caught:
        parse_parameters(EXPLAINERS[name], values)
    assert caught.value.path == path


def test_a_whole_number_may_be_written_with_a_point():
    """JSON Schema counts 64.0 as an integer, and so must who publishes one."""
    method = EXPLAINERS["integrated_gradients"]
    assert parse_parameters(method, {"steps": 64.0}) == parse_parameters(
        method, {"steps": 64}
    )
    assert type(parse_parameters(method, {"steps": 64.0}).steps) is int
    width = parse_parameters(EXPLAINERS["lime"], {"width": 2.0}).width
    assert (width, type(width)) == (2.0, float)
    for wrong in (64.5, 1e300, float("inf"), True):
        with pytest.raises(ParameterError, match="steps"):
            parse_parameters(method, {"steps": wrong})
