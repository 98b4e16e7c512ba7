"""Movements: none is the identity, a shift is a shift, a turn is a turn."""

import pytest
import torch

from trainer.visualize.transforms import STANDARD, Robustness, draw_maps, move


def move_by(picture, **amount):
    still = Robustness(jitter=0, scale=0, degrees=0)
    generator = torch.Generator().manual_seed(0)
    amount = Robustness(**{**still.__dict__, **amount})
    return move(picture, torch.zeros(1), amount, generator)


def test_no_movement_changes_nothing():
    picture = torch.rand(2, 3, 9, 7)
    torch.testing.assert_close(move_by(picture), picture)


def test_the_rim_is_the_middle_value():
    moved = move(
        torch.ones(4, 1, 8, 8),
        torch.full((1, 1, 1), 0.5),
        Robustness(jitter=0.5, scale=0, degrees=0),
        torch.Generator().manual_seed(0),
    )
    assert moved.min() == pytest.approx(0.5)
    assert moved.max() == pytest.approx(1)


def test_maps_stay_within_their_bounds():
    maps = draw_maps(4000, STANDARD, torch.Generator().manual_seed(0))
    rotation, shift = maps[:, :, :2], maps[:, :, 2]
    size = 1 / torch.linalg.det(rotation).sqrt()
    assert 0.9 <= size.min() < 0.91
    assert 1.09 < size.max() <= 1.1
    angle = torch.rad2deg(torch.atan2(rotation[:, 1, 0], rotation[:, 0, 0]))
    assert 9.9 < angle.abs().max() <= 10.0001
    assert 0.99 * 2 * STANDARD.jitter < shift.abs().max() <= 2 * STANDARD.jitter
    assert len(maps.unique(dim=0)) == 4000  # every picture moves by itself
