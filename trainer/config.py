"""What a training configuration may say: the TOML file as frozen Structs with bounds.

The smallest file names a model and its data; every other value has a default.
"""

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args

import msgspec
from msgspec import Meta

from explainers.manifest import NAME, BeyondTraining, Expose, Family
from trainer.errors import ConfigError

PositiveInt: TypeAlias = Annotated[int, Meta(ge=1)]
Seed: TypeAlias = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Share: TypeAlias = Annotated[float, Meta(gt=0, lt=1)]
Varies: TypeAlias = Literal["strength", "weight"]
"""What a sweep varies: the price of a decision, or the weight of the regularizer."""
MOST_WEIGHT = 1000
"""The largest weight of a regularizer."""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every part of a configuration: immutable, unknown keys refused."""


class DataConfig(Section, frozen=True, kw_only=True):
    """Where the rows come from and how they are divided.

    One of ``named`` (a data set that comes with a package or is generated), ``path``
    (.csv or .parquet, relative to the configuration file) with ``target``, or
    ``loader`` ("package.module:function", called with ``options``; `data = "..."` is
    short for it). ``drop`` columns are not read; ``categorical`` columns are
    categories even where they look like numbers; ``units`` maps column to unit. Rows
    that share a value of ``group`` (the visits of one patient) stay on one side of the
    split. ``split`` holds the shares of train, validation and test, or names a column
    that says which.

    Of sequences a file holds one line a step: ``sequence`` names the column that tells
    them apart, ``time`` the one that orders their steps (else the file's order holds).
    ``labels`` says whether the target belongs to the whole sequence or to each step;
    ``most_steps`` is the longest sequence that the served model accepts, by default the
    longest of the data.
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
    sequence: str | None = None
    time: str | None = None
    labels: Literal["sequence", "step"] = "sequence"
    most_steps: PositiveInt | None = None
    loader: str | None = None
    options: dict[str, Any] = {}

    def __post_init__(self) -> None:
        sources = (self.named, self.path, self.loader)
        if sum(source is not None for source in sources) != 1:
            raise ValueError("give either `named`, `path` or `loader`, and only one")
        if self.path is not None and self.target is None:
            raise ValueError("`path` needs `target`: the column to predict")
        if not isinstance(self.split, str) and abs(sum(self.split) - 1) > 1e-6:
            raise ValueError(
                f"`split` is {list(self.split)}, which sums to {sum(self.split):g}; "
                "the shares of train, validation and test must sum to 1"
            )


class ModelConfig(
    Section, frozen=True, kw_only=True, tag_field="family", tag="tabular"
):
    """The network for tables: units of each hidden layer."""

    hidden: Annotated[tuple[PositiveInt, ...], Meta(max_length=16)] = (64, 32)


class SequenceModel(
    Section, frozen=True, kw_only=True, tag_field="family", tag="sequence"
):
    """The network for sequences: its recurrent cell, units a layer, layers."""

    cell: Literal["gru", "lstm"] = "gru"
    hidden: Annotated[int, Meta(ge=1, le=4096)] = 32
    layers: Annotated[int, Meta(ge=1, le=8)] = 1


class ImageModel(Section, frozen=True, kw_only=True, tag_field="family", tag="image"):
    """The network for pictures: channels of each 3 x 3 convolution.

    The picture is halved after each convolution but the last, as long as 4 x 4
    positions are left; the last feature map is averaged over its positions and read by
    one linear layer (so Grad-CAM is exact).
    """

    channels: Annotated[tuple[PositiveInt, ...], Meta(min_length=1, max_length=8)] = (
        16,
        32,
        32,
    )


class OwnModel(Section, frozen=True, kw_only=True, tag_field="family", tag="own"):
    """A network of one's own: ``factory`` is "package.module:function".

    It is called with a ``NetworkSpec`` and ``options`` (trainer/families/own.py).
    ``inputs`` is the family of its inputs; by default what the data are.
    `model = "..."` is short for a factory without options.
    """

    factory: str
    inputs: Family | None = None
    options: dict[str, Any] = {}


Network: TypeAlias = ModelConfig | SequenceModel | ImageModel | OwnModel
Statistic: TypeAlias = Literal["mean", "lowest", "highest", "deviation"]


class TreeFeaturesConfig(Section, frozen=True, kw_only=True):
    """What the tree may split on where that is not the inputs themselves.

    Sequences: for each channel its last value; the values ``lags`` steps earlier; the
    changes over ``differences`` steps; each of the ``statistics`` over the last
    ``windows`` steps and, with ``so_far``, over all steps so far. Steps before the
    start do not exist: a window takes the steps that there are, and a lag or a
    difference reaches back to the first step at most.

    Pictures: the mean of each patch of a ``grid`` [rows, columns]; by default patches
    of about 4 x 4 pixels, but between 4 and 8 of them a side.
    """

    lags: tuple[PositiveInt, ...] = (1, 2)
    differences: tuple[PositiveInt, ...] = (1,)
    windows: tuple[Annotated[int, Meta(ge=2)], ...] = (3, 5)
    statistics: tuple[Statistic, ...] = ("mean", "lowest", "highest", "deviation")
    so_far: bool = True
    grid: tuple[PositiveInt, PositiveInt] | None = None


class TrainConfig(Section, frozen=True, kw_only=True):
    """The optimisation.

    ``epochs`` defaults to as many as make about 1,500 steps, and at least 20. 0 keeps a
    network as its factory made it, its probabilities included: it came trained.
    ``weight_decay`` is Adam's L2 penalty. ``device`` is "auto" (CUDA when there is
    one), "cpu" or "cuda". ``threads`` on the CPU: more than one pays for large networks
    on an idle machine only.
    """

    epochs: Annotated[int, Meta(ge=0)] | None = None
    batch_size: PositiveInt = 64
    learning_rate: Annotated[float, Meta(gt=0, le=1)] = 3e-3
    weight_decay: Annotated[float, Meta(ge=0, le=10)] = 1e-3
    seed: Seed = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: PositiveInt = 1


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
    """What pulls the network toward its tree.

    ``name`` is one of ``REGULARIZERS``; ``weight`` its factor (of the pull: the final
    mu), by default its own. ``force`` goes on with a surrogate that foretells nothing.
    """

    name: str = "pull"
    weight: Annotated[float, Meta(ge=0, le=MOST_WEIGHT)] | None = None
    force: bool = False

    @property
    def varies(self) -> Varies:
        """What a sweep varies: what makes this regularizer's trees smaller.

        The pull draws a network to a tree of a given price of decisions (and without a
        regularizer the tree alone has one). The others know no price: what they press
        with is their weight.
        """
        return "strength" if self.name in ("pull", "none") else "weight"


class RegionsConfig(Section, frozen=True, kw_only=True):
    """One tree a region: by ``rule`` ("age > 65") or by a ``column`` of categories."""

    rule: str | None = None
    column: str | None = None

    def __post_init__(self) -> None:
        if (self.rule is None) == (self.column is None):
            raise ValueError("give either `rule` or `column`, and not both")


class Config(Section, frozen=True, kw_only=True):
    """A whole configuration file.

    ``beyond_training`` says what the server does with numbers outside the training
    range and with categories that training never saw: answer them with a warning, or
    refuse them.

    ``decision`` says who decides in the served model: the network, or the tree, onto
    whose side the network's logits are then projected (fidelity 1 by construction).
    """

    name: str
    version: str = "1"
    expose: Expose = "tree"
    beyond_training: BeyondTraining = "warn"
    decision: Literal["network", "tree"] = "network"
    data: DataConfig
    model: Network = ModelConfig()
    tree_features: TreeFeaturesConfig = TreeFeaturesConfig()
    train: TrainConfig = TrainConfig()
    tree: TreeConfig = TreeConfig()
    regularizer: RegularizerConfig = RegularizerConfig()
    regions: RegionsConfig | None = None

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
    raw = _spell_out(raw)
    sections = SECTIONS | {"model": _model_section(raw.get("model", {}))}
    for name, section in sections.items():
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
    "tree_features": TreeFeaturesConfig,
    "train": TrainConfig,
    "tree": TreeConfig,
    "regularizer": RegularizerConfig,
    "regions": RegionsConfig,
}


