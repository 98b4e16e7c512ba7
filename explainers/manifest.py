"""The contract between trainer and API: what manifest.json holds, as frozen Structs.

Reading and writing live in bundle.py; this file only says what the words mean.
"""

import re
from functools import cached_property
from typing import Annotated, Any, Literal

import msgspec

from explainers.errors import ManifestError

FORMAT_VERSION = 1
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")
"""Model names and versions: they become path segments and metric labels."""

SHARES = frozenset(("accuracy", "auc", "calibration_error", "predicted_positive_rate"))
"""The figures of a network that are shares, from 0 to 1."""

Task = Literal["binary", "multiclass", "regression"]
Family = Literal["tabular", "sequence", "image"]
Expose = Literal["tree", "path", "prediction"]
BeyondTraining = Literal["warn", "refuse"]
Kind = Literal["numeric", "categorical"]
MissingRule = Literal["refuse", "impute"]
ColumnKind = Literal["value", "category", "missing"]


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything stored in a bundle: immutable, and strict when read."""


class Estimate(Document, frozen=True, kw_only=True):
    """A measured quantity with its 95 % interval: low <= value <= high.

    ``n`` is the number of rows that it was measured on; NaN never appears.
    """

    value: float
    n: int
    low: float
    high: float

    def __post_init__(self) -> None:
        if self.low > self.value or self.value > self.high or self.n < 0:
            raise ValueError(
                f"an estimate of {self.value} in [{self.low}, {self.high}] on "
                f"{self.n} rows; expected low <= value <= high and n >= 0"
            )


class InputFeature(Document, frozen=True, kw_only=True):
    """One input column, as a client sends it.

    ``minimum`` and ``maximum`` are the range seen in training (numeric columns);
    ``categories`` are the values allowed (categorical columns), the position being
    the code in the graph's input. ``missing`` says whether null is accepted, which is
    the case exactly when the training rows had missing values in this column.
    """

    name: str
    kind: Kind
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] = ()
    missing: MissingRule = "refuse"


class TreeFeature(Document, frozen=True, kw_only=True):
    """One column that the tree splits on and the gradient is taken with respect to.

    ``source`` is the position of the input column (of a table) or channel (of a
    sequence or image) that it derives from. ``mean`` is the training mean (the baseline
    of integrated gradients), ``spread`` the training standard deviation (the unit of
    margins and of SmoothGrad's noise; > 0). ``window`` is the number of last steps that
    a feature of a sequence looks at; ``patch`` the top, left, height and width, in
    pixels, of the part of an image that it averages.
    """

    name: str
    source: int
    kind: ColumnKind = "value"
    category: str | None = None
    unit: str | None = None
    mean: float
    spread: float
    minimum: float
    maximum: float
    window: int | None = None
    patch: tuple[int, int, int, int] | None = None


class PictureInput(Document, frozen=True, kw_only=True):
    """How a PNG or JPEG becomes an input: its 0 to 255 become 0 to ``white``.

    ``resize`` says that pictures of another size are scaled and cropped about their
    centre to the input's; otherwise they are refused.
    """

    white: float
    resize: bool = False


class InputSchema(Document, frozen=True, kw_only=True, dict=True):
    """The graph input: ``shape`` excludes the batch axis.

    Tabular: (n_features,). Sequence: (most steps, n_channels), ragged in time. Image:
    (n_channels, height, width). ``features`` are the columns or the channels.
    ``picture`` is absent where no PNG or JPEG is taken. ``beyond_training`` says what
    becomes of numbers outside the training range and of categories that training never
    saw: they are answered with a warning, or refused.
    """

    shape: tuple[int, ...]
    dtype: Literal["float32"] = "float32"
    features: tuple[InputFeature, ...]
    picture: PictureInput | msgspec.UnsetType = msgspec.UNSET
    beyond_training: BeyondTraining = "warn"

    @cached_property
    def has_categories(self) -> bool:
        """Whether a value may be something else than a number."""
        return any(feature.kind != "numeric" for feature in self.features)


class OutputSchema(Document, frozen=True, kw_only=True):
    """The classes, in the order of logits and probabilities."""

    classes: tuple[str, ...]


class TreeMetrics(Document, frozen=True, kw_only=True):
    """How well the tree speaks for its network, on the untouched test split."""

    leaves: int
    depth: int
    accuracy: Estimate
    fidelity: Estimate
    balanced_fidelity: Estimate
    average_path_length: Estimate


class ControlMetrics(Document, frozen=True, kw_only=True):
    """A rival at the same leaf budget: what one would have got without Leafpath."""

    description: str
    network: dict[str, Estimate] = {}
    tree: TreeMetrics | None = None


class FrontierPoint(Document, frozen=True, kw_only=True):
    """One point of a sweep: a regularization strength and what it cost.

    ``kind`` is "regularized" or the control that it is: "posthoc" (the same network
    without the regularizer, distilled afterwards), "projected" (that network projected
    onto that tree) or "cart" (a CART on the labels).
    ``strength`` is the price of a decision, or the weight of a regularizer that knows
    no price. ``network`` is what would be served: of a CART its own figures.
    """

    kind: Literal["regularized", "posthoc", "projected", "cart"] = "regularized"
    strength: float
    seed: int
    network: dict[str, Estimate]
    tree: TreeMetrics


class Metrics(Document, frozen=True, kw_only=True):
    """Everything measured on the test split when the bundle was written.

    ``network`` holds ``auc``, ``accuracy``, ``log_loss``, ``calibration_error`` and
    ``predicted_positive_rate`` (binary). ``constant_class`` is the accuracy and the
    fidelity of always answering the most frequent class: a floor for both.
    """

    network: dict[str, Estimate]
    tree: TreeMetrics
    constant_class: dict[str, Estimate]
    controls: dict[str, ControlMetrics] = {}
    frontier: tuple[FrontierPoint, ...] = ()


class Provenance(Document, frozen=True, kw_only=True):
    """Where the bundle came from; enough to train it again."""

    seed: int
    data_digest: str
    rows: dict[str, int]
    libraries: dict[str, str]
    configuration: dict[str, Any]
    restarts: int = 0


class File(Document, frozen=True, kw_only=True):
    """One file of the bundle: POSIX path relative to the manifest, size, SHA-256."""

    path: str
    bytes: int
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Manifest(Document, frozen=True, kw_only=True):
    """manifest.json.

    ``tree_features`` are the columns of ``tree_features.onnx``; where that graph is
    absent they are the inputs themselves, in order. ``unavailable`` maps a graph that
    could not be exported (``gradient``, ``gradcam``) to the reason.
    """

    format: int
    name: str
    version: str
    task: Task
    family: Family
    input: InputSchema
    output: OutputSchema
    tree_features: tuple[TreeFeature, ...]
    metrics: Metrics
    provenance: Provenance
    expose: Expose = "tree"
    unavailable: dict[str, str] = {}
    files: tuple[File, ...] = ()


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the canonical form: sorted keys, no white space, UTF-8.

    Raises
    ------
    ManifestError
        A value cannot be stored, NaN or infinity among them.
    """
    try:
        # Once through the decoder, so that an int in a float field is written as float.
        stored = msgspec.json.decode(msgspec.json.encode(manifest), type=Manifest)
    except msgspec.MsgspecError as error:
        raise ManifestError(f"manifest.json: {error}") from error
    return msgspec.json.encode(stored, order="sorted")


def decode_manifest(raw: bytes) -> Manifest:
    """Parse and check manifest.json.

    Raises
    ------
    ManifestError
        Not JSON, a wrong or unknown field, not in canonical form (its SHA-256 would
        not be the bundle digest), a newer format, or parts that contradict each other.
    """
    try:
        manifest = msgspec.json.decode(raw, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ManifestError(f"manifest.json: {error}") from error
    if manifest.format != FORMAT_VERSION:
        raise ManifestError(
            f"manifest.json: format {manifest.format}; this version of Leafpath reads "
            f"format {FORMAT_VERSION}: train the model again or upgrade Leafpath"
        )
    # Decoded without types: an older bundle may lack a field that has a default now.
    if msgspec.json.encode(msgspec.json.decode(raw), order="sorted") != raw:
        raise ManifestError(
            "manifest.json is not in canonical form (sorted keys, no white space), so "
            "its SHA-256 is not the bundle digest; was it edited by hand?"
        )
    _check_consistency(manifest)
    return manifest


def _check_consistency(manifest: Manifest) -> None:
    for label, name in (("name", manifest.name), ("version", manifest.version)):
        if not NAME.match(name):
            raise ManifestError(
                f"manifest.json: {label} {name!r} must match {NAME.pattern}"
            )
    inputs = manifest.input.features
    _check_shape(manifest)
    _check_unique("input feature", [feature.name for feature in inputs])
    for position, feature in enumerate(inputs):
        _check_input(f"manifest.json: input.features[{position}]", feature)
    _check_unique("class", list(manifest.output.classes))
    if manifest.task != "regression" and len(manifest.output.classes) < 2:
        raise ManifestError("manifest.json: output.classes needs at least two classes")
    if not manifest.tree_features:
        raise ManifestError("manifest.json: tree_features is empty")
    for position, column in enumerate(manifest.tree_features):
        if not 0 <= column.source < len(inputs):
            raise ManifestError(
                f"manifest.json: tree_features[{position}].source is {column.source}; "
                f"there are {len(inputs)} input features"
            )
        if not column.spread > 0:
            raise ManifestError(
                f"manifest.json: tree_features[{position}].spread is {column.spread}; "
                "it must be greater than 0"
            )
        _check_range(f"manifest.json: tree_features[{position}]", column)
        names = inputs[column.source].categories
        if (column.kind == "category") != (column.category in names):
            raise ManifestError(
                f"manifest.json: tree_features[{position}] is of kind {column.kind!r} "
                f"and names the category {column.category!r}; its input has {names}"
            )
    _check_shares(manifest.metrics)


def _check_input(where: str, feature: InputFeature) -> None:
    """Hold a column's range and categories against its kind."""
    _check_range(where, feature)
    if (feature.kind == "categorical") != bool(feature.categories):
        raise ManifestError(
            f"{where} is {feature.kind} and has {len(feature.categories)} categories"
        )
    _check_unique(f"a category of {feature.name!r}", list(feature.categories))


def _check_range(where: str, column: InputFeature | TreeFeature) -> None:
    low, high = column.minimum, column.maximum
    if (low is None) != (high is None) or (low or 0.0) > (high or 0.0):
        raise ManifestError(f"{where} has the range from {low} to {high}")


def _check_shares(metrics: Metrics) -> None:
    """Refuse shares of rows outside [0, 1]."""
    tree = metrics.tree
    shares = {
        "metrics.tree.accuracy": tree.accuracy,
        "metrics.tree.fidelity": tree.fidelity,
        "metrics.tree.balanced_fidelity": tree.balanced_fidelity,
        **{
            f"metrics.network.{name}": estimate
            for name, estimate in metrics.network.items()
            if name in SHARES
        },
    }
    for where, share in shares.items():
        if not 0 <= share.low <= share.high <= 1:
            raise ManifestError(
                f"manifest.json: {where} reaches from {share.low} to {share.high}; it "
                "is a share, from 0 to 1"
            )


def _check_shape(manifest: Manifest) -> None:
    """Compare input.shape with the family and the number of columns or channels."""
    shape, count = manifest.input.shape, len(manifest.input.features)
    channel_axis = {"tabular": 0, "sequence": 1, "image": 0}[manifest.family]
    axes = {"tabular": 1, "sequence": 2, "image": 3}[manifest.family]
    if len(shape) != axes or min(shape) < 1 or shape[channel_axis] != count:
        raise ManifestError(
            f"manifest.json: input.shape is {list(shape)}, which is no "
            f"{manifest.family} input with {count} features"
        )


def _check_unique(what: str, names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ManifestError(f"manifest.json: {what} {name!r} is listed twice")
        seen.add(name)
