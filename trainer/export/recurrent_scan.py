"""GRU and LSTM as a scan over time, which ONNX can hold with any batch and length.

Traced as it is, torch's nn.GRU silently unrolls time and freezes the batch (evidence,
"Recipe", step 8). Here the input's part of every gate is computed for all steps at
once; the scan's body holds matrix products and element-wise functions alone, since
slices and tuples of carries have no ONNX form inside a scan.
"""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch._higher_order_ops.scan import scan

from trainer.errors import ExportError


def portable(module: nn.Module) -> nn.Module:
    """Return a copy in which every nn.GRU and nn.LSTM is a scan.

    Raises
    ------
    ExportError
        A recurrent layer that reads backwards, has projections, another batch axis, or
        is a plain nn.RNN.
    """
    if isinstance(module, nn.RNNBase):
        return _portable_layer(module)
    copied = copy.deepcopy(module)
    for name, layer in list(copied.named_modules()):
        if isinstance(layer, nn.RNNBase):
            parent, _, attribute = name.rpartition(".")
            setattr(copied.get_submodule(parent), attribute, _portable_layer(layer))
    return copied


def _portable_layer(layer: nn.RNNBase) -> nn.Module:
    if layer.bidirectional or layer.proj_size or not layer.batch_first:
        raise ExportError(
            f"{type(layer).__name__}: only batch_first layers of one direction without "
            "projections have an ONNX form here"
        )
    if not isinstance(layer, nn.GRU | nn.LSTM):
        raise ExportError(f"{type(layer).__name__}: use nn.GRU or nn.LSTM")
    return RecurrentScan(layer)


class RecurrentScan(nn.Module):
    """A drop-in for nn.GRU or nn.LSTM in evaluation mode, without a given state.

    ``forward(inputs)`` [n, steps, d] returns (outputs [n, steps, units], None).
    """

    def __init__(self, layer: nn.GRU | nn.LSTM) -> None:
        super().__init__()
        cell = _GRUCell if isinstance(layer, nn.GRU) else _LSTMCell
        self.cells = nn.ModuleList(cell(layer, k) for k in range(layer.num_layers))

    def forward(self, inputs: Tensor, state: None = None) -> tuple[Tensor, None]:
        """Run all layers over all steps, from a state of zeros."""
        outputs = inputs
        for cell in self.cells:
            outputs = cell(outputs)
        return outputs, None


class _Cell(nn.Module):
    """One layer: its weights by gate, transposed, as constants."""

    gates: tuple[str, ...]

    def __init__(self, layer: nn.RNNBase, number: int) -> None:
        super().__init__()
        self.units = layer.hidden_size
        for side in ("ih", "hh"):
            weight = getattr(layer, f"weight_{side}_l{number}").detach()
            bias = (
                getattr(layer, f"bias_{side}_l{number}").detach()
                if layer.bias
                else weight.new_zeros(len(weight))
            )
            for k, gate in enumerate(self.gates):
                rows = slice(k * self.units, (k + 1) * self.units)
                self.register_buffer(f"{side}_{gate}", weight[rows].T.contiguous())
                self.register_buffer(f"bias_{side}_{gate}", bias[rows].clone())

    def constant(self, name: str) -> Tensor:
        """Return a weight or a bias."""
        tensor: Tensor = getattr(self, name)
        return tensor

    def from_input(self, inputs: Tensor, gate: str, bias: Tensor | None) -> Tensor:
        """Return a gate's part that depends on the input alone: [steps, n, units].

        As one product of two matrices: a batch of products would copy the weights for
        each step in the backward pass, and round otherwise in another batch.
        """
        flat = inputs.reshape(-1, inputs.shape[2])  # [n * steps, d]
        product = flat @ self.constant(f"ih_{gate}") + self.constant(f"bias_ih_{gate}")
        if bias is not None:
            product = product + bias
        return product.view(*inputs.shape[:2], self.units).transpose(0, 1)


class _GRUCell(_Cell):
    gates = ("r", "z", "n")

    def forward(self, inputs: Tensor) -> Tensor:
        """[n, steps, d] -> [n, steps, units]."""
        to_r, to_z, to_n = (self.constant(f"hh_{gate}") for gate in self.gates)
        bias_r, bias_z, bias_n = (
            self.constant(f"bias_hh_{gate}") for gate in self.gates
        )

        def step(state: Tensor, given: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
            reset = torch.sigmoid(given[0] + state @ to_r)
            update = torch.sigmoid(given[1] + state @ to_z)
            new = torch.tanh(given[2] + reset * (state @ to_n + bias_n))
            state = (1 - update) * new + update * state
            return state, state.clone()

        given = (
            self.from_input(inputs, "r", bias_r),
            self.from_input(inputs, "z", bias_z),
            self.from_input(inputs, "n", None),
        )
        start = inputs.new_zeros(inputs.shape[0], self.units)
        return _scan(step, start, given)


class _LSTMCell(_Cell):
    """Hidden and cell state share one carry [n, 2 units], the only form that can be
    traced; constant matrices of 0 and 1 take the halves apart and put them together,
    exactly. scan_bodies.py makes two carries of it in the file.
    """

    gates = ("i", "f", "g", "o")

    def __init__(self, layer: nn.RNNBase, number: int) -> None:
        super().__init__(layer, number)
        units = self.units
        first = torch.eye(2 * units)[:, :units].contiguous()  # [2 units, units]
        second = torch.eye(2 * units)[:, units:].contiguous()
        self.register_buffer("take_cell", second)
        self.register_buffer("put_hidden", first.T.contiguous())
        self.register_buffer("put_cell", second.T.contiguous())
        for gate in self.gates:
            weight = self.constant(f"hh_{gate}")
            self.register_buffer(f"hh_{gate}", first @ weight)  # reads the hidden half

    def forward(self, inputs: Tensor) -> Tensor:
        """[n, steps, d] -> [n, steps, units]."""
        to_i, to_f, to_g, to_o = (self.constant(f"hh_{gate}") for gate in self.gates)
        take_cell = self.constant("take_cell")
        put_hidden, put_cell = self.constant("put_hidden"), self.constant("put_cell")

        def step(state: Tensor, given: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
            enter = torch.sigmoid(given[0] + state @ to_i)
            keep = torch.sigmoid(given[1] + state @ to_f)
            new = torch.tanh(given[2] + state @ to_g)
            show = torch.sigmoid(given[3] + state @ to_o)
            cell = keep * (state @ take_cell) + enter * new
            hidden = show * torch.tanh(cell)
            state = hidden @ put_hidden + cell @ put_cell
            return state, hidden.clone()

        given = tuple(
            self.from_input(inputs, gate, self.constant(f"bias_hh_{gate}"))
            for gate in self.gates
        )
        start = inputs.new_zeros(inputs.shape[0], 2 * self.units)
        return _scan(step, start, given)


def _scan(
    step: Callable[[Tensor, tuple[Tensor, ...]], tuple[Tensor, Tensor]],
    start: Tensor,
    given: tuple[Tensor, ...],
) -> Tensor:
    """Run ``step`` along the first axis of ``given``; return [n, steps, units]."""
    _, shown = scan(step, start, given, dim=0)
    outputs: Tensor = shown.transpose(0, 1)
    return outputs
