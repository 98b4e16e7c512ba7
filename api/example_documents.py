"""Rows of a model's background sample, for people who have none of their own at hand.

They are training rows: where a bundle exposes no such rows there are no examples.
"""

from typing import Any

import msgspec

from api.errors import RequestError
from api.problems import NOT_EXPOSED, NOT_IN_BUNDLE
from api.schemas import ModelReference
from explainers.model import TRAINING_ROWS, Model
from explainers.reading import write_instance


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """One row in a line: what network and tree answer there.

    ``probability`` is the network's, of its own label.
    """

    row: int
    label: str
    probability: float
    tree_label: str
    agrees: bool


class ExampleList(msgspec.Struct, frozen=True, kw_only=True):
    """Every row of the background sample."""

    model: ModelReference
    examples: list[Example]


class ExamplePage(msgspec.Struct, frozen=True, kw_only=True):
    """One row as an instance that ``:explain`` takes."""

    model: ModelReference
    row: int
    instance: list[Any]


def example_list(model: Model, reference: ModelReference) -> ExampleList:
    """Return the document of ``GET /v1/models/{model}/examples``.

    Raises
    ------
    RequestError
        The bundle exposes no training rows.
    """
    _check_exposed(model)
    answers = model.background_prediction
    return ExampleList(
        model=reference,
        examples=[
            Example(
                row=row,
                label=model.classes[label],
                probability=float(answers.probabilities[row, label]),
                tree_label=model.classes[tree_label],
                agrees=label == tree_label,
            )
            for row, (label, tree_label) in enumerate(
                zip(answers.labels.tolist(), answers.tree_labels.tolist(), strict=True)
            )
        ],
    )


def example_page(model: Model, reference: ModelReference, row: int) -> ExamplePage:
    """Return the document of one row.

    Raises
    ------
    RequestError
        The bundle exposes no training rows, or has no such one.
    """
    _check_exposed(model)
    rows = len(model.background)
    if row >= rows:
        raise RequestError(
            NOT_IN_BUNDLE, f"there is no example {row}; they are 0 to {rows - 1}"
        )
    instance = write_instance(
        model.manifest.input,
        model.background[row],
        int(model.background_lengths[row]),
    )
    return ExamplePage(model=reference, row=row, instance=instance)


def _check_exposed(model: Model) -> None:
    if TRAINING_ROWS not in model.provides:
        raise RequestError(
            NOT_EXPOSED,
            f"model {model.name!r} shows no examples: "
            f"{model.why_missing(TRAINING_ROWS)}",
        )
