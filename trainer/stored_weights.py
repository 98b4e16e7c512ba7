"""A network's weights in its bundle: plain .npy files, and back into a module.

predict.onnx cannot be differentiated by its weights, and training again from the
provenance does not give the same network: the same seed on one thread instead of two
moved logits by 2e-4, without AVX by 0.4 to 1.7 (measured, torch 2.13). So the trainer
stores what it trained, and reading checks that it answers as predict.onnx does.
"""

import numpy as np
import torch
from torch import nn

from explainers.bundle import Bundle, decode_array, encode_array
from trainer.errors import WeightsError

FOLDER = "weights/"


def encode_weights(network: nn.Module) -> dict[str, bytes]:
    """Return a file a parameter and buffer: ``weights/NAME.npy``."""
    return {
        f"{FOLDER}{name}.npy": encode_array(value.detach().cpu().numpy())
        for name, value in network.state_dict().items()
    }


def weight_names(bundle: Bundle) -> set[str]:
    """Return the names of the parameters and buffers that a bundle stores."""
    paths = [path for path in bundle.files if path.startswith(FOLDER)]
    if not paths:
        raise WeightsError(
            f"the bundle of {bundle.manifest.name!r} holds no weights ({FOLDER}*.npy): "
            "an older version of Leafpath wrote it. Use its configuration file instead"
        )
    return {path.removeprefix(FOLDER).removesuffix(".npy") for path in paths}


def load_weights(network: nn.Module, bundle: Bundle) -> None:
    """Put a bundle's weights into a network of the same structure.

    Raises
    ------
    WeightsError
        The bundle has none, or they are not those of such a network.
    """
    stored = {
        name: torch.from_numpy(np.array(decode_array(bundle, f"{FOLDER}{name}.npy")))
        for name in weight_names(bundle)
    }
    try:
        network.load_state_dict(stored)
    except RuntimeError as error:
        raise WeightsError(
            f"the bundle's weights do not fit its network: {error}"
        ) from (error)
