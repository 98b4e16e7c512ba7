"""The array shapes that appear in signatures. Types only, nothing to run."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Inputs: TypeAlias = NDArray[np.float32]
"""[n, *shape]: raw inputs. Tabular [n, n_inputs]: a category is its index, a missing
value NaN. Sequence [n, steps, n_channels], zero after each row's length. Image
[n, n_channels, height, width]."""

TreeFeatures: TypeAlias = NDArray[np.float32]
"""[n, n_tree_features]: what the tree splits on; finite, in the inputs' own units."""

Encoded: TypeAlias = NDArray[np.float32]
"""[n, *shape]: what the gradient is taken with respect to. Tabular: the tree features;
otherwise the inputs."""

Logits: TypeAlias = NDArray[np.float32]
"""[n, n_classes]: centred logits, each row sums to zero."""

Probabilities: TypeAlias = NDArray[np.float32]
"""[n, n_classes]: softmax of the logits."""

Gradients: TypeAlias = NDArray[np.float32]
"""[n, *shape] as Encoded: d logit[target] / d encoded input."""

Indexes: TypeAlias = NDArray[np.int64]
"""[n]: class indexes or node ids, one a row."""

Floats: TypeAlias = NDArray[np.float64]
"""Any shape: quantities computed in double precision."""
