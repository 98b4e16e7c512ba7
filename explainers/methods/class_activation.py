"""What the three methods of class activation maps share: map, norm, flag, overlay."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from explainers.methods.base import (
    AttributionParameters,
    Explainer,
    described,
    resolve_targets,
)
from explainers.model import FEATURE_MAP, Model, Prediction
from explainers.overlay import draw_overlay

FLAT = 1e-6
"""A map that varies by less than this share of its largest value points nowhere."""

Weigh: TypeAlias = Callable[[NDArray[np.float32], NDArray[np.float32]], Any]
"""(feature map [k, h, w], gradient of the logit by it, alike) -> [h, w], any sign."""


class ClassActivationParameters(AttributionParameters, frozen=True):
    """Target, seed (ignored) and whether to draw the map."""

    overlay: Annotated[
        bool,
        Meta(
            description="also draw the map over the input: a PNG in base64, at the "
            "input's size or, for small inputs, a multiple of it"
        ),
    ] = False


@dataclass(frozen=True)
class ClassActivationMap:
    """Where in a picture the evidence for a class was found.

    ``map`` [h, w] has the size of the feature map that ``layer`` gives and the unit of
    a logit; it is never negative. ``normalised`` is the same divided by its largest
    value, 0 to 1; zeros where there is none. ``degenerate`` says that the map points
    nowhere, being zero or the same everywhere: draw no conclusion from it. ``overlay``
    is null or a PNG in base64.
    """

    method: str
    target: str
    layer: str
    map: NDArray[np.float32]
    normalised: NDArray[np.float32]
    degenerate: bool
    overlay: str | None
    parameters: dict[str, Any]
    seed: int


def class_activation(
    name: str, weigh: Weigh, *, summary: str, source: str
) -> Explainer:
    """Build the method of this name from its way to weigh a feature map."""

    def explain(
        model: Model, prediction: Prediction, parameters: ClassActivationParameters
    ) -> list[ClassActivationMap]:
        targets = resolve_targets(model, prediction, parameters.target)
        features, gradients = model.map_gradient(prediction.inputs, targets)
        return [
            _answer(
                model, name, int(target), weigh(features[row], gradients[row]),
                prediction.inputs[row], parameters,
            )
            for row, target in enumerate(targets)
        ]  # fmt: skip

    return Explainer(
        name=name,
        summary=summary,
        source=source,
        cost="moderate",
        requires=("image", FEATURE_MAP),
        parameters=ClassActivationParameters,
        result=ClassActivationMap,
        explain=explain,
        rows=lambda model, parameters: 1,
    )


def _answer(
    model: Model,
    method: str,
    target: int,
    weighed: NDArray[Any],
    picture: NDArray[np.float32],
    parameters: ClassActivationParameters,
) -> ClassActivationMap:
    found: NDArray[np.float32] = np.maximum(weighed, 0).astype(np.float32)
    largest = found.max()
    normalised = found / largest if largest > 0 else found
    overlay = None
    if parameters.overlay:
        drawn = draw_overlay(model.manifest.input, picture, normalised)
        overlay = base64.b64encode(drawn).decode()
    return ClassActivationMap(
        method=method,
        target=model.classes[target],
        layer=model.feature_layer,
        map=found,
        normalised=normalised,
        degenerate=bool(np.ptp(found) <= FLAT * largest),
        overlay=overlay,
        parameters=described(parameters),
        seed=parameters.seed,
    )
