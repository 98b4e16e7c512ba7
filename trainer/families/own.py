"""Networks and data of one's own: "package.module:function" in the configuration.

A factory is a function of a ``NetworkSpec`` and the keyword ``options``, and returns an
untrained ``torch.nn.Module``:

    def factory(spec: NetworkSpec, **options) -> torch.nn.Module

Its ``forward`` maps raw inputs to logits [n, n_classes], rows independent of one
another (no batch statistics in evaluation mode), and standardises them itself:

- tables: ``forward(features)``, [n, d] tree features in their own units;
- sequences: ``forward(inputs, lengths)``, [n, steps, n_channels] float32, zero after
  each row's length, and [n] int64; the answer is for the last step of each row and does
  not look beyond it. nn.GRU and nn.LSTM (batch_first, one direction) are exported. A
  method ``every_step(inputs)`` -> [n, steps, n_classes], which answers all steps at
  once and alike, makes training on labels a step much faster;
- pictures: ``forward(inputs)``, [n, n_channels, height, width] raw pixel values. A
  module with ``feature_map(inputs)`` -> [n, k, h, w] and a linear layer ``head``, whose
  logits are ``head(feature_map.mean((2, 3)))``, gets Grad-CAM in closed form; any other
  gets it by the gradient at the last layer that was called and whose output is a map.

A module whose forward pass has no ONNX form cannot be served. One whose gradient has
none is served without gradient methods; the manifest says why.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from explainers.manifest import Family as FamilyName
from trainer.config import OwnModel
from trainer.errors import ConfigError
from trainer.families.layers import Centre
from trainer.own_code import find_function


@dataclass(frozen=True)
class NetworkSpec:
    """What a factory is told.

    ``shape`` is one row's: (d,), (most steps, n_channels) or (n_channels, height,
    width). ``mean`` and ``spread`` are those of the training rows, float32, [d] or
    [n_channels]; every spread is > 0.
    """

    family: FamilyName
    shape: tuple[int, ...]
    n_classes: int
    mean: NDArray[np.float32]
    spread: NDArray[np.float32]


class Centred(nn.Module):
    """A network with its logits centred, as those of the built-in families are."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.centre = Centre()

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return centred logits [n, n_classes]."""
        centred: Tensor = self.centre(self.network(*inputs))
        return centred


class CentredSteps(Centred):
    """The same for a network that answers every step of a sequence in one pass."""

    def every_step(self, inputs: Tensor) -> Tensor:
        """Return centred logits [n, steps, n_classes]."""
        network: Any = self.network
        centred: Tensor = self.centre(network.every_step(inputs))
        return centred


def build_own(model: OwnModel, spec: NetworkSpec) -> nn.Module:
    """Call the factory of a configuration, and try what it returns on two rows.

    Raises
    ------
    ConfigError
        There is no such function, it cannot be called so, or returns no module; or the
        module does not turn rows into float32 logits.
    """
    factory = find_function(model.factory, "model")
    try:
        network = factory(spec, **model.options)
    except TypeError as error:
        raise ConfigError(
            f"model {model.factory!r} cannot be called with a NetworkSpec and the "
            f"options {sorted(model.options)}: {error}"
        ) from error
    if not isinstance(network, nn.Module):
        raise ConfigError(
            f"model {model.factory!r} returned {type(network).__name__}; expected a "
            "torch.nn.Module"
        )
    _try(network, model.factory, spec)
    wrapper = CentredSteps if hasattr(network, "every_step") else Centred
    return wrapper(network)


def _try(network: nn.Module, name: str, spec: NetworkSpec) -> None:
    """Refuse a network that fails on two rows, before hours are spent on it."""
    rows = torch.zeros(2, *spec.shape)
    inputs = [rows, torch.ones(2, dtype=torch.int64)][: 1 + (spec.family == "sequence")]
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            logits = network(*inputs)
    except Exception as error:  # somebody else's code: it may raise anything
        raise ConfigError(
            f"model {name!r} fails on two rows of zeros, of shape {tuple(rows.shape)} "
            f"and float32: {type(error).__name__}: {error}"
        ) from error
    finally:
        network.train(training)
    wanted = (2, spec.n_classes)
    found = type(logits).__name__
    if isinstance(logits, Tensor):
        found = f"a tensor of shape {tuple(logits.shape)}"
    if not isinstance(logits, Tensor) or tuple(logits.shape) != wanted:
        raise ConfigError(
            f"model {name!r} answers two rows with {found}; expected a tensor of shape "
            f"{wanted}: one logit a class"
        )
    if logits.dtype != torch.float32:
        raise ConfigError(
            f"model {name!r} answers in {logits.dtype}; expected torch.float32"
        )
