"""Every explanation method by name. A new one: one file in methods/, one line here."""

from collections.abc import Mapping
from typing import Any

import msgspec

from explainers.caps import capped
from explainers.errors import (
    ParameterError,
    UnknownMethodError,
    UnsupportedMethodError,
)
from explainers.methods import (
    counterfactual,
    grad_cam,
    gradient,
    hires_cam,
    input_x_gradient,
    integrated_gradients,
    layer_cam,
    lime,
    occlusion,
    prototypes,
    smoothgrad,
    tree_path,
    tree_shap,
)
from explainers.methods.base import Explainer, Parameters
from explainers.model import Model

EXPLAINERS: dict[str, Explainer] = {
    "tree_path": tree_path.METHOD,
    "gradient": gradient.METHOD,
    "input_x_gradient": input_x_gradient.METHOD,
    "integrated_gradients": integrated_gradients.METHOD,
    "smoothgrad": smoothgrad.METHOD,
    "grad_cam": grad_cam.METHOD,
    "hires_cam": hires_cam.METHOD,
    "layer_cam": layer_cam.METHOD,
    "occlusion": occlusion.METHOD,
    "lime": lime.METHOD,
    "tree_shap": tree_shap.METHOD,
    "counterfactual": counterfactual.METHOD,
    "prototypes": prototypes.METHOD,
}


def available(model: Model) -> dict[str, Explainer]:
    """Return the methods that this model's bundle can answer, in registry order."""
    return {
        name: as_served(model, method)
        for name, method in EXPLAINERS.items()
        if model.provides.issuperset(method.requires)
    }


def as_served(model: Model, method: Explainer) -> Explainer:
    """Return a method as whoever serves the model allows it."""
    return capped(method, model.caps.get(method.name, {}))


def find_method(model: Model, name: str, path: str = "$") -> Explainer:
    """Look a method up for a model.

    Raises
    ------
    UnknownMethodError
        There is no such method. ``path`` says where the name stood.
    UnsupportedMethodError
        The bundle lacks a graph that the method requires; says which and why.
    """
    method = EXPLAINERS.get(name)
    if method is not None and model.provides.issuperset(method.requires):
        return as_served(model, method)
    choices = available(model)
    if method is None:
        raise UnknownMethodError(path, name, choices)
    missing = next(r for r in method.requires if r not in model.provides)
    raise UnsupportedMethodError(model.name, name, model.why_missing(missing), choices)


def parse_parameters(
    method: Explainer, values: Mapping[str, Any], path: str = "$"
) -> Parameters:
    """Check parameters against the method's bounds and fill in the defaults.

    Raises
    ------
    ParameterError
        A parameter is unknown, of the wrong type or out of bounds; the message names
        the parameters that exist.
    """
    try:
        whole = {name: _as_integer(value) for name, value in values.items()}
        return msgspec.convert(whole, type=method.parameters)
    except msgspec.ValidationError as error:
        problem, _, at = str(error).partition(" - at `$")
        names = ", ".join(method.parameters.__struct_fields__) or "none"
        raise ParameterError(
            path + at.rstrip("`"), problem, f"parameters of {method.name}: {names}"
        ) from error


def _as_integer(value: Any) -> Any:
    """Return 64 for 64.0: JSON has one kind of number, and some clients one way to
    write it. Where a real number is expected an integer will do.
    """
    exact = isinstance(value, float) and abs(value) < 2**53 and value.is_integer()
    return int(value) if exact else value
