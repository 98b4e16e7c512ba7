"""What every explanation method is made of, and what several of them share."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from explainers.arrays import Encoded, Gradients, Indexes
from explainers.disagreement import Disagreement, disagreement
from explainers.errors import ParameterError
from explainers.hiding import chunks
from explainers.model import Model, Prediction

CostClass = Literal["cheap", "moderate", "expensive"]


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every method's parameters; the bounds become its JSON Schema."""


class AttributionParameters(Parameters, frozen=True):
    """Parameters of every attribution: which class is explained, and the seed.

    The seed is part of every answer, so that an answer can be asked for again; methods
    without random numbers ignore it.
    """

    target: Annotated[
        int | str | None,
        Meta(description="class index or name; null explains the predicted class"),
    ] = None
    seed: Annotated[
        int, Meta(ge=0, le=2**32 - 1, description="seed of the random numbers")
    ] = 0


@dataclass(frozen=True)
class Explainer:
    """One explanation method, as the registry lists it.

    Parameters
    ----------
    name : as clients write it.
    summary : one sentence for people: what it answers and when it misleads.
    source : paper and section.
    cost : class for people; ``rows`` is the price that limits are computed with.
    requires : what a bundle must provide, such as the graph ``("gradient",)``.
    parameters : Struct with bounds and defaults. ``result`` : the answer's dataclass.
    explain : (model, prediction of n inputs, parameters) -> n results.
    rows : (model, parameters) -> most rows that one instance sends through the network.
    """

    name: str
    summary: str
    source: str
    cost: CostClass
    requires: tuple[str, ...]
    parameters: type[Parameters]
    result: type
    explain: Callable[[Model, Prediction, Any], list[Any]]
    rows: Callable[[Model, Any], int]


@dataclass(frozen=True)
class Attribution:
    """Attribution of one class's logit to the inputs.

    ``attributions`` has the shape of the input: one value a feature in input order, a
    step and channel, or a channel and pixel. Where the network
    reads encoded columns (categories, missing-value indicators), it is their sum, and
    ``encoded_attributions`` holds one value an encoded column, in the order of the
    tree's features; otherwise that is null. ``off_path_share`` is the share of
    |attribution| on inputs that the tree's path does not use: where it is large, the
    network decides on other grounds than the tree states. ``disagreement`` names these
    inputs where tree and network differ here; null where they agree.
    """

    method: str
    target: str
    attributions: NDArray[np.float32]
    encoded_attributions: NDArray[np.float32] | None
    off_path_share: float | None
    disagreement: Disagreement | None
    parameters: dict[str, Any]
    seed: int


def resolve_targets(
    model: Model, prediction: Prediction, target: int | str | None
) -> Indexes:
    """Return the class index to explain for each row: [n] int64.

    Raises
    ------
    ParameterError
        ``target`` is neither a class index nor a class name of this model.
    """
    if target is None:
        return prediction.labels.astype(np.int64)
    return np.full(len(prediction), class_index(model, target), dtype=np.int64)


def class_index(model: Model, target: int | str) -> int:
    """Return the index of a class given by index or name.

    Raises
    ------
    ParameterError
        There is no such class; the message lists them.
    """
    classes = model.classes
    if isinstance(target, str) and target in classes:
        return classes.index(target)
    if isinstance(target, str) or not 0 <= target < len(classes):
        named = ", ".join(f"{i} ({name!r})" for i, name in enumerate(classes))
        raise ParameterError(
            "$.target", f"{target!r} is not a class", f"one of {named}"
        )
    return target


def by_input(model: Model, encoded: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum one row of encoded attributions into one value an input.

    Parameters
    ----------
    encoded : one row, [n_tree_features] or the shape of the input; float32.

    Returns
    -------
    The input's shape, float32; ``encoded`` itself where the two are the same.
    """
    if not model.is_encoded:
        return encoded
    summed = np.zeros(len(model.manifest.input.features), dtype=np.float64)
    np.add.at(summed, model.sources, encoded)
    return summed.astype(np.float32)


def without_absent_categories(
    model: Model, encoded: Encoded, gradients: Gradients
) -> Gradients:
    """Zero the gradients of indicator columns that are off, before summing by input.

    Moving along a category's code means nothing, so a categorical input's derivative is
    the one at the column that is on. Both arguments and the result: the same shape.
    """
    if not model.is_encoded:
        return gradients
    indicator = np.array(
        [column.kind != "value" for column in model.manifest.tree_features]
    )
    return np.where(indicator & (encoded == 0), np.float32(0), gradients)


def row_chunks(encoded: Encoded, copies: int) -> Iterator[slice]:
    """Divide a batch so that ``copies`` of each row of a chunk stay within memory."""
    return chunks(len(encoded), copies * encoded[:1].nbytes)


def copy_chunks(model: Model, copies: int) -> Iterator[slice]:
    """Divide the copies of one row so that those of a chunk stay within memory.

    By the largest row that the model takes, and not by those of the batch: a sum over
    chunks must not depend on it.
    """
    shape = model.manifest.input.shape
    if model.manifest.family == "tabular":
        shape = (len(model.manifest.tree_features),)
    return chunks(copies, 4 * math.prod(shape))


def described(parameters: Parameters, **resolved: object) -> dict[str, Any]:
    """Return the parameters as an answer reports them, without target and seed."""
    values = {
        name: getattr(parameters, name)
        for name in parameters.__struct_fields__
        if name not in ("target", "seed")
    }
    return values | resolved


def off_path_share(
    model: Model, leaf: int, attributions: NDArray[np.float32]
) -> float | None:
    """Return the share of |attribution| on inputs that the path to ``leaf`` ignores.

    Near 1, the network decides here on other grounds than the tree states; null when
    every attribution is zero. ``attributions`` has the shape of one input.
    """
    weight = np.abs(attributions)
    total = float(weight.sum(dtype=np.float64))
    if total == 0:
        return None
    on_path = weight.sum(dtype=np.float64, where=model.path_masks[leaf])
    return max(0.0, 1 - float(on_path) / total)


def attribution(
    model: Model,
    prediction: Prediction,
    row: int,
    target: int,
    encoded: NDArray[np.float32] | None,
    parameters: AttributionParameters,
    *,
    method: str,
    attributions: NDArray[np.float32] | None = None,
    **resolved: object,
) -> Attribution:
    """Build the answer for one row from its encoded attributions.

    Parameters
    ----------
    encoded : one row's shape; None where the method knows the inputs alone.
    attributions : the input's, when it is not the sum of ``encoded``.
    resolved : parameters as used, where they differ from what was asked for.
    """
    if attributions is None:
        if encoded is None:
            raise TypeError("either encoded or attributions must be given")
        attributions = by_input(model, encoded)
    if model.manifest.family == "sequence":  # without the padding of the batch
        attributions = attributions[: int(prediction.lengths[row])]
    return Attribution(
        method=method,
        target=model.classes[target],
        attributions=np.ascontiguousarray(attributions),
        encoded_attributions=encoded if model.is_encoded else None,
        off_path_share=off_path_share(model, int(prediction.leaves[row]), attributions),
        disagreement=disagreement(model, prediction, row, attributions),
        parameters=described(parameters, **resolved),
        seed=parameters.seed,
    )
