"""Network families. A new one: one file here and one line in ``FAMILIES``."""

from collections.abc import Callable

from torch import nn

from trainer.config import ModelConfig
from trainer.data.encoding import Moments
from trainer.families.tabular import build_tabular

FAMILIES: dict[str, Callable[[ModelConfig, Moments, int], nn.Module]] = {
    "tabular": build_tabular,
}
"""Family -> builder of (configuration, moments of the tree features, n_classes)."""
