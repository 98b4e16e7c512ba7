"""Paths as people write them: ``/v1/models/{model}``."""

import functools
import re

_ARGUMENT = re.compile(r"<(?:(\w+):)?(\w+)>")


@functools.cache
def template(rule: str) -> str:
    """Return a routing rule as a URI template, which is also its name in metrics."""
    return _ARGUMENT.sub(r"{\2}", rule)
