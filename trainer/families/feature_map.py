"""The last feature map of a network for pictures: what class activation maps weigh."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.calibration import Tempered
from trainer.families.layers import Centre
from trainer.families.own import Centred

TOLERANCE = 1e-4
"""Of the largest logit: two ways through the same layers differ by about 1e-6."""


@dataclass(frozen=True)
class Mapped:
    """A network whose logits are linear in the mean of its last feature map.

    logits = centre(head(mean of feature_map(inputs))) * scale.
    """

    network: Any
    scale: float

    @property
    def weights(self) -> NDArray[np.float32]:
        """[n_classes, k]: d centred logit / d mean of the map."""
        weights = self.network.head.weight.detach().double().numpy() * self.scale
        return np.asarray(weights - weights.mean(axis=0), dtype=np.float32)


class MappedPredictor(nn.Module):
    """Inputs -> logits, probabilities and feature map, of a ``Mapped`` network."""

    def __init__(self, found: Mapped) -> None:
        super().__init__()
        self.network = found.network
        self.scale = found.scale
        self.centre = Centre()

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return ([n, n_classes], [n, n_classes], [n, k, h, w])."""
        network: Any = self.network
        features = network.feature_map(inputs)
        logits = self.centre(network.head(features.mean((2, 3)))) * self.scale
        return logits, torch.softmax(logits, dim=1), features


class WithMap(nn.Module):
    """Inputs -> logits and the output of one layer, of any network.

    Parameters
    ----------
    layer : name of a module of the network below centring and temperature.
    """

    def __init__(self, network: nn.Module, layer: str) -> None:
        super().__init__()
        self.network = network
        self.layer = layer

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return ([n, n_classes], [n, k, h, w]); of a layer used twice, its last."""
        kept: list[Tensor] = []
        layer = unwrap(self.network).get_submodule(self.layer)
        hook = layer.register_forward_hook(lambda *call: kept.append(call[-1]))
        try:
            logits = self.network(inputs)
        finally:
            hook.remove()
        return logits, kept[-1]


def unwrap(network: nn.Module) -> nn.Module:
    """Return what lies below centring and temperature."""
    while isinstance(network, Centred | Tempered):
        network = network.network
    return network


def find_map(network: nn.Module, inputs: Tensor) -> Mapped | None:
    """Look for ``feature_map`` and a linear ``head``, and see that they are all.

    Parameters
    ----------
    network : in evaluation mode. inputs : [n, *shape], some pictures to try it on.
    """
    inner = unwrap(network)
    scale = 1 / float(network.temperature) if isinstance(network, Tempered) else 1.0
    has_map = callable(getattr(inner, "feature_map", None))
    if not has_map or not isinstance(getattr(inner, "head", None), nn.Linear):
        return None
    found = Mapped(inner, scale)
    with torch.no_grad():
        logits = network(inputs)
        gap = (MappedPredictor(found)(inputs)[0] - logits).abs().max()
    return found if gap <= TOLERANCE * logits.abs().max() else None


def find_layer(network: nn.Module, inputs: Tensor) -> str | None:
    """Return the name of the last layer whose output is a map, in order of calling.

    A map is [n, k, h, w] with more than one position. None where there is none.
    """
    found: list[str] = []

    def note(name: str) -> Any:
        def hook(module: nn.Module, given: Any, output: Any) -> None:
            is_map = isinstance(output, Tensor) and output.dim() == 4
            if is_map and output.shape[2] * output.shape[3] > 1:
                found.append(name)

        return hook

    layers = [pair for pair in unwrap(network).named_modules() if pair[0]]
    hooks = [layer.register_forward_hook(note(name)) for name, layer in layers]
    try:
        with torch.no_grad():
            network(inputs)
    finally:
        for handle in hooks:
            handle.remove()
    return found[-1] if found else None
