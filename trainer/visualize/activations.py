"""What a layer answers, without running the layers behind it."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from trainer.errors import VisualizationError

OUTPUT = ""
"""The name of the whole network as a layer: its logits."""


class _Reached(Exception):
    """Ends a forward pass once the last layer that was asked for has answered."""


def record(
    network: nn.Module, layers: Sequence[str], inputs: Tensor
) -> dict[str, Tensor]:
    """Run a network up to the last of some layers.

    Parameters
    ----------
    layers : names as in ``network.named_modules()``; "" is the network itself.
    inputs : [n, ...].

    Returns
    -------
    By layer: its output, batch first; of a recurrent layer the states
    [n, steps, n_units].

    Raises
    ------
    VisualizationError
        There is no such layer, it is not run, or it does not answer one tensor.
    """
    wanted = {name: find_layer(network, name) for name in dict.fromkeys(layers)}
    found: dict[str, Tensor] = {}
    handles = [
        module.register_forward_hook(_note(name, found, len(wanted)))
        for name, module in wanted.items()
    ]
    try:
        network(inputs)
    except _Reached:
        pass
    finally:
        for handle in handles:
            handle.remove()
    for name in wanted:
        if name not in found:
            raise VisualizationError(f"layer {name!r} is not run by the network")
    return found


def find_layer(network: nn.Module, name: str) -> nn.Module:
    """Return a layer by name; raises VisualizationError with the names there are."""
    modules: dict[str, nn.Module] = dict(network.named_modules())
    if name not in modules:
        known = ", ".join(key for key in modules if key)
        raise VisualizationError(f"no layer {name!r}; the network has: {known}")
    return modules[name]


def _note(name: str, found: dict[str, Tensor], wanted: int) -> Any:
    def hook(module: nn.Module, arguments: Any, output: Any) -> None:
        if isinstance(module, nn.RNNBase):
            output = output[0]  # the rest are the last steps' states
        if not isinstance(output, Tensor):
            raise VisualizationError(
                f"layer {name!r} answers {type(output).__name__}, not one tensor"
            )
        found[name] = output
        if len(found) == wanted:
            raise _Reached

    return hook
