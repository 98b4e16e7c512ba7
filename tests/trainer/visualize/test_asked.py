"""Objectives by their spelling, beside answers computed by hand; what is refused."""

import pytest
import torch
from torch import nn

from trainer.errors import VisualizationError
from trainer.visualize.activations import record
from trainer.visualize.asked import Place, asked_targets, parse
from trainer.visualize.gallery import AsPicture


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.cells = nn.GRU(3, 4, batch_first=True)
        self.head = nn.Linear(4, 2)

    def forward(self, sequences, lengths):
        return self.head(self.cells(sequences)[0][:, -1])


@pytest.fixture(scope="module")
def pictures():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 4 * 6, 2)
    )
    return Place(network.eval(), torch.randn(3, 1, 6, 8), ("a..b", "c, d"))


@pytest.fixture(scope="module")
def sequences():
    torch.manual_seed(2)
    example = torch.randn(3, 3, 1, 7)  # as pictures of one line
    return Place(AsPicture(Recurrent()).eval(), example, ("no", "yes"))


def scores(text, place):
    with torch.no_grad():
        return [
            t.objective.score(record(place.network, t.objective.layers, place.example))
            for t in asked_targets([parse(text)], place)
        ]


def test_every_kind_reads_what_it_says(pictures):
    with torch.no_grad():
        answer = pictures.network[0](pictures.example)  # [3, 5, 4, 6]
        logits = pictures.network(pictures.example)
    mean = answer.mean((2, 3))
    expected = {
        "class:c, d": logits[:, 1],
        "channel:0:4": mean[:, 4],
        "channel:3:1": logits[:, 1],
        "neuron:0:2": answer[:, 2, 2, 3],
        "neuron:0:2@3,0": answer[:, 2, 3, 0],
        "neuron:3:0": logits[:, 0],
        "direction:0:1=2,4=-.5": 2 * mean[:, 1] - mean[:, 4] / 2,
        "diversity:0:3": mean[:, 3],
    }
    for text, wanted in expected.items():
        (found,) = scores(text, pictures)
        torch.testing.assert_close(found, wanted, msg=text)


def test_a_recurrent_layer_is_read_at_its_steps(sequences):
    with torch.no_grad():
        lines = sequences.example[:, :, 0].transpose(1, 2)
        states = sequences.network.network.cells(lines)[0]  # [3, 7, 4]
    expected = {
        "channel:network.cells:2": states[:, -1, 2],
        "neuron:network.cells:2": states[:, 3, 2],
        "neuron:network.cells:0@6": states[:, 6, 0],
        "direction:network.cells:0=1,3=-1": states[:, -1, 0] - states[:, -1, 3],
    }
    for text, wanted in expected.items():
        (found,) = scores(text, sequences)
        torch.testing.assert_close(found, wanted, msg=text)


def test_facets_of_a_recurrent_layer_are_kept_apart_over_its_steps(sequences):
    (target,) = asked_targets([parse("diversity:network.cells:1")], sequences)
    with torch.no_grad():
        found = target.apart.score(
            record(sequences.network, target.apart.layers, sequences.example)
        )
        lines = sequences.example[:, :, 0].transpose(1, 2)
        states = sequences.network.network.cells(lines)[0].double()
    grams = [(s.T @ s).ravel() for s in states]  # summed over steps: [4, 4]
    cosine = torch.stack(
        [torch.stack([a @ b / a.norm() / b.norm() for b in grams]) for a in grams]
    )
    torch.testing.assert_close(found.double(), -(cosine.sum(1) - 1) / 2)


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("interpolation:class:a..b..channel:0:4", ["class:a..b", "channel:0:4"]),
        ("interpolation:neuron:0:1..direction:0:2=1", ["neuron:0:1", "channel:0:2"]),
    ],
)
def test_an_interpolation_has_both_ends_and_the_middle(pictures, text, ends):
    (start,), (end,) = (scores(one, pictures) for one in ends)
    found = scores(text, pictures)
    for blend, wanted in zip(found, [start, (start + end) / 2, end], strict=True):
        torch.testing.assert_close(blend, wanted)


def test_each_picture_has_a_file_of_its_own(pictures):
    texts = [
        "direction:0:1=1",
        "direction:0:1=-1",
        "interpolation:class:a..b..class:c, d",
    ]
    found = asked_targets([parse(text) for text in texts], pictures)
    assert [t.asked for t in found] == [*texts[:2], *texts[2:] * 3]
    assert len({t.file for t in found}) == 5


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "chanel:0:1",
            "unknown objective 'chanel:0:1'; available: class:NAME, channel",
        ),
        ("channel:0", "'channel:0' is not written as channel:LAYER:UNIT"),
        ("channel:0:x", "is not written as channel:LAYER:UNIT"),
        ("neuron:0:1@1;2", r"is not written as neuron:LAYER:UNIT\[@ROW,COLUMN\]"),
        ("direction:0:1", "is not written as direction:LAYER:UNIT=WEIGHT"),
        ("direction:0:1=nan", "is not written as direction:LAYER:UNIT=WEIGHT"),
        ("interpolation:class:a", "is not written as interpolation:ONE..OTHER"),
        ("interpolation:diversity:0:1..class:a", "runs between classes, channels"),
        ("interpolation:clas:a..class:a", "unknown objective 'clas:a'"),
    ],
)
def test_a_spelling_that_is_wrong_is_told_what_is_right(text, told):
    with pytest.raises(VisualizationError, match=told):
        parse(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("class:e", "no class 'e'; the model has: a..b, c, d"),
        ("channel:9:1", "no layer '9'; the network has: 0, 1, 2, 3"),
        ("channel:0:5", r"layer '0' answers \[3, 5, 4, 6\]: it has no unit 5"),
        ("neuron:0:1@4,0", r"layer '0' answers at \[4, 6\] positions: none is 4,0"),
        ("neuron:0:1@1", r"layer '0' answers at \[4, 6\] positions: none is 1"),
        ("direction:0:1=1,5=1", "layer '0' has units 0 to 4, not 5"),
        ("diversity:0:7", "it has no unit 7"),
        ("interpolation:class:a..b..channel:0:5", "it has no unit 5"),
    ],
)
def test_what_the_network_lacks_is_named(pictures, text, told):
    with pytest.raises(VisualizationError, match=told):
        asked_targets([parse(text)], pictures)
