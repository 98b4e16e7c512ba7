"""Larger networks whose gradients are timed, with rows to ask them about.

Hardly trained: what a gradient costs does not depend on the weights. The rows are noise
whose last part is higher for one label, enough for a tree.
"""

import numpy as np
from torch import Tensor, nn

from trainer.data.raw import RawImages, RawSequences
from trainer.families.own import NetworkSpec

ROWS = 200
TOKEN = 32
"""Width of a token."""


def pictures() -> RawImages:
    """Return grey pictures of 28 x 28 pixels."""
    pixels, labels = _noise((28, 28))
    return RawImages(pixels, labels)


def sequences(steps: int, channels: int) -> RawSequences:
    """Return sequences of one length."""
    values, labels = _noise((steps, channels))
    return RawSequences(list(values), labels)


def _noise(shape: tuple[int, int]) -> tuple[np.ndarray, list[str]]:
    random = np.random.default_rng(0)
    values, high = random.normal(size=(ROWS, *shape)), random.integers(0, 2, ROWS)
    values[:, -shape[0] // 4 :] += 2.0 * high[:, None, None]
    return values, [("low", "high")[label] for label in high]


class Attention(nn.Module):
    """Two layers of attention over all steps, read at the last one."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.embed = nn.Linear(spec.shape[1], TOKEN)
        layer = nn.TransformerEncoderLayer(
            TOKEN, 4, dim_feedforward=2 * TOKEN, dropout=0, batch_first=True
        )
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(TOKEN, spec.n_classes)

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """[n, steps, n_channels] and [n] -> logits [n, n_classes]."""
        states = self.layers(self.embed(inputs))
        last = (lengths - 1)[:, None, None].expand(-1, 1, TOKEN)
        logits: Tensor = self.head(states.gather(1, last).squeeze(1))
        return logits


def attention(spec: NetworkSpec) -> nn.Module:
    """Build the network for sequences of one length, which needs no mask."""
    return Attention(spec)


def _sequences(steps: int) -> dict[str, object]:
    options = {"steps": steps, "channels": 4}
    return {"loader": "networks:sequences", "options": options}


CONFIGURATIONS: dict[str, dict[str, object]] = {
    "2 convolutions, 28 x 28": {
        "data": "networks:pictures",
        "model": {"family": "image", "channels": [16, 32]},
    },
    "2 attention layers, 48 steps": {
        "data": _sequences(48),
        "model": "networks:attention",
    },
    "GRU of 32, 20 steps": {
        "data": _sequences(20),
        "model": {"family": "sequence", "cell": "gru", "hidden": 32},
    },
    "LSTM of 32, 20 steps": {
        "data": _sequences(20),
        "model": {"family": "sequence", "cell": "lstm", "hidden": 32},
    },
}
"""What is trained, by the name that the benchmark prints."""
