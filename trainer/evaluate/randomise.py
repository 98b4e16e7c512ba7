"""A served model with its network's layers randomised, from the output on."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr  # type: ignore[import-untyped]
from torch import nn

from explainers.loading import HEAD
from explainers.model import Model
from explainers.onnx_runtime import Session
from trainer.families.base import Family, Graph

STAGES = 4
"""Cascades that are measured: of a deep network not every layer."""


NETWORK = ("predict", "gradient", "gradcam")
"""Graphs that hold the network."""


class TorchSession(Session):
    """A graph that torch runs itself: exporting each randomised network takes long."""

    def __init__(self, name: str, graph: Graph) -> None:
        self.name = name
        self.inputs, self.outputs = graph.inputs, graph.outputs
        self._module = graph.module

    def _run(self, feeds: dict[str, NDArray[np.generic]]) -> list[NDArray[np.float32]]:
        # Copies: feeds may be read-only, which torch does not know.
        first, *rest = (torch.from_numpy(np.array(feeds[n])) for n in self.inputs)
        if self.outputs[-1] != "gradient":
            with torch.no_grad():
                return [output.numpy() for output in self._module(first, *rest)]
        first.requires_grad_(True)
        found = self._module(first, *rest)
        # Of class activation maps without a head: by a layer's output, not the input.
        logits, by = found if isinstance(found, tuple) else (found, first)
        target = torch.from_numpy(np.array(feeds["target"]))
        chosen = logits.gather(1, target[:, None]).sum()
        (gradient,) = torch.autograd.grad(chosen, [by])
        answer = logits if by is first else by
        return [answer.detach().numpy(), gradient.numpy()]


def layers_of(network: nn.Module) -> list[list[nn.Parameter]]:
    """Return the parameters of each layer that has any, the output's first."""
    layers: dict[str, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        layers.setdefault(name.rpartition(".")[0], []).append(parameter)
    return list(layers.values())[::-1]


def stages(network: nn.Module) -> list[int]:
    """Return how many layers each cascade randomises: up to STAGES, the last all."""
    n = len(layers_of(network))
    return sorted({round(n * (i + 1) / STAGES) for i in range(STAGES)} - {0})


def randomised(
    model: Model, family: Family, network: nn.Module, seed: int
) -> Iterator[Model]:
    """Yield the model with more and more layers randomised, as ``stages`` says.

    The values of every parameter are shuffled: unlike fresh ones they keep the layer's
    scale, so that the network does not die, and any network has them.

    References
    ----------
    Adebayo et al. 2018, Sanity Checks for Saliency Maps, section 3 (cascading).
    """
    for stage in stages(network):
        shuffled = copy.deepcopy(network)
        generator = torch.Generator().manual_seed(seed)
        for layer in layers_of(shuffled)[:stage]:
            for parameter in layer:
                _shuffle(parameter, generator)
        yield run_by_torch(model, family, shuffled)


def run_by_torch(model: Model, family: Family, network: nn.Module) -> Model:
    """Return the model with another network in its place, which torch runs."""
    sessions = {
        name: TorchSession(name, graph)
        for name, graph in family.graphs(network).items()
        if name in NETWORK
    }
    head = cast(NDArray[np.float32] | None, family.reference(network).get(HEAD))
    return replace(model, sessions={**model.sessions, **sessions}, head=head)


def _shuffle(parameter: nn.Parameter, generator: torch.Generator) -> None:
    with torch.no_grad():
        order = torch.randperm(parameter.numel(), generator=generator)
        parameter.copy_(parameter.flatten()[order].view_as(parameter))


def rank_correlation(
    one: NDArray[np.floating], other: NDArray[np.floating]
) -> float | None:
    """Return Spearman's correlation of |attributions|; None where one is constant."""
    a, b = np.abs(one).ravel(), np.abs(other).ravel()
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(spearmanr(a, b).statistic)
