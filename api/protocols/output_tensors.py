"""Output tensors onto the wire: JSON, or raw bytes after it where the client asks."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import orjson
from numpy.typing import NDArray

from api.protocols.datatypes import BYTES, NAMES
from explainers.errors import NonFiniteError
from explainers.masks import all_finite

Strings: TypeAlias = Sequence[str]


@dataclass(frozen=True)
class OutputTensor:
    """One output: numbers in their shape, or one string a row.

    ``parameters`` are reported with it; ``binary`` sends it as raw bytes.
    """

    name: str
    values: NDArray[np.generic] | Strings
    binary: bool = False
    parameters: dict[str, Any] | None = None


@dataclass(frozen=True)
class WireReply:
    """A body; ``json_bytes`` is the length of its JSON when raw tensors follow."""

    body: bytes
    json_bytes: int | None


def encode_reply(reply: dict[str, Any], outputs: Sequence[OutputTensor]) -> WireReply:
    """Return the reply with its ``outputs`` as the client gets it.

    Raises
    ------
    NonFiniteError
        An output holds NaN or infinity.
    """
    described: list[dict[str, Any]] = []
    raw: list[bytes] = []
    for output in outputs:
        member, part = _describe(output)
        described.append(member)
        if part is not None:
            raw.append(part)
    reply["outputs"] = described
    text = orjson.dumps(reply, option=orjson.OPT_SERIALIZE_NUMPY)
    if not raw:
        return WireReply(text, None)
    return WireReply(b"".join([text, *raw]), len(text))


def _describe(output: OutputTensor) -> tuple[dict[str, Any], bytes | None]:
    values, parameters = output.values, output.parameters
    member: dict[str, Any] = {"name": output.name}
    if isinstance(values, np.ndarray):
        member["datatype"] = NAMES[values.dtype]
        member["shape"] = values.shape
        _check_finite(output.name, values)
    else:
        member["datatype"] = BYTES
        member["shape"] = (len(values),)
    part = None
    if output.binary:
        part = _to_bytes(values)
        parameters = {**(parameters or {}), "binary_data_size": len(part)}
    else:
        member["data"] = values.ravel() if isinstance(values, np.ndarray) else values
    if parameters:
        member["parameters"] = parameters
    return member, part


def _check_finite(name: str, values: NDArray[np.generic]) -> None:
    """Numbers that JSON cannot say are refused as raw bytes too."""
    if values.dtype.kind == "f" and not all_finite(values):
        raise NonFiniteError(f"output {name!r} holds NaN or infinity")


def _to_bytes(values: NDArray[np.generic] | Strings) -> bytes:
    if isinstance(values, np.ndarray):
        return values.tobytes()  # the machine is little-endian, as the protocol
    encoded = [value.encode() for value in values]
    return b"".join(
        part for text in encoded for part in (struct.pack("<I", len(text)), text)
    )
