"""Gradients through ReLUs that are all shut, so that an ascent can begin.

At a grey picture a unit is often dead: every path to it ends at a ReLU below 0 or a
ReLU6 above 6, and the gradient is exactly 0. lucid's redirected gradient lets it pass
where it would move the ReLU's input back into its range, for inputs of the batch to
which nothing else gets through, during the first steps only.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

WARM_UP = 16
"""Steps with redirected gradients: lucid's."""

_CEILINGS: dict[type[nn.Module], float] = {nn.ReLU: torch.inf, nn.ReLU6: 6.0}


class _Redirected(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, ceiling: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.ceiling = ceiling
        return x.clamp(0.0, ceiling)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (x,), (gradient,) = ctx.saved_tensors, gradients
        below, above = x < 0, x > ctx.ceiling
        plain = torch.where(below | above, 0.0, gradient)
        # A descent along a negative gradient raises x.
        outward = (below & (gradient > 0)) | (above & (gradient < 0))
        redirected = torch.where(outward, 0.0, gradient)
        dead = plain.flatten(1).abs().sum(dim=1) == 0
        dead = dead.reshape(-1, *[1] * (x.dim() - 1))
        return torch.where(dead, redirected, plain), None


@contextmanager
def redirected(network: nn.Module) -> Iterator[Callable[[], None]]:
    """Redirect the gradients of all ReLU modules; yields what ends it early."""
    changed = [m for m in network.modules() if type(m) in _CEILINGS]

    def restore() -> None:
        for module in changed:
            module.__dict__.pop("forward", None)

    for module in changed:
        module.__dict__["forward"] = partial(_run, ceiling=_CEILINGS[type(module)])
    try:
        yield restore
    finally:
        restore()


def _run(x: Tensor, ceiling: float) -> Tensor:
    result: Tensor = _Redirected.apply(x, ceiling)  # type: ignore[no-untyped-call]
    return result
