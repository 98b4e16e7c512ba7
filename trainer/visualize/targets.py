"""Which units of a network are shown: every class, and some units of each layer."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from trainer.visualize.activations import record
from trainer.visualize.objectives import Objective, channel, last_state, logit

_SHOWN = (nn.Conv2d, nn.Conv1d, nn.Linear, nn.RNNBase)
MAX_CLASSES = 24


@dataclass(frozen=True)
class Target:
    """One unit or class, and its objective."""

    kind: Literal["class", "unit"]
    name: str
    layer: str
    unit: int
    objective: Objective


def class_targets(classes: tuple[str, ...]) -> list[Target]:
    """Return one target a class, at most MAX_CLASSES."""
    return [
        Target("class", name, "", i, logit(i, name))
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
    with torch.no_grad():
        answers = record(network, names, inputs)
    targets = []
    for name in names:
        module, answer = network.get_submodule(name), answers[name]
        recurrent = isinstance(module, nn.RNNBase)
        spread = _one_number(answer, recurrent).std(dim=0)
        alive = int((spread > 1e-6).sum())
        for unit in spread.topk(min(per_layer, alive)).indices.sort().values.tolist():
            made = last_state(name, unit) if recurrent else channel(name, unit)
            targets.append(Target("unit", f"{name}:{unit}", name, unit, made))
    return targets


def _one_number(answer: Tensor, recurrent: bool) -> Tensor:
    """Return one number a unit and input, [n, n_units]."""
    if recurrent:
        return answer[:, -1]
    return answer if answer.dim() == 2 else answer.flatten(2).mean(dim=2)
