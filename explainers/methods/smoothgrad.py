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
    row_chunks,
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
    encoded, lengths = prediction.encoded, prediction.lengths
    copies = parameters.samples
    means: list[NDArray[np.float32]] = []
    for chunk in row_chunks(encoded, copies):
        noise = {
            length: noise_for(model, parameters, encoded.shape[1:], length)
            for length in set(lengths[chunk].tolist())
        }
        noisy = np.stack(
            [
                row + noise[length]
                for row, length in zip(
                    encoded[chunk], lengths[chunk].tolist(), strict=True
                )
            ]
        )  # [rows, samples, *shape]
        _, gradients = model.gradient(
            noisy.reshape(-1, *encoded.shape[1:]),
            targets[chunk].repeat(copies),
            lengths[chunk].repeat(copies),
        )
        for row in gradients.reshape(noisy.shape):
            means.append(row.mean(axis=0, dtype=np.float64).astype(np.float32))
    return [
        attribution(
            model, prediction, row, int(target), means[row], parameters,
            method="smoothgrad",
            attributions=by_input(
                model, without_absent_categories(model, encoded[row], means[row])
            ),
        )
        for row, target in enumerate(targets)
    ]  # fmt: skip


def noise_for(
    model: Model, parameters: SmoothGradParameters, shape: tuple[int, ...], length: int
) -> NDArray[np.float32]:
    """Return the noise that the parameters stand for: [samples, *shape] float32.

    Indicator columns get none, nor do the steps after a sequence's ``length``.
    """
    generator = np.random.Generator(np.random.PCG64(parameters.seed))
    ragged = model.manifest.family == "sequence"
    drawn = (length, *shape[1:]) if ragged else shape
    noise = np.zeros((parameters.samples, *shape), dtype=np.float32)
    noise[:, : drawn[0]] = generator.standard_normal(
        (parameters.samples, *drawn), dtype=np.float32
    )
    noise *= np.float32(parameters.noise) * model.spread
    if model.is_encoded:
        noise *= [column.kind == "value" for column in model.manifest.tree_features]
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
