"""Which units are shown: those that vary most over the real inputs."""

import numpy as np
import torch
from torch import nn

from trainer.visualize.examples import CHUNK
from trainer.visualize.targets import slug, unit_targets


def test_units_that_vary_most_are_shown_and_few_inputs_are_in_memory_at_once():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(2, 9, 3), nn.ReLU(), nn.Flatten(), nn.Linear(81, 5), nn.Linear(5, 2)
    ).eval()
    batches = []
    network[0].register_forward_pre_hook(lambda _, x: batches.append(len(x[0])))
    inputs = torch.randn(2 * CHUNK + 7, 2, 5, 5)
    found = unit_targets(network, inputs, 3)
    assert max(batches) <= CHUNK
    with torch.no_grad():
        maps = network[0](inputs).double().numpy().mean((2, 3))
        flat = network[3](network[:3](inputs)).double().numpy()
    expected = [
        (layer, int(unit))
        for layer, answers in (("0", maps), ("3", flat))
        for unit in sorted(np.argsort(-answers.std(axis=0))[:3])
    ]  # the last layer's units are the classes
    assert [(t.layer, t.unit) for t in found] == expected


def test_a_unit_that_never_moves_is_not_shown():
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    nn.init.zeros_(network[0].weight)
    network[0].weight.data[2] = 1.0
    found = unit_targets(network, torch.randn(20, 3), 4)
    assert [(t.layer, t.unit) for t in found] == [("0", 2)]


def test_a_name_becomes_part_of_a_file_s():
    assert slug("body.4:3@1,2") == "body-4-3-1-2"
    assert slug("?") == "x"
    assert len(slug("long " * 40)) <= 60
