"""Which units of a network are shown: every class, and some units of each layer."""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from trainer.visualize.activations import find_layer, record
from trainer.visualize.examples import CHUNK
from trainer.visualize.objectives import Objective, channel, last_state, logit

_SHOWN = (nn.Conv2d, nn.Conv1d, nn.Linear, nn.RNNBase)
MAX_CLASSES = 24


Kind: TypeAlias = Literal[
    "class", "unit", "neuron", "direction", "diversity", "interpolation"
]


@dataclass(frozen=True)
class Target:
    """One thing to be shown, and its objective.

    ``unit`` is None where it is not of one unit. ``file`` is the picture's name without
    its ending, ``asked`` the spelling of what was asked for and empty of what is always
    shown. ``apart`` is rewarded too where several pictures of it are to differ.
    """

    kind: Kind
    name: str
    layer: str
    unit: int | None
    objective: Objective
    file: str
    asked: str = ""
    apart: Objective | None = None


def slug(name: str) -> str:
    """Return a name as part of a file's: letters and digits, at most 60."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name)[:60].strip("-") or "x"


def class_targets(classes: tuple[str, ...]) -> list[Target]:
    """Return one target a class, at most MAX_CLASSES."""
    return [
        Target("class", name, "", i, logit(i, name), f"class-{i}-{slug(name)}")
        for i, name in enumerate(classes[:MAX_CLASSES])
    ]


def unit_targets(network: nn.Module, inputs: Tensor, per_layer: int) -> list[Target]:
    """Return the units of each layer that vary most over real inputs.

    Layers are convolutions and linear layers, before their ReLU (below 0 it shows
    nothing and gives no gradient), and recurrent layers. The last one is left out: its
    units are the classes.
    """
    names = [n for n, m in network.named_modules() if isinstance(m, _SHOWN)][:-1]
    if not names or per_layer == 0:
        return []
    recurrent = {n: isinstance(find_layer(network, n), nn.RNNBase) for n in names}
    answers: dict[str, list[Tensor]] = {name: [] for name in names}
    with torch.no_grad():
        for chunk in torch.split(inputs, CHUNK):
            for name, answer in record(network, names, chunk).items():
                answers[name].append(_one_number(answer, recurrent[name]))
    targets = []
    for name in names:
        spread = torch.cat(answers[name]).std(dim=0)
        alive = int((spread > 1e-6).sum())
        for unit in spread.topk(min(per_layer, alive)).indices.sort().values.tolist():
            made = last_state(name, unit) if recurrent[name] else channel(name, unit)
            title = f"{name}:{unit}"
            file = f"unit-{unit}-{slug(title)}"
            targets.append(Target("unit", title, name, unit, made, file))
    return targets


def _one_number(answer: Tensor, recurrent: bool) -> Tensor:
    """Return one number a unit and input, [n, n_units]."""
    if recurrent:
        return answer[:, -1]
    return answer if answer.dim() == 2 else answer.flatten(2).mean(dim=2)
