"""Checkpoints: the first, the last, and evenly spaced ones between."""

import torch
from torch import nn

from tests.trainer.test_fit import CONFIG, build
from trainer.fit import fit
from trainer.landscape.recorder import Recorder
from trainer.landscape.weights import flatten, weights_of


def test_a_training_run_records_every_epoch_and_ends_at_its_network(separable_rows):
    recorder = Recorder()
    fitted = fit(build, separable_rows, CONFIG, record=recorder)
    assert recorder.epochs == list(range(21))
    last = flatten(recorder.checkpoints[-1])
    assert torch.equal(last, flatten(weights_of(fitted.network)))


def test_recording_changes_nothing(separable_rows):
    plain = fit(build, separable_rows, CONFIG).network
    recorded = fit(build, separable_rows, CONFIG, record=Recorder()).network
    assert torch.equal(flatten(weights_of(plain)), flatten(weights_of(recorded)))


def test_it_thins_out_evenly_keeping_both_ends():
    recorder, network = Recorder(limit=4), nn.Linear(1, 1)
    for epoch in range(24):
        recorder(epoch, network)
    assert recorder.epochs == [0, 4, 8, 12, 16, 20, 23]
    recorder(0, network)
    assert recorder.epochs == [0]
