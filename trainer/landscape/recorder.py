"""Checkpoints of a training run, for its trajectory."""

from torch import nn

from trainer.landscape.weights import Weights, weights_of


class Recorder:
    """Keeps the weights of some epochs; pass it to ``fit`` as ``record``.

    At most about ``limit`` checkpoints are kept, evenly spaced: when there are twice as
    many, every other one is dropped. A restart of the training starts anew.
    """

    def __init__(self, limit: int = 40) -> None:
        self._limit = limit
        self._every = 1
        self._last: tuple[int, Weights] | None = None
        self._kept: dict[int, Weights] = {}

    def __call__(self, epoch: int, network: nn.Module) -> None:
        """Note the weights after ``epoch``; epoch 0 is before the first step."""
        if epoch == 0:
            self._every, self._kept = 1, {}
        weights = {name: value.cpu() for name, value in weights_of(network).items()}
        self._last = (epoch, weights)
        if epoch % self._every == 0:
            self._kept[epoch] = weights
        if len(self._kept) > 2 * self._limit:
            self._every *= 2
            self._kept = {e: w for e, w in self._kept.items() if e % self._every == 0}

    @property
    def epochs(self) -> list[int]:
        """The epochs that are kept, ascending; the last one always."""
        return list(self._all())

    @property
    def checkpoints(self) -> list[Weights]:
        """The weights of those epochs."""
        return list(self._all().values())

    def _all(self) -> dict[int, Weights]:
        last = () if self._last is None else (self._last,)
        return dict(sorted({**self._kept, **dict(last)}.items()))
