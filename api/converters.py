"""How a model's name is read out of a path."""

from werkzeug.routing import BaseConverter


class ModelName(BaseConverter):
    """A path segment without a colon: ``x:predict`` is no model's name."""

    regex = "[^/:]+"
    part_isolating = True  # never spans a slash, so that routing may split there
