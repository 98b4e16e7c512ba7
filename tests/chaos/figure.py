"""One figure that a fire showed, and what it may be at most."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A measured value and its bound.

    Parameters
    ----------
    timed : a slow or busy machine may miss it; the tests therefore do not ask for it.
    """

    what: str
    value: float
    most: float
    unit: str = ""
    timed: bool = False

    @property
    def is_kept(self) -> bool:
        """Whether the value is a number within its bound."""
        return self.value <= self.most


def percentile(values: list[float], share: float) -> float:
    """Return the value that this share of all does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


class NoFire(Exception):
    """The fire did not burn, so that nothing is shown: a fault of this test."""
