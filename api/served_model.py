"""A model with what the API derives from it once: decoders and unchanging documents."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import msgspec

from api.model_pages import method_list, model_page, summary
from api.schemas import (
    ExplainRequest,
    MixedInstance,
    ModelReference,
    ModelSummary,
    NumericInstance,
    Picture,
    PredictRequest,
)
from api.tree_document import tree_reply
from explainers.manifest import Family, InputSchema
from explainers.model import Model

PredictDecoder: TypeAlias = msgspec.json.Decoder[PredictRequest[Any]]
ExplainDecoder: TypeAlias = msgspec.json.Decoder[ExplainRequest[Any]]

# Telling numbers from strings while parsing costs time on every value: a model without
# categories and missing values gets the decoder that knows only numbers.
_DECODERS: dict[tuple[Family, bool], tuple[PredictDecoder, ExplainDecoder]] = {
    ("tabular", True): (
        msgspec.json.Decoder(PredictRequest[NumericInstance]),
        msgspec.json.Decoder(ExplainRequest[NumericInstance]),
    ),
    ("tabular", False): (
        msgspec.json.Decoder(PredictRequest[MixedInstance]),
        msgspec.json.Decoder(ExplainRequest[MixedInstance]),
    ),
    ("sequence", True): (
        msgspec.json.Decoder(PredictRequest[list[NumericInstance]]),
        msgspec.json.Decoder(ExplainRequest[list[NumericInstance]]),
    ),
    ("sequence", False): (
        msgspec.json.Decoder(PredictRequest[list[MixedInstance]]),
        msgspec.json.Decoder(ExplainRequest[list[MixedInstance]]),
    ),
    ("image", True): (
        msgspec.json.Decoder(PredictRequest[Picture]),
        msgspec.json.Decoder(ExplainRequest[Picture]),
    ),
}
"""By family, and whether every value must be a number."""


@dataclass(frozen=True)
class ServedModel:
    """One served model. Build it with ``ServedModel.of``."""

    model: Model
    reference: ModelReference
    predict_decoder: PredictDecoder
    explain_decoder: ExplainDecoder

    @classmethod
    def of(cls, model: Model) -> "ServedModel":
        """Derive what the routes need from a loaded model."""
        reference = ModelReference(model.name, model.manifest.version, model.digest)
        family, schema = model.manifest.family, model.manifest.input
        kind = (family, family == "image" or is_numeric(schema))
        return cls(model, reference, *_DECODERS[kind])

    @cached_property
    def summary(self) -> ModelSummary:
        """The line of this model in the list of models."""
        return summary(self.model)

    @cached_property
    def page(self) -> bytes:
        """The JSON document of ``GET /v1/models/{model}``."""
        return msgspec.json.encode(model_page(self.model))

    @cached_property
    def methods(self) -> bytes:
        """The JSON document of ``GET /v1/models/{model}/methods``."""
        return msgspec.json.encode(method_list(self.model, self.reference))

    @cached_property
    def tree(self) -> bytes:
        """The JSON document of ``GET /v1/models/{model}/tree``."""
        return msgspec.json.encode(tree_reply(self.model, self.reference))


def is_numeric(schema: InputSchema) -> bool:
    """Whether every value of an instance must be a number."""
    return all(
        feature.kind == "numeric" and feature.missing == "refuse"
        for feature in schema.features
    )
