"""What a method costs without HTTP, beside PyTorch written by hand."""

from collections.abc import Callable

import numpy as np
import torch

from benchmarks.interleaved import interleave
from explainers.arrays import Inputs
from explainers.model import Model
from explainers.registry import EXPLAINERS, parse_parameters

STEPS = 50


def method_times_ms(model: Model) -> dict[str, float]:
    """Return median milliseconds a row: gradient, ig, torch_ig, lime."""
    x = model.background[:1]
    rivals = {
        "gradient": _explain(model, x, "gradient"),
        "ig": _explain(model, x, "integrated_gradients", steps=STEPS, max_steps=STEPS),
        "torch_ig": _torch_ig(model, x),
        "lime": _explain(model, x, "lime", samples=5000),
    }
    return {name: timing.median_ms for name, timing in interleave(rivals).items()}


def _explain(
    model: Model, x: Inputs, name: str, **values: object
) -> Callable[[], object]:
    method = EXPLAINERS[name]
    parameters = parse_parameters(method, values)
    prediction = model.predict(x)
    return lambda: method.explain(model, prediction, parameters)


def _torch_ig(model: Model, x: Inputs) -> Callable[[], object]:
    """Integrate with PyTorch over a network of the served one's size."""
    torch.set_num_threads(1)
    d, k = x.shape[1], len(model.classes)
    network = torch.nn.Sequential(
        torch.nn.Linear(d, 100), torch.nn.ReLU(),
        torch.nn.Linear(100, 100), torch.nn.ReLU(), torch.nn.Linear(100, k),
    )  # fmt: skip
    nodes, weights = np.polynomial.legendre.leggauss(STEPS)
    alphas = torch.from_numpy(((nodes + 1) / 2).astype(np.float32))[:, None]
    halves = torch.from_numpy((weights / 2).astype(np.float32))[:, None]
    tensor = torch.from_numpy(x)
    baseline = torch.from_numpy(model.mean)[None]

    def integrate() -> object:
        path = (baseline + alphas * (tensor - baseline)).requires_grad_(True)
        score = network(path)[:, 0].sum()
        (gradient,) = torch.autograd.grad(score, path)
        return (tensor - baseline) * (halves * gradient).sum(0)

    return integrate
