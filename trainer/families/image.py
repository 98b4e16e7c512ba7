"""Pictures: a small convolutional network with a global-average-pool head.

The head is linear in the mean of the last feature map, so Grad-CAM has a closed form:
the gradient of a logit by the map is a weight of the head over the number of positions.
"""

from dataclasses import dataclass

import numpy as np
import torch
from msgspec import UNSET
from numpy.typing import NDArray
from torch import Tensor, nn

from explainers.arrays import Indexes, TreeFeatures
from explainers.loading import HEAD, MEAN, SPREAD
from explainers.manifest import Family as FamilyName
from explainers.manifest import InputFeature, InputSchema, TreeFeature
from explainers.model import FEATURE_MAP
from trainer.config import Config, ImageModel, OwnModel
from trainer.data.encoding import Moments, measure_moments
from trainer.data.images import Images, build_images
from trainer.data.raw import RawImages
from trainer.data.split import Split, split_table
from trainer.families.base import Arrays, Graph
from trainer.families.feature_map import (
    Mapped,
    MappedPredictor,
    WithMap,
    find_layer,
    find_map,
)
from trainer.families.layers import Centre, Standardise
from trainer.families.own import NetworkSpec, build_own
from trainer.rows import Examples, Whole
from trainer.tree_features.images import (
    Grid,
    PatchMeans,
    describe_patches,
    plan_grid,
)

SMALLEST_MAP = 4
"""Positions along a side that halving leaves: a map of 2 x 2 shows nothing."""


class ImageNetwork(nn.Module):
    """Convolutions of 3 x 3, halving in between, then average and one linear layer.

    ``side`` is the shorter side of the pictures, in pixels.
    """

    def __init__(
        self, model: ImageModel, channels: Moments, side: int, n_classes: int
    ) -> None:
        super().__init__()
        scale = np.where(channels.varies, 1.0 / channels.spread, 0.0)
        layers: list[nn.Module] = [
            Standardise(
                torch.tensor(channels.mean, dtype=torch.float32)[:, None, None],
                torch.tensor(scale, dtype=torch.float32)[:, None, None],
            )
        ]
        width = len(scale)
        for i, units in enumerate(model.channels):
            if i and side // 2 >= SMALLEST_MAP:
                layers.append(nn.MaxPool2d(2))
                side //= 2
            layers += [nn.Conv2d(width, units, 3, padding=1), nn.ReLU()]
            width = units
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(width, n_classes)
        self.centre = Centre()

    def feature_map(self, inputs: Tensor) -> Tensor:
        """[n, n_channels, height, width] -> the last map, [n, k, h, w], >= 0."""
        features: Tensor = self.body(inputs)
        return features

    def scale_logits(self, factor: float) -> None:
        """Multiply every logit by a factor, in place."""
        with torch.no_grad():
            for parameter in self.head.parameters():
                parameter.mul_(factor)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return centred logits [n, n_classes]."""
        logits: Tensor = self.centre(self.head(self.feature_map(inputs).mean((2, 3))))
        return logits


class ImagePredictor(nn.Module):
    """Inputs -> logits and probabilities: what predict.onnx holds of any network."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return ([n, n_classes], [n, n_classes])."""
        logits = self.network(inputs)
        return logits, torch.softmax(logits, dim=1)


