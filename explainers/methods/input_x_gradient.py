"""input_x_gradient: the gradient times the input's value."""

from explainers.methods.base import (
    Attribution,
    AttributionParameters,
    Explainer,
    by_input,
    described,
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
    features = prediction.tree_features
    _, gradients = model.gradient(features, targets)
    results = []
    for row, target in enumerate(targets):
        attributions, encoded = by_input(model, features[row] * gradients[row])
        results.append(
            Attribution(
                method="input_x_gradient",
                target=model.classes[target],
                attributions=attributions,
                encoded_attributions=encoded,
                parameters=described(parameters),
                seed=parameters.seed,
            )
        )
    return results


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
    rows=lambda parameters: 1,
)
