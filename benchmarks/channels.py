"""How often feature visualization beats the best real example: a random sample.

Channels of EfficientNet-lite0 drawn by a seed, as many of each of its 49 batch
normalisations, none left out. Real examples are crops of the photographs of
examples/efficientnet_gallery.py.
Usage: python -m benchmarks channels [channels a layer] [steps]
"""

import sys

import efficientnet_gallery as gallery
import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from benchmarks.interleaved import load
from trainer.visualize.activations import record
from trainer.visualize.examples import score_examples
from trainer.visualize.objectives import channel
from trainer.visualize.optimise import Recipe, outdo

SEED = 0


def main() -> None:
    """Optimise every channel drawn, print those that stay below, and the share."""
    each, steps = (int(a) for a in [*sys.argv[2:], *["2", "96"][len(sys.argv) - 2 :]])
    torch.set_num_threads(1)
    network, photographs = gallery.load_standardised(), gallery.load_photographs()
    random = np.random.default_rng(SEED)
    results: list[tuple[bool, bool]] = []
    for layer in tqdm(layers_of(network), unit="layer"):
        with torch.no_grad():
            count = record(network, [layer], photographs[:1])[layer].shape[1]
        units = sorted(random.choice(count, each, replace=False).tolist())
        objectives = [channel(layer, unit) for unit in units]
        best = score_examples(network, objectives, photographs).max(axis=1)
        for objective, real in zip(objectives, best, strict=True):
            made = outdo(network, objective, gallery.BOUNDS, Recipe(steps=steps), real)
            found = float(made.scores[0])
            results.append((found > real, made.moved))
            if found <= real or not made.moved:
                how = "" if made.moved else " in place"
                print(f"{objective.name}: {found:.2f}{how}, best crop {real:.2f}")
    above = sum(better for better, _ in results)
    moved = sum(better and moved for better, moved in results)
    print(
        f"{above} of {len(results)} above the best of {len(photographs)} crops, "
        f"{moved} of them though moved about; {load()}"
    )


def layers_of(network: nn.Module) -> list[str]:
    """Return all batch normalisations: what every convolution answers, before ReLU6."""
    return [n for n, m in network.named_modules() if isinstance(m, nn.BatchNorm2d)]
