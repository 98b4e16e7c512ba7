"""grad_cam: where in a picture the last feature map speaks for a class."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from explainers.methods.class_activation import class_activation


def weigh(features: NDArray[Any], gradients: NDArray[Any]) -> NDArray[Any]:
    """Weigh each channel by its mean gradient: sum_k mean_ij(G_k) A_k.

    Parameters
    ----------
    features : A, the feature map, [k, h, w]. gradients : G, d logit / d A, alike.

    Returns
    -------
    [h, w], before the ReLU; Selvaraju et al. 2017, equations 1 and 2.
    """
    weights = gradients.mean((1, 2), dtype=np.float64)
    weighed: NDArray[Any] = np.tensordot(weights, features, 1)  # [k] @ [k, h, w]
    return weighed


METHOD = class_activation(
    "grad_cam",
    weigh,
    summary="Where in a picture the last feature map speaks for the class, each "
    "channel weighed by its mean gradient. Coarse; with a head other than global "
    "average pooling the mean may light up places that the network did not use.",
    source="Selvaraju et al. 2017, Grad-CAM: Visual Explanations from Deep Networks, "
    "section 3",
)
