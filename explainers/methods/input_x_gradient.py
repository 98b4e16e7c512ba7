"""input_x_gradient: the gradient times the input's value."""

from explainers.methods.base import (
    Attribution,
    AttributionParameters,
    Explainer,
    attribution,
    resolve_targets,
)
from explainers.model import Model, Prediction


class InputXGradientParameters(AttributionParameters, frozen=True):
    """Target and seed only."""


def explain(
    model: Model, prediction: Prediction, parameters: InputXGradientParameters
) -> list[Attribution]:
    """Return input * d logit[target] / d input for each row, in logits."""
    targets = resolve_targets(model, prediction, parameters.target)
    _, gradients = model.gradient(prediction.encoded, targets, prediction.lengths)
    products = prediction.encoded * gradients
    return [
        attribution(
            model, prediction, row, int(target), products[row], parameters,
            method="input_x_gradient",
        )
        for row, target in enumerate(targets)
    ]  # fmt: skip


METHOD = Explainer(
    name="input_x_gradient",
    summary="The gradient times the input: the logit's linear part. Depends on where "
    "zero lies in each input's unit; prefer integrated_gradients with a baseline.",
    source="Shrikumar et al. 2016, Not Just a Black Box, section 3",
    cost="cheap",
    requires=("gradient",),
    parameters=InputXGradientParameters,
    result=Attribution,
    explain=explain,
    rows=lambda model, parameters: 1,
)
