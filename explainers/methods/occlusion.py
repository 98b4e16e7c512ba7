"""occlusion: how much a class's logit falls when one input is taken away."""

import numpy as np

from explainers.arrays import Inputs
from explainers.methods.base import (
    Attribution,
    AttributionParameters,
    Explainer,
    described,
    off_path_share,
    resolve_targets,
)
from explainers.model import Model, Prediction


class OcclusionParameters(AttributionParameters, frozen=True):
    """Target and seed only; an input is taken away by putting its usual value."""


def explain(
    model: Model, prediction: Prediction, parameters: OcclusionParameters
) -> list[Attribution]:
    """Return each feature's logit[target](input) - logit[target](input without it).

    "Without" puts the training mean for a number and the most frequent value of the
    background sample for a category: one run of n * n_inputs rows in all.
    """
    targets = resolve_targets(model, prediction, parameters.target)
    usual = usual_values(model)
    n, d = prediction.inputs.shape
    occluded = np.repeat(prediction.inputs[:, None, :], d, axis=1)  # [n, d, d]
    occluded[:, np.arange(d), np.arange(d)] = usual
    logits, _ = model.forward(occluded.reshape(n * d, d))
    after = logits.reshape(n, d, -1)
    results = []
    for row, target in enumerate(targets.tolist()):
        drop = prediction.logits[row, target] - after[row, :, target]
        results.append(
            Attribution(
                method="occlusion",
                target=model.classes[target],
                attributions=np.ascontiguousarray(drop),
                encoded_attributions=None,
                off_path_share=off_path_share(model, int(prediction.leaves[row]), drop),
                parameters=described(parameters, replacement="training_mean_or_mode"),
                seed=parameters.seed,
            )
        )
    return results


def usual_values(model: Model) -> Inputs:
    """Return the value that stands for an absent input: [n_inputs] float32."""
    usual = np.empty(len(model.manifest.input.features), dtype=np.float32)
    means = {
        column.source: column.mean
        for column in model.manifest.tree_features
        if column.kind == "value"
    }
    for i in range(len(usual)):
        if i in means:
            usual[i] = means[i]
        else:
            values, counts = np.unique(model.background[:, i], return_counts=True)
            usual[i] = values[counts.argmax()]
    return usual


METHOD = Explainer(
    name="occlusion",
    summary="How much the class's logit falls when one input takes its usual value. "
    "Needs no gradient; blind to inputs that can stand in for one another.",
    source="Zeiler and Fergus 2014, Visualizing and Understanding Convolutional "
    "Networks, section 4.2",
    cost="moderate",
    requires=("tabular",),
    parameters=OcclusionParameters,
    result=Attribution,
    explain=explain,
    rows=lambda model, parameters: len(model.manifest.input.features),
)
