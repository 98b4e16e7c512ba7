"""gradient: the derivative of one class's logit with respect to the inputs."""

from explainers.methods.base import (
    Attribution,
    AttributionParameters,
    Explainer,
    attribution,
    by_input,
    resolve_targets,
    without_absent_categories,
)
from explainers.model import Model, Prediction


class GradientParameters(AttributionParameters, frozen=True):
    """Target and seed only."""


def explain(
    model: Model, prediction: Prediction, parameters: GradientParameters
) -> list[Attribution]:
    """Return d logit[target] / d input for each row, in logit per unit of the input.

    For a categorical input the derivative is taken at the columns that encode it and
    summed over those that are on, since moving along a category's code means nothing.
    """
    targets = resolve_targets(model, prediction, parameters.target)
    encoded = prediction.encoded
    _, gradients = model.gradient(encoded, targets, prediction.lengths)
    shown = without_absent_categories(model, encoded, gradients)
    return [
        attribution(
            model, prediction, row, int(target), gradients[row], parameters,
            method="gradient", attributions=by_input(model, shown[row]),
        )
        for row, target in enumerate(targets)
    ]  # fmt: skip


METHOD = Explainer(
    name="gradient",
    summary="How fast the class's logit changes with each input, per unit of that "
    "input. Local: says nothing about larger changes, and is small where the network "
    "saturates.",
    source="Simonyan et al. 2014, Deep Inside Convolutional Networks, section 3",
    cost="cheap",
    requires=("gradient",),
    parameters=GradientParameters,
    result=Attribution,
    explain=explain,
    rows=lambda model, parameters: 1,
)
