"""Points of a sweep with figures of one's choice."""

from explainers.manifest import Estimate, TreeMetrics
from trainer.sweep.plan import Measured, Point


def exactly(value: float) -> Estimate:
    return Estimate(value=value, n=100, low=value, high=value)


def measured(auc: float, fidelity: float, length: float) -> Measured:
    return Measured(
        network={"auc": exactly(auc), "accuracy": exactly(0.9)},
        tree=TreeMetrics(
            leaves=3,
            depth=2,
            accuracy=exactly(0.8),
            fidelity=exactly(fidelity),
            balanced_fidelity=exactly(fidelity),
            average_path_length=exactly(length),
        ),
    )


def point(strength, seed, auc, fidelity, length, kind="regularized", test=None):
    here = measured(auc, fidelity, length)
    return Point(
        kind=kind,
        strength=strength,
        seed=seed,
        leaves=3,
        validation=here,
        test=here if test is None else test,
        features=("a",),
        answers=(0, 1),
    )
