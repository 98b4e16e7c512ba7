"""A real instance of a model, as a client would write it: for people to copy."""

import numpy as np

from explainers.arrays import Inputs
from explainers.instances import Value, decode_instance
from explainers.manifest import InputSchema


def example_instance(schema: InputSchema, background: Inputs) -> list[Value]:
    """Return the first row of the background sample as values in input order.

    Parameters
    ----------
    background : [n >= 1, n_inputs], what a bundle holds as reference.
    """
    return [_shortest(value) for value in decode_instance(schema, background[0])]


def _shortest(value: Value) -> Value:
    """Return the shortest decimal that is the same float32: 17.99 for 17.9899998."""
    return float(str(np.float32(value))) if isinstance(value, float) else value
