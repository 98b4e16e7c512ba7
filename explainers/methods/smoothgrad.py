"""smoothgrad: the gradient averaged over noisy copies of the input."""

from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from explainers.arrays import Gradients, Indexes
from explainers.methods.base import (
    Attribution,
    AttributionParameters,
    Explainer,
    attribution,
    by_input,
    copy_chunks,
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
    encoded = prediction.encoded
    means = _mean_gradients(model, prediction, targets, parameters)
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


def _mean_gradients(
    model: Model,
    prediction: Prediction,
    targets: Indexes,
    parameters: SmoothGradParameters,
) -> Gradients:
    encoded, lengths = prediction.encoded, prediction.lengths
    noise = {n: Noise(model, parameters, n) for n in set(lengths.tolist())}
    sums = np.zeros(encoded.shape)
    for part in copy_chunks(model, parameters.samples):
        copies = part.stop - part.start
        drawn = {n: of.draw(copies, encoded.shape[1:]) for n, of in noise.items()}
        for chunk in row_chunks(encoded, copies):
            noisy = np.stack(
                [
                    row + drawn[n]
                    for row, n in zip(
                        encoded[chunk], lengths[chunk].tolist(), strict=True
                    )
                ]
            )  # [rows, copies, *shape]
            _, gradients = model.gradient(
                noisy.reshape(-1, *encoded.shape[1:]),
                targets[chunk].repeat(copies),
                lengths[chunk].repeat(copies),
            )
            for total, row in zip(
                sums[chunk], gradients.reshape(noisy.shape), strict=True
            ):
                total += row.sum(axis=0, dtype=np.float64)
    return (sums / parameters.samples).astype(np.float32)


class Noise:
    """The noise that the parameters stand for, drawn a few copies at a time.

    Parameters
    ----------
    length : steps of the sequence that it is for; the steps after it get none.
    """

    def __init__(
        self, model: Model, parameters: SmoothGradParameters, length: int
    ) -> None:
        self._generator = np.random.Generator(np.random.PCG64(parameters.seed))
        self._length = length if model.manifest.family == "sequence" else None
        self._scale = np.float32(parameters.noise) * model.spread
        if model.is_encoded:  # indicator columns get none
            columns = model.manifest.tree_features
            self._scale = self._scale * np.array(
                [column.kind == "value" for column in columns], dtype=np.float32
            )

    def draw(self, copies: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Return the next copies: [copies, *shape] float32."""
        steps = shape[0] if self._length is None else self._length
        noise = np.zeros((copies, *shape), dtype=np.float32)
        noise[:, :steps] = self._generator.standard_normal(
            (copies, steps, *shape[1:]), dtype=np.float32
        )
        noise *= self._scale
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
