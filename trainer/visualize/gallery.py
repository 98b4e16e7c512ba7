"""The gallery of a trained model: for each family its own kind of picture."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from msgspec.structs import replace
from torch import Tensor, nn
from tqdm import tqdm

from explainers.arrays import Floats, Indexes, Inputs, TreeFeatures
from explainers.manifest import Family
from trainer.charts import render_png
from trainer.errors import VisualizationError
from trainer.pipeline import Trained
from trainer.visualize.ascent import ascend
from trainer.visualize.asked import Asked, Place, asked_targets
from trainer.visualize.examples import find_extremes, score_examples
from trainer.visualize.index import PATH, GalleryIndex, PictureRecord, encode_index
from trainer.visualize.optimise import Bounds, Optimised, Recipe
from trainer.visualize.prototype_charts import draw_row, draw_sequence
from trainer.visualize.prototypes import find_prototypes, nearest_distances
from trainer.visualize.sheet import Tile, as_bytes, draw_sheet, encode_png
from trainer.visualize.targets import Target, class_targets, unit_targets

MAX_ROWS = 1000
"""Training rows that a unit's extremes are looked for in."""


@dataclass(frozen=True)
class Wish:
    """What a gallery should hold; ``units`` a layer, ``recipe`` for pictures.

    ``asked`` are objectives beside the classes and units.
    """

    units: int = 4
    recipe: Recipe = Recipe()
    progress: bool = False
    asked: tuple[Asked, ...] = ()


def gallery_files(trained: Trained, wish: Wish) -> dict[str, bytes]:
    """Return the gallery's files by path; real rows only where they are exposed."""
    return _BUILDERS[trained.prepared.family.name](trained, wish)


def _tabular(trained: Trained, wish: Wish) -> dict[str, bytes]:
    prepared, network = trained.prepared, trained.network
    Z = prepared.Z[_some_rows(trained)]
    columns = prepared.family.describe_tree_features()
    targets = _targets(trained, network, torch.from_numpy(Z), wish)
    _refuse_facets(targets)
    objectives = [target.objective for target in targets]
    recipe = dataclasses.replace(wish.recipe, parametrisation="pixel", robustness=None)
    made = find_prototypes(network, objectives, columns, Z, recipe)
    real = score_examples(network, objectives, torch.from_numpy(Z))
    spread = np.array([column.spread for column in columns])
    distances = nearest_distances(made.rows, Z, spread)
    usual = _usual_distance(Z, spread)
    files, records = {}, []
    for i, target in enumerate(targets):
        record = _record(target, made.scores[i], real[i])
        row = made.rows[i].astype(np.float64)
        ends = _extreme_rows(trained, Z, real[i])
        subtitle = _subtitle(record, (" (dot)", " (ring)") if ends else ("", ""))
        spec = draw_row(_title(target), subtitle, columns, row, ends)
        files[f"gallery/{record.file}"] = render_png(spec)
        named = {c.name: float(v) for c, v in zip(columns, row, strict=True)}
        records.append(
            replace(
                record,
                values=named,
                distance=float(distances[i]),
                usual_distance=usual,
            )
        )
    return files | _index("tabular", recipe, records)


def _sequence(trained: Trained, wish: Wish) -> dict[str, bytes]:
    prepared = trained.prepared
    raw, counted = prepared.family.inputs(_some_rows(trained))
    inputs = np.asarray(raw, dtype=np.float32)
    lengths = np.asarray(counted, dtype=np.int64)
    steps = int(np.median(lengths))
    network = AsPicture(trained.network).eval()
    enough = lengths >= steps
    # Every real row is looked at over its last ``steps`` steps, as the prototype is.
    windows = np.stack(
        [
            row[n - steps : n]
            for row, n in zip(inputs[enough], lengths[enough], strict=True)
        ]
    )
    real = torch.from_numpy(windows).transpose(1, 2)[:, :, None]  # [n, c, 1, steps]
    features = prepared.family.describe_input().features
    targets = _targets(trained, network, real, wish)
    recipe = dataclasses.replace(wish.recipe, robustness=None)
    names = [feature.name for feature in features]
    low, high = _ranges(trained)
    bounds = Bounds((len(features), 1, steps), low, high, colours=False)
    files, records = {}, []
    scores = score_examples(network, [t.objective for t in targets], real)
    ranges = list(zip(names, low, high, strict=True))
    for target, answers in zip(_bar(targets, wish), scores, strict=True):
        ends = _extreme_rows(trained, windows, answers)
        for shown, made in ascend(network, target, bounds, recipe, answers):
            record = _record(shown, made.scores[0], answers)
            values = made.pixels[0, :, 0].T.astype(np.float64)  # [steps, n_channels]
            subtitle = _subtitle(record, (" (black)", " (grey)") if ends else ("", ""))
            spec = draw_sequence(_title(shown), subtitle, ranges, values, ends)
            files[f"gallery/{record.file}"] = render_png(spec)
            records.append(record)
    return files | _index("sequence", recipe, records)


def _image(trained: Trained, wish: Wish) -> dict[str, bytes]:
    (inputs,) = trained.prepared.family.inputs(_some_rows(trained))
    real = torch.from_numpy(np.asarray(inputs, dtype=np.float32))
    low, high = _ranges(trained)
    channels, height, width = real.shape[1:]
    bounds = Bounds((channels, height, width), low, high)
    targets = _targets(trained, trained.network, real, wish)
    scores = score_examples(trained.network, [t.objective for t in targets], real)
    files, records = {}, []
    rows: dict[str, list[Tile]] = {}
    for target, answers in zip(_bar(targets, wish), scores, strict=True):
        row = rows.setdefault(target.asked or target.layer or "classes", [])
        for shown, made in ascend(
            trained.network, target, bounds, wish.recipe, answers
        ):
            record = _record(shown, made.scores[0], answers)
            records.append(replace(record, sheet="sheet.png", moved=made.moved))
            pixels = as_bytes(made.pixels[0], bounds)
            files[f"gallery/{record.file}"] = encode_png(pixels)
            row += _tiles(trained, shown, made, real, answers, bounds)
    note = (
        f"{wish.recipe.steps} steps, seed {wish.recipe.seed}; below each picture, what "
        "the unit answers"
    )
    sheet = draw_sheet(trained.prepared.config.name, _wrap(rows), note)
    files["gallery/sheet.png"] = sheet
    return files | _index("image", wish.recipe, records)


