"""The demo on ImageNet's own weights: what it says of two photographs, and whether its
groups are the network's own probabilities, added up.
"""

import importlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("efficientnet")


@pytest.fixture
def grouped(example):
    return example.Grouped().eval()


def pixels(picture: np.ndarray) -> torch.Tensor:
    """Cut out the middle square as a client would: [1, 3, 224, 224], 0 to 255."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = Image.fromarray(picture[top : top + side, left : left + side])
    resized = np.asarray(square.resize((224, 224), Image.Resampling.BICUBIC))
    return torch.from_numpy(resized.astype(np.float32)).permute(2, 0, 1)[None]


def test_coffee_is_espresso_and_chelsea_a_cat(example, grouped):
    photographs = example.photographs()
    classes = [*example.CLASSES, example.OTHER]
    for name, at_least in ((example.ESPRESSO, 0.9), (example.CAT, 0.8)):
        with torch.no_grad():
            answer = grouped(pixels(photographs[name][0])).softmax(1)[0]
        assert classes[int(answer.argmax())] == name
        assert float(answer.max()) > at_least


def test_a_group_has_the_probabilities_of_its_classes(example, grouped):
    photograph = pixels(example.photographs()[example.CAT][0])
    with torch.no_grad():
        found = grouped(photograph).softmax(1)[0].double()
        scaled = (photograph / 255 - example.MEAN) / example.SPREAD
        each = grouped.network(scaled).double().softmax(1)[0]
    sums = [float(each[list(numbers)].sum()) for numbers in example.CLASSES.values()]
    np.testing.assert_allclose(found, [*sums, 1 - sum(sums)], atol=1e-6)
    # Of the thousand the first is ImageNet's "Egyptian cat": docs/explanations.md.
    assert int(each.argmax()) == 285 in example.CLASSES[example.CAT]
    shares = {number: float(each[number]) for number in example.CLASSES[example.CAT]}
    assert shares == pytest.approx({285: 0.38, 282: 0.33, 281: 0.16}, abs=0.01)
