"""One temperature for the logits, so that probabilities mean what they say.

The pull holds logits near zero wherever tree and labels differ, and lets them grow
elsewhere. Dividing all of them by one number changes no decision, no ranking within a
class pair and no tree; so validation rows that fitted it remain unseen for fidelity.
Vector scaling moves decisions and is not offered.
"""

import numpy as np
import torch
from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]
from torch import Tensor, nn

from explainers.arrays import Indexes, Probabilities

COOLEST, HOTTEST = 0.05, 20.0
"""Bounds of the temperature: a network that errs nowhere on few rows asks for 0."""
FEWEST_ROWS = 50
"""With fewer validation rows the temperature stays 1: it would be noise."""
_FLOOR = 1e-7


def fit_temperature(probabilities: Probabilities, y: Indexes) -> float:
    """Return the temperature with the least log-loss.

    Parameters
    ----------
    probabilities : [n, n_classes] of rows that the network was not fitted to.
    y : [n] true class indexes.

    References
    ----------
    Guo, Pleiss, Sun, Weinberger: "On Calibration of Modern Neural Networks", ICML 2017.
    """
    if len(y) < FEWEST_ROWS:
        return 1.0
    logits = np.log(np.maximum(probabilities.astype(np.float64), _FLOOR))

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        total = np.log(np.exp(scaled).sum(axis=1))
        return float((total - scaled[np.arange(len(y)), y]).mean())

    bounds = (np.log(COOLEST), np.log(HOTTEST))
    found = minimize_scalar(loss, bounds=bounds, method="bounded")
    return float(np.exp(found.x))


class Tempered(nn.Module):
    """A network whose logits are divided by a temperature."""

    temperature: Tensor

    def __init__(self, network: nn.Module, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("temperature", torch.tensor(temperature))

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the logits, each row divided by the temperature."""
        logits: Tensor = self.network(*inputs)
        return logits / self.temperature


def temper(network: nn.Module, temperature: float) -> nn.Module:
    """Return the network with its logits divided by ``temperature``.

    Where the last layer with weights is linear and only centring follows, it is scaled
    itself (by the network's own ``scale_logits``, if it has one): the network keeps its
    layers and their names.
    """
    if temperature == 1.0:
        return network
    scale_logits = getattr(network, "scale_logits", None)
    if scale_logits is not None:
        scale_logits(1 / temperature)
        return network
    layers = list(network.children()) if isinstance(network, nn.Sequential) else []
    if len(layers) > 1 and isinstance(layers[-2], nn.Linear):
        with torch.no_grad():
            for parameter in layers[-2].parameters():
                parameter.div_(temperature)
        return network
    return Tempered(network, temperature).eval()