def _refuse_facets(targets: Sequence[Target]) -> None:
    for target in targets:
        if target.apart is not None:
            raise VisualizationError(
                f"objective {target.asked!r}: a table has one prototype a unit, which "
                "is the same from every start; diversity is for pictures and sequences"
            )


def _tiles(
    trained: Trained,
    target: Target,
    made: Optimised,
    real: Tensor,
    answers: Floats,
    bounds: Bounds,
) -> list[Tile]:
    pixels = as_bytes(made.pixels[0], bounds)
    tiles = [Tile(pixels, (target.name, f"optimised: {made.scores[0]:.2f}"))]
    if _may_show(trained):
        ends = find_extremes(answers)
        for word, at, score in (
            ("best real", ends.best, ends.best_score),
            ("worst real", ends.worst, ends.worst_score),
        ):
            shown = as_bytes(real[at].numpy(), bounds)
            tiles.append(Tile(shown, (word, f"{score:.2f}")))
    return tiles


def _wrap(
    rows: dict[str, list[Tile]], columns: int = 9
) -> list[tuple[str, list[Tile]]]:
    return [
        (label if start == 0 else "", tiles[start : start + columns])
        for label, tiles in rows.items()
        for start in range(0, len(tiles), columns)
    ]


class AsPicture(nn.Module):
    """A network of sequences that reads pictures of one line: [n, channels, 1, steps].

    So that sequences are optimised by frequency, as pictures are.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits; every sequence has all its steps."""
        sequences = pictures[:, :, 0].transpose(1, 2)  # [n, steps, n_channels]
        lengths = torch.full((len(sequences),), sequences.shape[1])
        logits: Tensor = self.network(sequences, lengths)
        return logits


_BUILDERS: dict[Family, Callable[[Trained, Wish], dict[str, bytes]]] = {
    "tabular": _tabular,
    "sequence": _sequence,
    "image": _image,
}


def _targets(
    trained: Trained, network: nn.Module, real: Tensor, wish: Wish
) -> list[Target]:
    classes = trained.prepared.table.classes
    return [
        *class_targets(classes),
        *unit_targets(network, real, wish.units),
        *asked_targets(wish.asked, Place(network, real[:1], classes)),
    ]


def _some_rows(trained: Trained) -> Indexes:
    prepared = trained.prepared
    random = np.random.default_rng(prepared.config.train.seed)
    return np.sort(random.permutation(prepared.split.train)[:MAX_ROWS])


def _ranges(trained: Trained) -> tuple[Floats, Floats]:
    """Return the training range of each channel: low and high, [n_channels]."""
    features = trained.prepared.family.describe_input().features
    low = np.array([feature.minimum for feature in features], dtype=np.float64)
    high = np.array([feature.maximum for feature in features], dtype=np.float64)
    return low, high


def _may_show(trained: Trained) -> bool:
    """Training rows follow the exposure policy, as the method ``prototypes`` does."""
    return trained.prepared.config.expose == "tree"


def _bar(targets: Sequence[Target], wish: Wish) -> "tqdm[Target]":
    return tqdm(targets, unit="picture", disable=not wish.progress)


def _extreme_rows(
    trained: Trained, rows: Inputs, answers: Floats
) -> tuple[Floats, Floats] | None:
    """Return the real rows that are answered most and least, where they may be shown.

    Parameters
    ----------
    rows : [n, ...]. answers : [n].
    """
    if not _may_show(trained):
        return None
    ends = find_extremes(answers)
    return rows[ends.best].astype(np.float64), rows[ends.worst].astype(np.float64)


def _subtitle(record: PictureRecord, marks: tuple[str, str]) -> str:
    """Say what is answered; ``marks`` are how the best and the worst row are drawn."""
    best, worst = marks
    return (
        f"answers {record.activation:.2f}; of the training rows the best "
        f"{record.best_real:.2f}{best}, the worst {record.worst_real:.2f}{worst}"
    )


def _title(target: Target) -> str:
    return f"{target.kind} {target.name}"


def _record(target: Target, activation: float, real: Floats) -> PictureRecord:
    ends = find_extremes(real)
    return PictureRecord(
        file=f"{target.file}.png",
        kind=target.kind,
        name=target.name,
        objective=target.asked,
        layer=target.layer,
        unit=target.unit,
        activation=float(activation),
        best_real=ends.best_score,
        worst_real=ends.worst_score,
        share_below=float((real < activation).mean()),
        moved=False,
    )


def _usual_distance(Z: TreeFeatures, spread: Floats) -> float:
    picked = Z[:200]
    distances = [
        nearest_distances(picked[i : i + 1], np.delete(Z, i, axis=0), spread)[0]
        for i in range(len(picked))
    ]
    return float(np.median(distances))


def _index(
    family: Family, recipe: Recipe, records: list[PictureRecord]
) -> dict[str, bytes]:
    index = GalleryIndex(
        family=family,
        steps=recipe.steps,
        learning_rate=recipe.learning_rate,
        parametrisation=recipe.parametrisation,
        seed=recipe.seed,
        pictures=tuple(records),
    )
    return {PATH: encode_index(index)}
