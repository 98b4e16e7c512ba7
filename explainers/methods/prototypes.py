"""prototypes: rows of the background sample most like this one, in the same leaf."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from explainers.methods.base import Explainer, Parameters, described
from explainers.model import TRAINING_ROWS, Model, Prediction
from explainers.reading import write_instance


class PrototypesParameters(Parameters, frozen=True):
    """How many rows to show."""

    count: Annotated[int, Meta(ge=1, le=20, description="prototypes per input")] = 3


@dataclass(frozen=True)
class Prototype:
    """One background row as a client would send it, and the network's answer.

    ``distance`` is Euclidean over the tree's features, each in training standard
    deviations.
    """

    instance: list[Any]
    label: str
    probability: float
    distance: float


@dataclass(frozen=True)
class Prototypes:
    """``prototypes`` come nearest first; ``in_leaf`` background rows share the leaf."""

    method: str
    leaf: int
    in_leaf: int
    prototypes: list[Prototype]
    parameters: dict[str, Any]


def explain(
    model: Model, prediction: Prediction, parameters: PrototypesParameters
) -> list[Prototypes]:
    """Return each row's nearest background rows among those that reach its leaf."""
    background = model.background_prediction
    columns = model.manifest.tree_features
    spreads = np.array([column.spread for column in columns], dtype=np.float32)
    results = []
    for row in range(len(prediction)):
        leaf = int(prediction.leaves[row])
        same = np.flatnonzero(background.leaves == leaf)
        difference = background.tree_features[same] - prediction.tree_features[row]
        distance = np.sqrt(((difference / spreads) ** 2).sum(axis=1))
        nearest = np.argsort(distance, kind="stable")[: parameters.count]
        results.append(
            Prototypes(
                method="prototypes",
                leaf=leaf,
                in_leaf=len(same),
                prototypes=[
                    _prototype(model, int(same[i]), float(distance[i])) for i in nearest
                ],
                parameters=described(parameters),
            )
        )
    return results


def _prototype(model: Model, row: int, distance: float) -> Prototype:
    background = model.background_prediction
    label = int(background.labels[row])
    return Prototype(
        instance=write_instance(
            model.manifest.input,
            background.inputs[row],
            int(background.lengths[row]),
        ),
        label=model.classes[label],
        probability=float(background.probabilities[row, label]),
        distance=distance,
    )


METHOD = Explainer(
    name="prototypes",
    summary="Real rows of the background sample in the same leaf, nearest first. They "
    "are training data: keep `expose` at `path` where rows must not be shown.",
    source="Bien and Tibshirani 2011, Prototype selection for interpretable "
    "classification, section 2",
    cost="cheap",
    requires=(TRAINING_ROWS,),
    parameters=PrototypesParameters,
    result=Prototypes,
    explain=explain,
    rows=lambda model, parameters: 0,
)
