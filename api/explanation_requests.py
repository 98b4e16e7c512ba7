"""Which explanations a request asks for: names and parameters, checked and complete."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from api.errors import Fault, RequestError
from api.problems import INVALID_REQUEST, NOT_EXPOSED
from explainers.errors import ParameterError
from explainers.methods.base import Explainer, Parameters, class_index
from explainers.model import Model
from explainers.registry import find_method, parse_parameters

Wanted: TypeAlias = str | dict[str, Any]
"""A method's name, or an object with ``method`` and that method's parameters."""

DEFAULT: tuple[Wanted, ...] = ("tree_path",)
"""What ``:explain`` answers when no explanations are named."""


@dataclass(frozen=True)
class ExplanationRequest:
    """One method with all its parameters; ``path`` says where the client named it."""

    method: Explainer
    parameters: Parameters
    path: str


def read_requests(
    model: Model, wanted: Sequence[Wanted] | None, seed: int | None
) -> list[ExplanationRequest]:
    """Resolve what a client wrote in ``explanations``.

    Parameters
    ----------
    wanted : as sent; None means ``DEFAULT``.
    seed : default of every method that takes a seed; None leaves the methods' own.

    Raises
    ------
    RequestError
        The bundle exposes no explanations, or an entry names no method.
    UnknownMethodError, UnsupportedMethodError, ParameterError
        As ``find_method`` and ``parse_parameters``.
    """
    check_exposed(model)
    entries = DEFAULT if wanted is None else wanted
    return [
        read_request(model, entry, seed, f"$.explanations[{i}]")
        for i, entry in enumerate(entries)
    ]


def check_exposed(model: Model) -> None:
    """Refuse to explain where the bundle exposes predictions only."""
    if model.manifest.expose == "prediction":
        raise RequestError(
            NOT_EXPOSED, f"model {model.name!r} exposes predictions only"
        )


def read_request(
    model: Model, entry: Wanted, seed: int | None, path: str
) -> ExplanationRequest:
    """Resolve one entry; ``path`` says where it stands, for messages."""
    if isinstance(entry, str):
        name, values = entry, dict[str, Any]()
        method = find_method(model, name, path)
    else:
        name, values = _split(entry, path)
        method = find_method(model, name, f"{path}.method")
    if seed is not None and "seed" in method.parameters.__struct_fields__:
        values.setdefault("seed", seed)
    parameters = parse_parameters(method, values, path)
    _check_target(model, parameters, path)
    return ExplanationRequest(method, parameters, path)


def _check_target(model: Model, parameters: Parameters, path: str) -> None:
    """Refuse a class that there is not before any work: a job would fail much later."""
    target = getattr(parameters, "target", None)
    if target is None:
        return
    try:
        class_index(model, target)
    except ParameterError as error:
        where = path + error.path.removeprefix("$")
        raise ParameterError(where, error.problem, error.allowed) from error


def _split(entry: Mapping[str, Any], path: str) -> tuple[str, dict[str, Any]]:
    values = dict(entry)
    name = values.pop("method", None)
    if not isinstance(name, str):
        problem = "lacks `method`" if name is None else "`method` is not a string"
        raise RequestError(
            INVALID_REQUEST,
            f"{path} {problem}",
            [Fault(path, problem, 'such as {"method": "tree_path"}')],
        )
    return name, values
