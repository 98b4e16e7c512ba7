"""hires_cam: Grad-CAM without averaging the gradients over positions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from explainers.methods.class_activation import class_activation


def weigh(features: NDArray[Any], gradients: NDArray[Any]) -> NDArray[Any]:
    """Weigh every value by its own gradient: sum_k G_k * A_k, element by element.

    Parameters
    ----------
    features : A, the feature map, [k, h, w]. gradients : G, d logit / d A, alike.

    Returns
    -------
    [h, w]; Draelos and Carin 2020. Its sum over all positions is the logit (up to the
    bias) where the head is one linear layer, pooled or not. The paper keeps the sign;
    the negative part is cut afterwards, as Grad-CAM's is, so that maps compare.
    """
    weighed: NDArray[Any] = np.multiply(gradients, features, dtype=np.float64).sum(0)
    return weighed


METHOD = class_activation(
    "hires_cam",
    weigh,
    summary="Where in a picture the last feature map speaks for the class, each value "
    "weighed by its own gradient: lights up only what the network used, where its head "
    "is one linear layer. The same as grad_cam with a global-average-pool head.",
    source="Draelos and Carin 2020, Use HiResCAM instead of Grad-CAM for faithful "
    "explanations of convolutional neural networks, section 3",
)
