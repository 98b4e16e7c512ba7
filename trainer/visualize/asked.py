"""Objectives by their spelling on the command line: `neuron:body.1:3@4,4`.

Spelling is checked before anything is trained or opened; whether there is such a layer,
unit, position or class, once there is a network.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from trainer.errors import VisualizationError
from trainer.visualize.activations import find_layer, record
from trainer.visualize.objectives import (
    Objective,
    as_map,
    channel,
    direction,
    diversity,
    last_state,
    last_step,
    logit,
    neuron,
    seen,
)
from trainer.visualize.targets import Kind, Target, slug

BLENDS = 3
"""Pictures of an interpolation: both ends and the middle."""

_UNIT = r"(?P<layer>[^:]+):(?P<unit>\d+)"
_TERM = r"\d+=[+-]?(?:\d+\.?\d*|\.\d+)"
_SPELLINGS: dict[str, tuple[str, str]] = {
    "class": ("class:NAME", r"(?P<name>.+)"),
    "channel": ("channel:LAYER:UNIT", _UNIT),
    "neuron": ("neuron:LAYER:UNIT[@ROW,COLUMN]", _UNIT + r"(?:@(?P<at>\d+(?:,\d+)*))?"),
    "direction": (
        "direction:LAYER:UNIT=WEIGHT,UNIT=WEIGHT...",
        rf"(?P<layer>[^:]+):(?P<weights>{_TERM}(?:,{_TERM})*)",
    ),
    "diversity": ("diversity:LAYER:UNIT", _UNIT),
    "interpolation": (
        "interpolation:ONE..OTHER",
        r"(?P<first>.+?)\.\.(?P<second>(?:class|channel|neuron|direction):.+)",
    ),
}
"""By kind: how it is written, and what is read after the kind's colon."""


@dataclass(frozen=True)
class Asked:
    """One objective as it was asked for: ``parts`` by the names in its spelling."""

    text: str
    kind: str
    parts: Mapping[str, str | None]


def parse(text: str) -> Asked:
    """Read one objective; raises VisualizationError with the spellings there are."""
    kind, _, rest = text.partition(":")
    if kind not in _SPELLINGS:
        known = ", ".join(form for form, _ in _SPELLINGS.values())
        raise VisualizationError(f"unknown objective {text!r}; available: {known}")
    form, pattern = _SPELLINGS[kind]
    found = re.fullmatch(pattern, rest)
    if found is None:
        raise VisualizationError(f"objective {text!r} is not written as {form}")
    asked = Asked(text, kind, found.groupdict())
    for end in _ends(asked):
        if parse(end).kind in ("diversity", "interpolation"):
            raise VisualizationError(
                f"objective {text!r}: an interpolation runs between classes, channels, "
                "neurons and directions"
            )
    return asked


def _ends(asked: Asked) -> list[str]:
    if asked.kind != "interpolation":
        return []
    return [str(asked.parts["first"]), str(asked.parts["second"])]


@dataclass(frozen=True)
class Place:
    """What objectives are looked up in.

    ``example`` is one real input [1, ...], which tells the shapes of the layers.
    """

    network: nn.Module
    example: Tensor
    classes: tuple[str, ...]


def asked_targets(asked: Sequence[Asked], place: Place) -> list[Target]:
    """Return the targets of objectives, in order; an interpolation has BLENDS.

    Raises
    ------
    VisualizationError
        There is no such layer, unit, position or class; the message names those there
        are.
    """
    return [
        replace(target, file=f"asked-{i + 1}-{target.file}", asked=one.text)
        for i, one in enumerate(asked)
        for target in _targets(one, place)
    ]


def _targets(asked: Asked, place: Place) -> list[Target]:
    if asked.kind != "interpolation":
        objective = _checked(_objective(asked, place), place)
        name = asked.text.partition(":")[2]
        kind = _KINDS[asked.kind]
        unit = _unit(asked, place)
        layer = asked.parts.get("layer") or ""
        apart = diversity(layer) if kind == "diversity" else None
        if apart is not None and _is_recurrent(place, layer):
            apart = seen(apart, as_map)
        file = f"{kind}-{slug(name)}"
        return [Target(kind, name, layer, unit, objective, file, apart=apart)]
    ends = [parse(end) for end in _ends(asked)]
    first, second = (_checked(_objective(end, place), place) for end in ends)
    blends = []
    for i in range(BLENDS):
        share = i / (BLENDS - 1)
        name = f"{ends[0].text}..{ends[1].text}, {share:.0%}"
        file = f"interpolation-{i + 1}-{slug(name)}"
        blend = first * (1 - share) + second * share
        blends.append(Target("interpolation", name, "", None, blend, file))
    return blends


_KINDS: dict[str, Kind] = {
    "class": "class",
    "channel": "unit",
    "neuron": "neuron",
    "direction": "direction",
    "diversity": "diversity",
}


def _objective(asked: Asked, place: Place) -> Objective:
    return _OBJECTIVES[asked.kind](asked, place)


def _class(asked: Asked, place: Place) -> Objective:
    return logit(_class_number(asked, place), asked.parts["name"])


def _channel(asked: Asked, place: Place) -> Objective:
    layer = str(asked.parts["layer"])
    made = last_state if _is_recurrent(place, layer) else channel
    return made(layer, int(str(asked.parts["unit"])))


def _neuron(asked: Asked, place: Place) -> Objective:
    layer, at = str(asked.parts["layer"]), asked.parts["at"]
    position = tuple(int(number) for number in at.split(",")) if at else None
    made = neuron(layer, int(str(asked.parts["unit"])), position)
    return seen(made, as_map) if _is_recurrent(place, layer) else made


def _direction(asked: Asked, place: Place) -> Objective:
    layer, weights = str(asked.parts["layer"]), str(asked.parts["weights"])
    recurrent = _is_recurrent(place, layer)
    with torch.no_grad():
        answer = record(place.network, [layer], place.example)[layer]
    vector = torch.zeros(answer.shape[-1 if recurrent else 1])
    for term in weights.split(","):
        unit, _, weight = term.partition("=")
        if int(unit) >= len(vector):
            raise VisualizationError(
                f"objective {asked.text!r}: layer {layer!r} has units 0 to "
                f"{len(vector) - 1}, not {unit}"
            )
        vector[int(unit)] = float(weight)
    made = direction(layer, vector)
    return seen(made, last_step) if recurrent else made


_OBJECTIVES: dict[str, Callable[[Asked, Place], Objective]] = {
    "class": _class,
    "channel": _channel,
    "neuron": _neuron,
    "direction": _direction,
    "diversity": _channel,
}


def _unit(asked: Asked, place: Place) -> int | None:
    if asked.kind == "class":
        return _class_number(asked, place)
    unit = asked.parts.get("unit")
    return None if unit is None else int(unit)


def _class_number(asked: Asked, place: Place) -> int:
    name = asked.parts["name"]
    if name not in place.classes:
        known = ", ".join(place.classes)
        raise VisualizationError(
            f"objective {asked.text!r}: no class {name!r}; the model has: {known}"
        )
    return place.classes.index(name)


def _is_recurrent(place: Place, layer: str) -> bool:
    return isinstance(find_layer(place.network, layer), nn.RNNBase)


def _checked(objective: Objective, place: Place) -> Objective:
    """Ask it of one real input, which raises where there is no such unit."""
    with torch.no_grad():
        objective.score(record(place.network, objective.layers, place.example))
    return objective
