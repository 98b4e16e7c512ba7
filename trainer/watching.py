"""What is watched during training, for the progress bar and the report."""

from dataclasses import dataclass

from explainers.arrays import Indexes, Probabilities, TreeFeatures
from trainer.metrics import macro_auc
from trainer.pruning import Grown
from trainer.routing import path_lengths, route


@dataclass(frozen=True)
class Watched:
    """One moment: the epoch's mean loss, and figures on some training rows.

    ``auc`` is None where a class is absent; average path length and fidelity are None
    while the regularizer has no tree.
    """

    epoch: int
    loss: float
    auc: float | None
    average_path_length: float | None = None
    fidelity: float | None = None

    def as_text(self) -> dict[str, str]:
        """Return what the bar shows."""
        shown = {
            "loss": f"{self.loss:.3f}",
            "auc": "-" if self.auc is None else f"{self.auc:.3f}",
        }
        if self.average_path_length is not None and self.fidelity is not None:
            shown["apl"] = f"{self.average_path_length:.2f}"
            shown["fidelity"] = f"{self.fidelity:.3f}"
        return shown


def watch(
    epoch: int,
    loss: float,
    probabilities: Probabilities,
    Z: TreeFeatures,
    y: Indexes,
    tree: Grown | None,
) -> Watched:
    """Measure a network's answers and the tree that it is pulled to.

    Parameters
    ----------
    probabilities : [m, n_classes] on the watched rows, whose tree features are ``Z``
        and whose labels are ``y``.
    """
    auc = macro_auc(probabilities, y)
    if tree is None:
        return Watched(epoch, loss, auc)
    leaves = route(tree, Z)
    agreed = tree.labels[leaves] == probabilities.argmax(axis=1)
    length = float(path_lengths(tree)[leaves].mean())
    return Watched(epoch, loss, auc, length, float(agreed.mean()))
