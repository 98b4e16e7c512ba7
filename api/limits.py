"""What one request may ask for: bounds on everything that a client sends."""

import math
from collections.abc import Sequence

from api.errors import Fault, RequestError
from api.explanation_requests import ExplanationRequest
from api.problems import TOO_EXPENSIVE
from explainers.arrays import Inputs
from explainers.model import Model

MAX_INSTANCES = 1024
MAX_EXPLANATIONS = 8
MAX_NETWORK_ROWS = 250_000
"""Price of a whole request. A small network takes well under a microsecond a row, LIME
with its regression about ten: some 2.5 s of one core at the most."""

MAX_NETWORK_VALUES = 100_000_000
"""Price in input values, rows times columns: what binds wide tables."""

MAX_NETWORK_POSITIONS = 5_000_000
"""Price in steps of sequences or pixels of pictures. Recurrent and convolutional
networks work at each of them: a gradient of 32 GRU units took 1.5 us a step, of the
default convolutions .5 us a pixel."""

QUICK_SHARE = 1 / 200
"""Of that price: integrated gradients of a row of a table are below it, and LIME with a
thousand samples; 12 ms at the most. Such work need not queue behind what takes long."""

JOB_TIMES = 10
"""How many times that price a job may cost: nobody waits for it."""

MAX_PICTURE_PIXELS = 2**24
"""Pixels of all PNG and JPEG files of a request together, before any is resized: a
photograph of 16 megapixels, or 334 pictures of 224 x 224."""

MAX_DETAIL_CHARS = 1000
"""Problems quote what the client sent; a megabyte of it helps nobody."""


def price(model: Model, requests: Sequence[ExplanationRequest], instances: int) -> int:
    """Return the most rows that the explanations may send through the network."""
    return instances * sum(
        request.method.rows(model, request.parameters) for request in requests
    )


def row_limit(model: Model, inputs: Inputs) -> int:
    """Return how many rows like these a request may send through the network.

    Parameters
    ----------
    inputs : [n, *shape]; sequences are as long as the longest among them.
    """
    values = math.prod(inputs.shape[1:])
    positions = values // len(model.manifest.input.features)
    return min(
        MAX_NETWORK_ROWS,
        MAX_NETWORK_VALUES // values,
        MAX_NETWORK_POSITIONS // positions,
    )


def is_quick(model: Model, request: ExplanationRequest, inputs: Inputs) -> bool:
    """Whether an explanation of these inputs takes a few milliseconds at the most."""
    rows = price(model, [request], len(inputs))
    return rows <= QUICK_SHARE * row_limit(model, inputs)


def check_price(
    model: Model,
    requests: Sequence[ExplanationRequest],
    inputs: Inputs,
    *,
    times: int = 1,
) -> None:
    """Refuse a request that costs too much, before any work is done.

    Predictions alone may, of large pictures and long sequences: they hold a thread of
    the server that cheap requests wait for.

    Parameters
    ----------
    inputs : [n, *shape], see ``row_limit``.
    times : how many times the price of a request is allowed.

    Raises
    ------
    RequestError
        Says the price, the limit and the dearest explanation.
    """
    instances = len(inputs)
    limit = times * row_limit(model, inputs)
    if instances > limit:
        raise RequestError(
            TOO_EXPENSIVE,
            f"one request may hold {limit} instances of this size, not {instances}",
            [Fault("$.instances", f"holds {instances}", f"at most {limit}")],
        )
    rows = price(model, requests, instances)
    if rows <= limit:
        return
    dearest = max(requests, key=lambda request: price(model, [request], 1))
    each = price(model, [dearest], 1)
    raise RequestError(
        TOO_EXPENSIVE,
        f"these explanations may send {rows} rows through the network; one request may "
        f"send {limit}: ask for fewer instances or cheaper parameters",
        [
            Fault(
                dearest.path,
                f"{dearest.method.name} costs up to {each} rows an instance, "
                f"{each * instances} for {instances} instances",
                f"{limit} rows for the whole request",
            )
        ],
    )
