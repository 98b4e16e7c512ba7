"""Network families. A new one: one file here and one line in ``FAMILIES``."""

from collections.abc import Callable
from typing import Any

from explainers.manifest import Family as FamilyName
from trainer.config import Config
from trainer.data.source import Raw, family_of
from trainer.families.base import Family
from trainer.families.image import prepare_images
from trainer.families.sequence import prepare_sequences
from trainer.families.tabular import prepare_tabular

FAMILIES: dict[FamilyName, Callable[[Config, Any], Family]] = {
    "tabular": prepare_tabular,
    "sequence": prepare_sequences,
    "image": prepare_images,
}
"""Family -> how its raw data become a ``Family``."""


def prepare_family(config: Config, raw: Raw) -> Family:
    """Check, divide and encode what a loader returned; raises DataError."""
    return FAMILIES[family_of(raw)](config, raw)
