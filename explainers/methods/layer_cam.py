"""layer_cam: HiResCAM that counts positive gradients only."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from explainers.methods.class_activation import class_activation


def weigh(features: NDArray[Any], gradients: NDArray[Any]) -> NDArray[Any]:
    """Weigh every value by its positive gradient: sum_k ReLU(G_k) * A_k.

    Parameters
    ----------
    features : A, the feature map, [k, h, w]. gradients : G, d logit / d A, alike.

    Returns
    -------
    [h, w], before the ReLU; Jiang et al. 2021, section III.
    """
    positive = np.maximum(gradients, 0)
    weighed: NDArray[Any] = np.multiply(positive, features, dtype=np.float64).sum(0)
    return weighed


METHOD = class_activation(
    "layer_cam",
    weigh,
    summary="Where in a picture features stand that speak for the class, ignoring "
    "those that speak against it: fuller than hires_cam, and rarely zero. Lights up "
    "places whose evidence for the class is outweighed by evidence against it.",
    source="Jiang et al. 2021, LayerCAM: Exploring Hierarchical Class Activation Maps "
    "for Localization, section III",
)
