"""smoothgrad: the gradient averaged over noisy copies of the input."""

from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

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


class SmoothGradParameters(AttributionParameters, frozen=True):
    """Number of noisy copies and the size of the noise."""

    samples: Annotated[
        int, Meta(ge=1, le=1000, description="noisy copies of each input")
    ] = 50
    noise: Annotated[
        float,
        Meta(
            gt=0,
            le=2,
            description="standard deviation of the noise, in training standard "
            "deviations of each feature",
        ),
    ] = 0.15


def explain(
    model: Model, prediction: Prediction, parameters: SmoothGradParameters
) -> list[Attribution]:
    """Return the mean of d logit[target] / d input over noisy copies of each row.

    The target is fixed at the clean input. Only numeric columns get noise: half a
    category is not a category. Every row gets the same noise, drawn from the seed, so
    that an answer does not depend on the batch it came in.
    """
    targets = resolve_targets(model, prediction, parameters.target)
    noise = noise_for(model, parameters)  # [samples, d]
    features = prediction.tree_features
    noisy = features[:, None, :] + noise[None, :, :]  # [n, samples, d]
    n, samples, d = noisy.shape
    _, gradients = model.gradient(
        noisy.reshape(n * samples, d), targets.repeat(samples)
    )
    per_row = gradients.reshape(n, samples, d).astype(np.float64)
    means = [per_row[row].mean(axis=0).astype(np.float32) for row in range(n)]
    shown = [
        without_absent_categories(model, features[row], means[row]) for row in range(n)
    ]
    return [
        attribution(
            model, prediction, row, int(target), means[row], parameters,
            method="smoothgrad", attributions=by_input(model, shown[row]),
        )
        for row, target in enumerate(targets)
    ]  # fmt: skip


def noise_for(model: Model, parameters: SmoothGradParameters) -> NDArray[np.float32]:
    """Return the noise that the parameters stand for: [samples, d] float32."""
    numeric = np.array(
        [column.kind == "value" for column in model.manifest.tree_features]
    )
    generator = np.random.Generator(np.random.PCG64(parameters.seed))
    draws = generator.standard_normal((parameters.samples, len(numeric)))
    scale = parameters.noise * model.spread.astype(np.float64) * numeric
    noise: NDArray[np.float32] = (draws * scale).astype(np.float32)
    return noise


METHOD = Explainer(
    name="smoothgrad",
    summary="The gradient averaged over noisy copies of the input: less jagged than "
    "the gradient. The noise is a choice: more of it explains a wider neighbourhood.",
    source="Smilkov et al. 2017, SmoothGrad: removing noise by adding noise, section 3",
    cost="moderate",
    requires=("gradient",),
    parameters=SmoothGradParameters,
    result=Attribution,
    explain=explain,
    rows=lambda model, parameters: parameters.samples,
)
