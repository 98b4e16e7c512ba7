"""The shapes of requests and replies; ``/openapi.json`` is made from these."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeAlias, TypeVar

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from api.explanation_requests import Wanted
from api.limits import MAX_EXPLANATIONS, MAX_INSTANCES
from api.training_range import InputWarning
from explainers.manifest import Expose, Family, InputSchema, Metrics, Task
from explainers.methods.base import CostClass

NumericInstance: TypeAlias = list[float] | dict[str, float]
MixedInstance: TypeAlias = list[float | str | None] | dict[str, float | str | None]
"""Values in input order or by feature name; strings are categories, null is missing."""

Picture: TypeAlias = list[list[float | list[float]]] | dict[str, Any]
"""Rows of pixels; a pixel is a number, or its channels' values. Or an object with a PNG
or JPEG (pictures.py).
"""

I = TypeVar("I")  # noqa: E741
Instances: TypeAlias = Annotated[list[I], Meta(min_length=1, max_length=MAX_INSTANCES)]


class PredictRequest(
    msgspec.Struct, Generic[I], frozen=True, forbid_unknown_fields=True
):
    """The body of ``:predict``."""

    instances: Instances[I]


class ExplainRequest(
    msgspec.Struct, Generic[I], frozen=True, forbid_unknown_fields=True
):
    """The body of ``:explain``."""

    instances: Instances[I]
    explanations: Annotated[list[Wanted], Meta(max_length=MAX_EXPLANATIONS)] | None = (
        None
    )
    seed: Annotated[int, Meta(ge=0, le=2**32 - 1)] | None = None


@dataclass(frozen=True, slots=True)
class ModelReference:
    """Which model answered; ``digest`` is the SHA-256 of its bundle's manifest."""

    name: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class PredictionReply:
    """The network's answer; ``probabilities`` are in the order of the classes."""

    label: str
    probabilities: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PredictReply:
    """The answer of ``:predict``: one prediction an instance.

    ``warnings`` name the features with values that training never saw.
    """

    predictions: list[PredictionReply]
    model: ModelReference
    warnings: Sequence[InputWarning]


@dataclass(frozen=True, slots=True)
class ExplainReply:
    """The answer of ``:explain``: for each instance, one explanation a request.

    ``warnings`` name the features with values that training never saw.
    """

    predictions: list[PredictionReply]
    explanations: list[list[Any]]
    model: ModelReference
    warnings: Sequence[InputWarning]


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How many of the explanations that were asked for are finished."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class JobPage:
    """A job. ``result`` is what ``:explain`` would have answered, ``problem`` why there
    is none; both are null until then. Times are seconds since 1970.
    """

    id: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    progress: JobProgress
    model: ModelReference
    created_at: float
    expires_at: float
    result: Any
    problem: Any


class ModelSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A served model in one line."""

    name: str
    ready: bool
    version: str
    digest: str
    task: Task
    family: Family
    expose: Expose


class ModelPage(ModelSummary, frozen=True, kw_only=True):
    """What one needs to know to use a model and to judge it.

    ``documents`` are those for people that it may show: ``tree``, ``examples``,
    ``evaluation``, ``gallery``, ``landscape`` and its further pictures, ``report``;
    each is a path below the model's. ``files`` are the files of the bundle that the
    last four are sent from, each with the SHA-256 that the manifest has for it; the
    manifest's own, which vouches for the rest of this page too, is ``digest``.
    """

    inputs: InputSchema
    classes: tuple[str, ...]
    metrics: Metrics
    methods: list[str]
    documents: list[str]
    files: dict[str, str]


class ModelList(msgspec.Struct, frozen=True, kw_only=True):
    """The served models; ``models`` has their names, as KServe V1 clients expect."""

    models: list[str]
    details: list[ModelSummary]


class MethodPage(msgspec.Struct, frozen=True, kw_only=True):
    """One explanation method, as far as this model's bundle supports it.

    ``rows`` is the price of one instance with the default parameters, in rows through
    the network; ``reason`` says why the method is not available.
    """

    name: str
    summary: str
    source: str
    cost: CostClass
    rows: int
    cached: bool
    available: bool
    reason: str | None
    parameters: dict[str, Any]


class MethodList(msgspec.Struct, frozen=True, kw_only=True):
    """Every explanation method."""

    model: ModelReference
    methods: list[MethodPage]
