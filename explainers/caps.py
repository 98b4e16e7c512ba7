"""Caps: how much of a method's parameter whoever serves a model allows at the most."""

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta

from explainers.errors import ParameterError
from explainers.methods.base import Explainer, Parameters


def bounds(method: Explainer) -> dict[str, tuple[int, int]]:
    """Return what may be capped: the whole numbers with a maximum, and their bounds.

    Not the seed: a large one costs no more than a small one.
    """
    metas = {
        field.name: field.type.__metadata__[0]
        for field in msgspec.structs.fields(method.parameters)
        if getattr(field.type, "__origin__", None) is int and field.name != "seed"
    }
    return {name: (m.ge, m.le) for name, m in metas.items() if m.le is not None}


def capped(method: Explainer, caps: Mapping[str, int]) -> Explainer:
    """Return the method with lower maxima, and with defaults that keep to them.

    Parameters
    ----------
    caps : the most of each parameter that is capped.

    Raises
    ------
    ParameterError
        A parameter cannot be capped, or not at that, or the defaults no longer fit one
        another.
    """
    return _capped(method, tuple(sorted(caps.items()))) if caps else method


@functools.lru_cache(maxsize=256)
def _capped(method: Explainer, caps: tuple[tuple[str, int], ...]) -> Explainer:
    _check(method, caps)
    most = dict(caps)
    kind = msgspec.defstruct(
        method.parameters.__name__,
        # All fields, for those that are defined anew go to the end.
        [_field(f, most) for f in msgspec.structs.fields(method.parameters)],
        bases=(method.parameters,),
        kw_only=True,
    )
    try:
        kind()
    except ValueError as error:
        problem = f"{error}, which the defaults would not be"
        raise ParameterError(method.name, problem) from error
    return replace(method, parameters=cast(type[Parameters], kind))


def _check(method: Explainer, caps: tuple[tuple[str, int], ...]) -> None:
    allowed = bounds(method)
    for name, most in caps:
        if name not in allowed:
            names = ", ".join(allowed) or "none of its parameters"
            raise ParameterError(
                f"{method.name}.{name}", "cannot be capped", f"{names} can"
            )
        low, high = allowed[name]
        if not low <= most <= high:
            raise ParameterError(
                f"{method.name}.{name}", f"{most} is no cap", f"{low} to {high} are"
            )


def _field(
    field: msgspec.structs.FieldInfo, caps: Mapping[str, int]
) -> tuple[str, Any, Any]:
    most = caps.get(field.name)
    if most is None:
        return field.name, field.type, field.default
    meta = field.type.__metadata__[0]
    text = f"{meta.description}; this server allows {most} at the most"
    kind = Annotated[int, Meta(ge=meta.ge, le=most, description=text)]
    return field.name, kind, min(field.default, most)
