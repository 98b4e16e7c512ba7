"""Feature visualization and loss landscape beside lucent's and loss-landscape's ways.

Neither package is maintained (last releases 2020 and 2021); their procedures are
written out here as their sources describe them, and run on the same network in the same
process, one thread each, in turn. Usage: python -m benchmarks visualization
"""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from efficientnet_gallery import BOUNDS, load_standardised
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.interleaved import Timing, interleave, load
from trainer.config import parse_config
from trainer.landscape.directions import random_direction
from trainer.landscape.subject import Subject, subject_of
from trainer.landscape.surface import answer, measure_points
from trainer.landscape.weights import Plane, weights_of
from trainer.pipeline import train
from trainer.visualize.objectives import Objective, channel, logit
from trainer.visualize.optimise import Recipe, optimise
from trainer.visualize.parametrisation import Fourier

STEPS = 4
"""Optimisation steps a call; a picture is 512, alike but for the first 16."""
WHOLE = 512
LAYERS: dict[str, Objective] = {
    "early (block 3 of 16)": channel("network._blocks.3._bn1", 10),
    "middle (block 9)": channel("network._blocks.9._bn1", 100),
    "class": logit(967),
}


def main() -> None:
    """Time both and print a table."""
    torch.set_num_threads(1)
    print(f"one thread, {load()}")
    network = load_standardised()
    for name, objective in LAYERS.items():
        timings = interleave(
            {
                "leafpath": lambda o=objective: optimise(
                    network, o, BOUNDS, Recipe(steps=STEPS, warm_up=0)
                ),
                "lucent's way": lambda o=objective: lucent_steps(network, o, STEPS),
            },
            rounds=7,
        )
        a_minute = {k: 60e3 / (t.median_ms * WHOLE / STEPS) for k, t in timings.items()}
        _print(f"pictures a minute, {name}, 224 x 224", a_minute, timings)
    for label, subject in subjects().items():
        timings = interleave(rivals(subject), rounds=9)
        points = {k: 1e3 * POINTS / t.median_ms for k, t in timings.items()}
        _print(f"points a second, {label}", points, timings)
        trees = interleave({"leafpath": lambda s=subject: with_trees(s)}, rounds=3)
        rate = 1e3 * 16 / trees["leafpath"].median_ms
        print(f"  with a tree distilled at every point: {rate:.3g} a second")
    print(load())


def _print(name: str, rates: dict[str, float], timings: dict[str, Timing]) -> None:
    ours, *rivals = rates
    print(f"{name}: {ours} {rates[ours]:.3g}")
    for rival in rivals:
        low = timings[rival].low_ms / timings[ours].high_ms
        high = timings[rival].high_ms / timings[ours].low_ms
        print(
            f"  {rival} {rates[rival]:.3g} = {rates[ours] / rates[rival]:.2f}x "
            f"(quartiles {low:.2f}-{high:.2f})"
        )


def lucent_steps(network: nn.Module, objective: Objective, steps: int) -> None:
    """Optimise as lucent's render_vis: everything run, parameters given gradients.

    fft_image with decorrelated colours, Adam .05, and its standard transforms: pad 12,
    jitter 8, random scale, random rotation, jitter 4 (lucent/optvis/transform.py).
    """
    made = Fourier((1, *BOUNDS.shape), BOUNDS.low, BOUNDS.high, 0)
    optimizer = torch.optim.Adam(made.parameters(), lr=0.05)
    found: dict[str, Tensor] = {}
    modules = dict(network.named_modules())
    handles = [
        modules[name].register_forward_hook(
            lambda _m, _i, output, name=name: found.__setitem__(name, output)
        )
        for name in objective.layers
    ]
    random = np.random.default_rng(0)
    for _ in range(steps):
        optimizer.zero_grad()
        network(transformed(made(), random))
        (-objective.score(found).mean()).backward()
        optimizer.step()
    for handle in handles:
        handle.remove()
    network.zero_grad()


def transformed(image: Tensor, random: np.random.Generator) -> Tensor:
    """Apply lucent's standard transforms one after another."""
    image = nn.functional.pad(image, (12,) * 4, value=0.5)
    image = _jitter(image, 8, random)
    scale = 1 + (random.integers(0, 11) - 5) / 50
    image = nn.functional.interpolate(image, scale_factor=float(scale), mode="bilinear")
    angle = math.radians(float(random.integers(-10, 11)))
    turn = torch.tensor(
        [[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0]]
    )
    grid = nn.functional.affine_grid(turn[None], list(image.shape), align_corners=False)
    image = nn.functional.grid_sample(image, grid, align_corners=False)
    image = _jitter(image, 4, random)
    return nn.functional.interpolate(image, (224, 224), mode="bilinear")


def _jitter(image: Tensor, d: int, random: np.random.Generator) -> Tensor:
    dx, dy = random.integers(0, d, 2)
    height, width = image.shape[2:]
    return image[:, :, dx : height - d + dx, dy : width - d + dy]


POINTS = 64


def subjects() -> dict[str, Subject]:
    """Train what the landscapes are drawn of."""
    table = {"name": "a", "data": {"named": "breast_cancer"}}
    pictures = {
        "name": "b",
        "data": {"named": "digits"},
        "model": {"family": "image"},
        "train": {"epochs": 10},
    }
    return {
        label: subject_of(train(parse_config(config), controls=False))
        for label, config in (
            ("breast cancer, 30-64-32-2", table),
            ("digits, 3 convolutions", pictures),
        )
    }


def _plane(subject: Subject) -> tuple[Plane, np.ndarray]:
    weights = weights_of(subject.network)
    plane = Plane(weights, random_direction(weights, 0), random_direction(weights, 1))
    return plane, np.random.default_rng(0).uniform(-1, 1, (POINTS, 2))


def rivals(subject: Subject) -> dict[str, Callable[[], object]]:
    """Return the ways of measuring loss and accuracy of the training rows.

    The last one spares loss-landscape's procedure its data loader, which puts every
    batch together row by row at every point.
    """
    plane, points = _plane(subject)
    inputs, y = subject.train.inputs[0], torch.from_numpy(subject.train.y)
    loader = DataLoader(TensorDataset(inputs, y), batch_size=128)
    at_once = [(inputs, y)]
    return {
        "leafpath": lambda: answer(subject.network, plane, points, subject.train),
        "loss-landscape's way": lambda: one_by_one(
            subject.network, plane, points, loader
        ),
        "the same without its loader": lambda: one_by_one(
            subject.network, plane, points, at_once
        ),
    }


def one_by_one(
    network: nn.Module,
    plane: Plane,
    points: np.ndarray,
    batches: Iterable[Sequence[Tensor]],
) -> list[tuple[float, float]]:
    """Measure as plot_surface.py: set the weights, then run the data set in batches."""
    results = []
    for alpha, beta in points:
        for name, parameter in network.named_parameters():
            moved = plane.first[name] * alpha + plane.second[name] * beta
            parameter.data = plane.origin[name] + moved.float()
        total, right, n = 0.0, 0.0, 0
        with torch.no_grad():
            for x, y in batches:
                outputs = network(x)
                loss = nn.functional.cross_entropy(outputs, y)
                total += loss.item() * len(y)
                right += outputs.max(1)[1].eq(y).sum().item()
                n += len(y)
        results.append((total / n, right / n))
    for name, parameter in network.named_parameters():
        parameter.data = plane.origin[name].clone()
    return results


def with_trees(subject: Subject) -> object:
    """Measure sixteen points, trees included."""
    plane, points = _plane(subject)
    return measure_points(subject, plane, points[:16])


if __name__ == "__main__":
    main()