MODELS: dict[str, type[Section]] = {
    str(model.__struct_config__.tag): model for model in get_args(Network)
}
"""What [model] holds, by its family."""


def _spell_out(raw: dict[str, Any]) -> dict[str, Any]:
    """Write out the short forms: `model = "..."`, `data = "..."`, and the family."""
    raw = dict(raw)
    if isinstance(raw.get("data"), str):
        raw["data"] = {"loader": raw["data"]}
    model = raw.get("model", {})
    if isinstance(model, str):
        model = {"factory": model}
    if isinstance(model, dict):
        default = "own" if "factory" in model else "tabular"
        raw["model"] = {"family": default, **model}
    return raw


def _model_section(model: Any) -> type[Section]:
    family = model.get("family") if isinstance(model, dict) else None
    if isinstance(family, str) and family in MODELS:
        return MODELS[family]
    raise ConfigError(f"[model] family is {family!r}; available: {', '.join(MODELS)}")


def _check_keys(raw: dict[str, Any], section: type[Section], where: str) -> None:
    known = section.__struct_fields__
    if section.__struct_config__.tag_field is not None:
        known = (section.__struct_config__.tag_field, *known)
    for key in raw:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise ConfigError(
                f"{where}unknown key {key!r}; {hint}allowed: {', '.join(known)}"
            )
