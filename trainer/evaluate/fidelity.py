"""Infidelity and max-sensitivity of one answer (Yeh et al. 2019)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from explainers.arrays import Floats, Inputs
from explainers.hiding import forward_hidden
from explainers.methods.lime.segments import Segments
from explainers.methods.lime.tables import input_moments
from explainers.model import Model


def infidelity(worth: Floats, masks: NDArray[np.bool_], drops: Floats) -> float | None:
    """Return the share of the drops that the attributions miss; None for no drop.

    The perturbation takes random parts away: I = mask * (x - usual). With the best
    factor for the attributions, since methods differ in scale, and over the mean
    squared drop, which makes it a share in [0, 1].

    Parameters
    ----------
    worth : [n_parts], what each part contributes.
    masks : [n, n_parts], the parts that are taken away.
    drops : [n], logit(x) - logit(x without them).

    References
    ----------
    Yeh et al. 2019, On the (In)fidelity and Sensitivity of Explanations, definition 2.1
    and section 3.1 (the optimal factor).
    """
    told = masks.astype(np.float64) @ worth
    scale, size = float(told @ told), float(drops @ drops)
    if size == 0:
        return None
    factor = float(told @ drops) / scale if scale > 0 else 0.0
    return float(((factor * told - drops) ** 2).sum()) / size


def drops_without(
    model: Model,
    x: Inputs,
    usual: Inputs,
    parts: Segments,
    masks: NDArray[np.bool_],
    target: int,
) -> Floats:
    """Return logit[target](x) - logit[target](x without some parts): [n] float64.

    Parameters
    ----------
    x, usual, parts : as for the curves. masks : [n, n_parts].
    """
    gone = np.concatenate([np.zeros_like(masks[:1]), masks])

    def hidden(some: slice) -> NDArray[np.bool_]:
        return gone[some][:, parts]

    logits, _ = forward_hidden(model, x, hidden, len(gone), usual)
    drops: Floats = logits[0, target].astype(np.float64) - logits[1:, target]
    return drops


def max_sensitivity(here: Floats, near: Sequence[Floats]) -> float | None:
    """Return the largest relative change of the attributions; None where they are 0.

    Parameters
    ----------
    here : the attributions of an input. near : those of inputs close to it, for the
        same class; all of one shape.

    References
    ----------
    Yeh et al. 2019, definition 4.1, over the norm of the attributions themselves.
    """
    size = float(np.linalg.norm(here))
    if size == 0:
        return None
    return max(float(np.linalg.norm(other - here)) for other in near) / size


def draw_near(
    model: Model, x: Inputs, radius: float, n: int, random: np.random.Generator
) -> Inputs:
    """Return inputs close to ``x``: [n, *shape] float32.

    Each number moves by up to ``radius`` training standard deviations; categories and
    missing values stay.
    """
    noise = random.uniform(-radius, radius, (n, *x.shape))
    return (x + noise * _spread(model)).astype(np.float32)


def _spread(model: Model) -> NDArray[np.floating]:
    """Return what an input varies by in training: its shape, or one that broadcasts."""
    if model.manifest.family != "tabular":
        return model.spread
    numeric = [f.kind == "numeric" for f in model.manifest.input.features]
    return np.where(numeric, input_moments(model)[1], 0)
