"""The example that draws the published sheets, on a network of a few layers."""

import importlib
import io
import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from trainer.visualize.objectives import channel, logit
from trainer.visualize.optimise import Recipe

EXAMPLES = Path(__file__).parents[3] / "examples"
LAYER = "network._blocks.12._bn1"


class Shallow(nn.Module):
    """As wide as EfficientNet-lite0 where the example looks, and one layer deep."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.network = nn.Module()
        self.network._blocks = nn.ModuleList(nn.Module() for _ in range(13))
        self.network._blocks[12]._bn1 = nn.Conv2d(3, 1152, 32, stride=32)
        self.head = nn.Linear(1152, 1000)

    def forward(self, x):
        return self.head(self.network._blocks[12]._bn1(x).relu().mean((2, 3)))


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("efficientnet_gallery")


def test_both_sheets_are_drawn(example, tmp_path):
    network, recipe = Shallow().eval(), Recipe(steps=2)
    photographs = torch.rand(3, 3, 224, 224)
    wanted = {LAYER: [channel(LAYER, 5)], "classes": [logit(967, "espresso")]}
    example.draw_layers(network, photographs, wanted, recipe, tmp_path)
    example.draw_objectives(network, recipe, tmp_path)
    figures = json.loads((tmp_path / "figures.json").read_text())
    with torch.no_grad():
        logits = network(photographs)[:, 967]
    assert figures[1]["best_photograph"] == pytest.approx(float(logits.max()), abs=1e-4)
    assert figures[1]["worst_photograph"] == pytest.approx(
        float(logits.min()), abs=1e-4
    )
    for file in ("espresso.png", "layers.png", "objectives.png"):
        picture = Image.open(io.BytesIO((tmp_path / file).read_bytes()))
        low, high = picture.convert("L").getextrema()
        assert high - low > 20, file
        assert file != "espresso.png" or picture.size == (224, 224)
