"""Where the data of a configuration come from: a file, a package, or a loader."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from explainers.manifest import Family as FamilyName
from trainer.config import Config, DataConfig, ImageModel, OwnModel, SequenceModel
from trainer.data.long_table import sequences_of_table
from trainer.data.named import NAMED
from trainer.data.named_images import IMAGES
from trainer.data.named_sequences import SEQUENCES
from trainer.data.raw import RawImages, RawSequences, RawTable
from trainer.data.read import read_raw
from trainer.errors import DataError
from trainer.own_code import find_function

Raw: TypeAlias = RawTable | RawSequences | RawImages
"""What was read, not yet checked."""

_KINDS: dict[type, FamilyName] = {
    RawTable: "tabular",
    RawSequences: "sequence",
    RawImages: "image",
}
_NAMED: dict[FamilyName, Mapping[str, Callable[[], Raw]]] = {
    "tabular": NAMED,
    "sequence": SEQUENCES,
    "image": IMAGES,
}


def family_of(raw: Raw) -> FamilyName:
    """Return the family that reads such data."""
    return _KINDS[type(raw)]


def load_raw(config: Config, base: Path = Path()) -> Raw:
    """Read the data that a configuration names.

    Raises
    ------
    DataError
        There are no such data, or they are not what the model's family reads.
    ConfigError
        A loader that cannot be found.
    """
    wanted = wanted_family(config)
    raw = _load(config.data, base, wanted)
    if wanted is not None and family_of(raw) != wanted:
        raise _misfit("the data are", family_of(raw), wanted)
    return raw


def wanted_family(config: Config) -> FamilyName | None:
    """Return the family that the model reads; None where the data decide."""
    if isinstance(config.model, OwnModel):
        return config.model.inputs
    if isinstance(config.model, SequenceModel):
        return "sequence"
    return "image" if isinstance(config.model, ImageModel) else "tabular"


def _load(data: DataConfig, base: Path, wanted: FamilyName | None) -> Raw:
    if data.loader is not None:
        return _call_loader(data.loader, data.options)
    if data.named is not None:
        family = _family_of_named(data.named, wanted)
        if family != "tabular":
            return _NAMED[family][data.named]()
    raw = read_raw(data, base)
    return raw if data.sequence is None else sequences_of_table(raw, data)


def _family_of_named(name: str, wanted: FamilyName | None) -> FamilyName:
    """Return the family as which a named data set is read; digits come as two."""
    holders = [family for family, named in _NAMED.items() if name in named]
    if not holders:
        available = "; ".join(
            f"{family}: {', '.join(named)}" for family, named in _NAMED.items()
        )
        raise DataError(f"no data set is named {name!r}; available: {available}")
    if wanted is None or wanted in holders:
        return wanted or holders[0]
    raise _misfit(f"the data set {name!r} is", holders[0], wanted)


def _misfit(what: str, found: FamilyName, wanted: FamilyName) -> DataError:
    return DataError(
        f"{what} for family {found!r}, the model for {wanted!r}; "
        f'set [model] family = "{found}"'
    )


def _call_loader(reference: str, options: dict[str, object]) -> Raw:
    raw = find_function(reference, "data")(**options)
    if type(raw) not in _KINDS:
        raise DataError(
            f"data {reference!r} returned {type(raw).__name__}; expected one of "
            f"{', '.join(kind.__name__ for kind in _KINDS)}"
        )
    return raw  # type: ignore[no-any-return]
