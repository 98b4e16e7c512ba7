"""Instances of any family -> what the graphs read, and back."""

from collections.abc import Sequence
from typing import Any

from explainers.arrays import Indexes, Inputs
from explainers.images import decode_image, encode_images
from explainers.instances import decode_instance, encode_instances
from explainers.manifest import InputSchema, Manifest
from explainers.sequences import decode_sequence, encode_sequences


def read_instances(
    manifest: Manifest, instances: Sequence[Any], path: str = "$.instances"
) -> tuple[Inputs, Indexes | None]:
    """Encode a batch as clients send it.

    Parameters
    ----------
    instances : tables: values in input order, or an object by feature name. Sequences:
        a list of steps, each like a table's row. Pictures: rows of pixels.
    path : JSONPath of ``instances``, for messages.

    Returns
    -------
    Inputs [n, *shape] float32 and, for sequences, lengths [n] int64 (else None): the
    arguments of ``Model.predict``.

    Raises
    ------
    InstanceError
        An instance does not fit; the message names its path.
    """
    if manifest.family == "sequence":
        return encode_sequences(manifest.input, instances, path)
    if manifest.family == "image":
        return encode_images(manifest.input, instances, path), None
    return encode_instances(manifest.input, instances, path), None


def write_instance(schema: InputSchema, row: Inputs, length: int) -> list[Any]:
    """Return one row as a client would send it.

    Parameters
    ----------
    row : [*shape] float32. length : its steps, of a sequence; else ignored.
    """
    if len(schema.shape) == 2:
        return decode_sequence(row, length)
    if len(schema.shape) == 3:
        return decode_image(row)
    return decode_instance(schema, row)