@dataclass(frozen=True)
class ImageFamily:
    """Pictures, their patches, and the training pixels' statistics by channel."""

    config: Config
    table: Images
    split: Split
    grid: Grid
    channels: Moments
    moments: Moments
    Z: TreeFeatures
    name: FamilyName = "image"

    def build_network(self) -> nn.Module:
        """Return an untrained network."""
        model, n_classes = self.config.model, len(self.table.classes)
        if isinstance(model, OwnModel):
            spec = NetworkSpec(
                family="image",
                shape=self.table.X.shape[1:],
                n_classes=n_classes,
                mean=self.channels.mean.astype(np.float32),
                spread=self.channels.spread.astype(np.float32),
            )
            return build_own(model, spec)
        if not isinstance(model, ImageModel):
            raise TypeError("a network for pictures needs an ImageModel")
        side = min(self.table.X.shape[2:])
        return ImageNetwork(model, self.channels, side, n_classes)

    def build_features(self) -> nn.Module:
        """Return the patch means."""
        return PatchMeans(self.grid).eval()

    def examples(self, rows: Indexes) -> Examples | None:
        """Return the pictures."""
        return Whole(torch.from_numpy(self.table.X[rows]))

    def inputs(self, rows: Indexes) -> Arrays:
        """Return ([m, n_channels, height, width],)."""
        return (self.table.X[rows],)

    def servable(self, rows: Indexes) -> Indexes:
        """Return all rows."""
        return rows

    def graphs(self, network: nn.Module) -> dict[str, Graph]:
        """Return the graphs; with a feature map where the network has one."""
        found = self._mapped(network)
        outputs: tuple[str, ...] = ("logits", "probabilities")
        if found is None:
            predictor: nn.Module = ImagePredictor(network)
        else:
            predictor, outputs = MappedPredictor(found), (*outputs, FEATURE_MAP)
        names = ("input",)
        graphs = {
            "predict": Graph(predictor.eval(), names, outputs, self.sample),
            "gradient": Graph(network, names, ("logits", "gradient"), self.sample),
            "tree_features": Graph(
                self.build_features(), names, ("tree_features",), self.sample
            ),
        }
        layer = find_layer(network, self._few) if found is None else None
        if layer is not None:
            kept = WithMap(network, layer).eval()
            graphs["gradcam"] = Graph(kept, names, (layer, "gradient"), self.sample)
        return graphs

    def _mapped(self, network: nn.Module) -> Mapped | None:
        return find_map(network, self._few)

    @property
    def _few(self) -> Tensor:
        """Some pictures to try a network on."""
        return torch.from_numpy(self.table.X[self.split.train[:4]])

    def sample(self, n: int, random: np.random.Generator) -> Arrays:
        """Draw pictures: mixtures of two training pictures, like none that was seen."""
        X = self.table.X
        first, second = self.split.train[
            random.integers(0, len(self.split.train), (2, n))
        ]
        share = random.random((n, 1, 1, 1), dtype=np.float32)
        return (share * X[first] + (1 - share) * X[second],)

    def describe_input(self) -> InputSchema:
        """Return channels and size."""
        seen = self.table.X[self.split.train]
        low, high = seen.min(axis=(0, 2, 3)), seen.max(axis=(0, 2, 3))
        features = tuple(
            InputFeature(
                name=column.name,
                kind="numeric",
                unit=column.unit,
                minimum=float(low[i]),
                maximum=float(high[i]),
            )
            for i, column in enumerate(self.table.columns)
        )
        return InputSchema(
            shape=self.table.X.shape[1:],
            features=features,
            picture=self.table.picture or UNSET,
        )

    def describe_tree_features(self) -> tuple[TreeFeature, ...]:
        """Return the patches."""
        return describe_patches(
            self.grid, self.table.columns, self.Z[self.split.train], self.moments
        )

    def reference(self, network: nn.Module) -> dict[str, NDArray[np.generic]]:
        """Return the mean picture, the spread by channel, and the head's weights."""
        seen = self.table.X[self.split.train]
        arrays: dict[str, NDArray[np.generic]] = {
            MEAN: seen.mean(axis=0, dtype=np.float64).astype(np.float32),
            SPREAD: self.channels.spread.astype(np.float32)[:, None, None],
        }
        found = self._mapped(network)
        if found is not None:
            arrays[HEAD] = found.weights
        return arrays


def prepare_images(config: Config, raw: RawImages) -> ImageFamily:
    """Check, divide and describe pictures; raises DataError."""
    table = build_images(raw)
    split = split_table(table, config.data.split, config.data.seed)
    grid = plan_grid(config.tree_features, *table.X.shape[2:])
    with torch.no_grad():
        Z = PatchMeans(grid)(torch.from_numpy(table.X)).numpy()
    pixels = np.moveaxis(table.X[split.train], 1, -1).reshape(-1, len(table.columns))
    return ImageFamily(
        config=config,
        table=table,
        split=split,
        grid=grid,
        channels=measure_moments(pixels),
        moments=measure_moments(Z[split.train]),
        Z=Z,
    )
