"""What a training configuration may say: the TOML file as frozen Structs with bounds.

The smallest file names a model and its data; every other value has a default.
"""

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from explainers.manifest import NAME, Expose
from trainer.errors import ConfigError

PositiveInt: TypeAlias = Annotated[int, Meta(ge=1)]
Seed: TypeAlias = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Share: TypeAlias = Annotated[float, Meta(gt=0, lt=1)]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every part of a configuration: immutable, unknown keys refused."""


class DataConfig(Section, frozen=True, kw_only=True):
    """Where the rows come from and how they are divided.

    Either ``named`` (a data set that comes with scikit-learn or river) or ``path``
    (.csv or .parquet, relative to the configuration file) with ``target``. ``drop``
    columns are not read; ``categorical`` columns are categories even where they look
    like numbers; ``units`` maps column to unit. Rows that share a value of ``group``
    (the visits of one patient) stay on one side of the split. ``split`` holds the
    shares of train, validation and test, or names a column that says which.
    """

    named: str | None = None
    path: str | None = None
    target: str | None = None
    drop: tuple[str, ...] = ()
    group: str | None = None
    categorical: tuple[str, ...] = ()
    units: dict[str, str] = {}
    split: tuple[Share, Share, Share] | str = (0.6, 0.2, 0.2)
    seed: Seed = 0

    def __post_init__(self) -> None:
        if (self.named is None) == (self.path is None):
            raise ValueError("give either `named` or `path`, and not both")
        if self.path is not None and self.target is None:
            raise ValueError("`path` needs `target`: the column to predict")
        if not isinstance(self.split, str) and abs(sum(self.split) - 1) > 1e-6:
            raise ValueError(
                f"`split` is {list(self.split)}, which sums to {sum(self.split):g}; "
                "the shares of train, validation and test must sum to 1"
            )


class ModelConfig(Section, frozen=True, kw_only=True):
    """The network: units of each hidden layer."""

    hidden: Annotated[tuple[PositiveInt, ...], Meta(max_length=16)] = (64, 32)


class TrainConfig(Section, frozen=True, kw_only=True):
    """The optimisation.

    ``epochs`` defaults to as many as make about 1,500 steps, and at least 20.
    ``weight_decay`` is Adam's L2 penalty. ``device`` is "auto" (CUDA when there is
    one), "cpu" or "cuda".
    """

    epochs: PositiveInt | None = None
    batch_size: PositiveInt = 64
    learning_rate: Annotated[float, Meta(gt=0, le=1)] = 3e-3
    weight_decay: Annotated[float, Meta(ge=0, le=10)] = 1e-3
    seed: Seed = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"


class TreeConfig(Section, frozen=True, kw_only=True):
    """The distilled tree.

    ``strength`` is the price of one decision that every row must take, in shares of
    error: .02 keeps a decision for all rows only if it saves 2 % of error.
    ``min_samples_leaf`` dominates the size of the tree; it defaults to 5, and to 25
    from 4,000 training rows (evidence: "The pull, rebuildable").
    """

    strength: Annotated[float, Meta(ge=0, le=1)] = 0.02
    min_samples_leaf: PositiveInt | None = None
    max_leaves: Annotated[int, Meta(ge=2, le=4096)] | None = None

    def leaf_size(self, rows: int) -> int:
        """Return the smallest number of training rows that a leaf may hold."""
        if self.min_samples_leaf is not None:
            return self.min_samples_leaf
        return 25 if rows >= 4000 else 5


class RegularizerConfig(Section, frozen=True, kw_only=True):
    """What pulls the network toward its tree; ``weight`` is the final factor mu."""

    name: str = "pull"
    weight: Annotated[float, Meta(ge=0, le=1000)] = 3.0


class Config(Section, frozen=True, kw_only=True):
    """A whole configuration file."""

    name: str
    version: str = "1"
    expose: Expose = "tree"
    data: DataConfig
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    tree: TreeConfig = TreeConfig()
    regularizer: RegularizerConfig = RegularizerConfig()

    def __post_init__(self) -> None:
        for key, value in (("name", self.name), ("version", self.version)):
            if not NAME.match(value):
                raise ValueError(
                    f"`{key}` is {value!r}; it becomes part of a URL: 1 to 64 of a-z, "
                    "0-9, '.', '_', '-', the first a letter or a digit"
                )


def load_config(path: Path) -> Config:
    """Read a TOML file.

    Raises
    ------
    ConfigError
        The file is missing, not TOML, holds an unknown key, or a value out of bounds.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not a TOML file: {error}") from error
    try:
        return parse_config(raw)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def parse_config(raw: dict[str, Any]) -> Config:
    """Check a configuration that has been read; raises ConfigError."""
    _check_keys(raw, Config, "")
    for name, section in SECTIONS.items():
        if isinstance(raw.get(name), dict):
            _check_keys(raw[name], section, f"[{name}] ")
    try:
        return msgspec.convert(raw, type=Config)
    except msgspec.ValidationError as error:
        problem, _, at = str(error).partition(" - at `$.")
        where = f"{at.rstrip('`')}: " if at else ""
        raise ConfigError(f"{where}{problem[:1].lower()}{problem[1:]}") from error


SECTIONS: dict[str, type[Section]] = {
    "data": DataConfig,
    "model": ModelConfig,
    "train": TrainConfig,
    "tree": TreeConfig,
    "regularizer": RegularizerConfig,
}


def _check_keys(raw: dict[str, Any], section: type[Section], where: str) -> None:
    known = section.__struct_fields__
    for key in raw:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise ConfigError(
                f"{where}unknown key {key!r}; {hint}allowed: {', '.join(known)}"
            )
