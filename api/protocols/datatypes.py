"""The tensor datatypes of the Open Inference Protocol, and what each is in numpy."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

BYTES = "BYTES"
"""Strings: the one datatype whose elements have no fixed size."""

BF16 = "BF16"
"""The upper half of an FP32. numpy has no such type; as in Triton it comes as bytes."""

NUMPY: Mapping[str, np.dtype[np.generic]] = MappingProxyType(
    {
        "BOOL": np.dtype("?"),
        "UINT8": np.dtype("u1"),
        "UINT16": np.dtype("<u2"),
        "UINT32": np.dtype("<u4"),
        "UINT64": np.dtype("<u8"),
        "INT8": np.dtype("i1"),
        "INT16": np.dtype("<i2"),
        "INT32": np.dtype("<i4"),
        "INT64": np.dtype("<i8"),
        "FP16": np.dtype("<f2"),
        "FP32": np.dtype("<f4"),
        "FP64": np.dtype("<f8"),
    }
)
"""Little-endian, as the binary tensor extension writes them."""

NAMES: Mapping[np.dtype[np.generic], str] = MappingProxyType(
    {dtype: name for name, dtype in NUMPY.items()}
)
"""The other way round."""
