"""counterfactual: the smallest change that leads the tree to another answer, tried out
on the network.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from explainers.arrays import Inputs
from explainers.errors import ParameterError
from explainers.instances import as_sent, category_name
from explainers.methods.base import Explainer, Parameters, class_index, described
from explainers.model import Model, Prediction
from explainers.rules import rule

Names = Annotated[tuple[str, ...], Meta(max_length=1000)]


class CounterfactualParameters(Parameters, frozen=True):
    """Wanted class, and which features may change in which direction."""

    target: Annotated[
        int | str | None,
        Meta(description="wanted class, by index or name; null is any other class"),
    ] = None
    immutable: Annotated[
        Names, Meta(description="features that must keep their value")
    ] = ()
    only_increase: Annotated[
        Names, Meta(description="numeric features that may only grow")
    ] = ()
    only_decrease: Annotated[
        Names, Meta(description="numeric features that may only shrink")
    ] = ()


@dataclass(frozen=True)
class Change:
    """One feature's change; ``distance`` in training standard deviations (1 for a
    category). ``before`` is null for a category that training never saw.
    """

    feature: str
    before: float | str | None
    after: float | str
    distance: float


@dataclass(frozen=True)
class Candidate:
    """A changed input: what the tree says there, and what the network says there.

    ``distance`` is the sum of the changes' distances. ``holds`` is true when the
    network answers the tree's label there: only then does it speak for the network.
    """

    leaf: int
    label: str
    rule: str
    changes: list[Change]
    distance: float
    network_label: str
    network_probability: float
    holds: bool


@dataclass(frozen=True)
class Counterfactual:
    """``nearest`` is the nearest leaf with a wanted answer, ``nearest_that_holds`` the
    nearest one that the network confirms; null when no leaf can be reached under the
    constraints, or none holds.
    """

    method: str
    label: str
    nearest: Candidate | None
    nearest_that_holds: Candidate | None
    parameters: dict[str, Any]


@dataclass(frozen=True)
class _Constraints:
    immutable: frozenset[int]
    only_increase: frozenset[int]
    only_decrease: frozenset[int]


def explain(
    model: Model, prediction: Prediction, parameters: CounterfactualParameters
) -> list[Counterfactual]:
    """Return each row's counterfactuals: every wanted leaf is tried, the network judges
    all of them in one run.
    """
    constraints = _constraints(model, parameters)
    wanted = _wanted(model, parameters.target)
    results = []
    for row in range(len(prediction)):
        label = int(prediction.labels[row])
        leaves = [
            leaf.id
            for leaf in model.tree.leaves
            if leaf.label != label and (wanted is None or leaf.label == wanted)
        ]
        candidates = _candidates(model, prediction.inputs[row], leaves, constraints)
        results.append(
            Counterfactual(
                method="counterfactual",
                label=model.classes[label],
                nearest=candidates[0] if candidates else None,
                nearest_that_holds=next((c for c in candidates if c.holds), None),
                parameters=described(parameters) | {"target": parameters.target},
            )
        )
    return results


def _candidates(
    model: Model, x: Inputs, leaves: list[int], constraints: _Constraints
) -> list[Candidate]:
    """Return the reachable leaves, nearest first; ties go to the lower leaf id."""
    moved = [(leaf, move_to_leaf(model, x, leaf, constraints)) for leaf in leaves]
    reachable = [(leaf, inputs) for leaf, inputs in moved if inputs is not None]
    if not reachable:
        return []
    there = model.predict(np.stack([inputs for _, inputs in reachable]))
    candidates = []
    for i, (leaf, inputs) in enumerate(reachable):
        if int(there.leaves[i]) != leaf:  # a value could not be placed in the leaf
            continue
        changes = _changes(model, x, inputs)
        label, network = int(there.tree_labels[i]), int(there.labels[i])
        candidates.append(
            Candidate(
                leaf=leaf,
                label=model.classes[label],
                rule=rule(model.tree, model.manifest.tree_features, leaf),
                changes=changes,
                distance=sum(change.distance for change in changes),
                network_label=model.classes[network],
                network_probability=float(there.probabilities[i, label]),
                holds=label == network,
            )
        )
    return sorted(candidates, key=lambda c: (c.distance, c.leaf))


def move_to_leaf(
    model: Model, x: Inputs, leaf: int, constraints: _Constraints
) -> Inputs | None:
    """Return the nearest input in ``leaf``, or None when the constraints forbid it.

    Each number moves to the nearest end of the interval that the leaf asks for; a
    category moves to the one asked for or, when only its own is excluded, to the most
    frequent other one. A missing value cannot be made to appear or to disappear.

    Parameters
    ----------
    x : [n_inputs] float32.
    """
    moved = x.copy()
    columns = model.manifest.tree_features
    categories: dict[int, tuple[set[str], set[str]]] = {}
    for feature, (lower, upper) in model.tree.intervals(leaf).items():
        column = columns[feature]
        source = column.source
        if column.kind == "missing":
            if bool(np.isnan(x[source])) != (lower >= 0):
                return None
        elif column.kind == "category":
            required, excluded = categories.setdefault(source, (set(), set()))
            (required if lower >= 0 else excluded).add(column.category or "")
        elif not np.isnan(x[source]):
            moved[source] = _clip(x[source], lower, upper)
    for source, (required, excluded) in categories.items():
        code = _choose_category(model, x, source, required, excluded)
        if code is None:
            return None
        moved[source] = code
    return moved if _allowed(x, moved, constraints) else None


def _clip(value: np.float32, lower: float, upper: float) -> np.float32:
    """Return the nearest float32 in (lower, upper]."""
    if float(value) > upper:
        top = np.float32(upper)
        return top if float(top) <= upper else np.nextafter(top, np.float32(-np.inf))
    if float(value) <= lower:
        bottom = np.float32(lower)
        above = np.nextafter(bottom, np.float32(np.inf))
        return bottom if float(bottom) > lower else above
    return value


def _choose_category(
    model: Model, x: Inputs, source: int, required: set[str], excluded: set[str]
) -> np.float32 | None:
    feature = model.manifest.input.features[source]
    if np.isnan(x[source]):
        return None if required else np.float32(x[source])
    current = category_name(feature, float(x[source]))
    if len(required) > 1 or required & excluded:
        return None
    if required:
        return np.float32(feature.categories.index(next(iter(required))))
    if current not in excluded:
        return np.float32(x[source])
    seen = model.background[:, source]
    others = [i for i, name in enumerate(feature.categories) if name not in excluded]
    if not others:
        return None
    most_frequent = max(others, key=lambda i: int((seen == i).sum()))
    return np.float32(most_frequent)


def _allowed(x: Inputs, moved: Inputs, constraints: _Constraints) -> bool:
    for source in np.flatnonzero(~((x == moved) | np.isnan(x))).tolist():
        grows = bool(moved[source] > x[source])
        if source in constraints.immutable:
            return False
        if source in (
            constraints.only_decrease if grows else constraints.only_increase
        ):
            return False
    return True


def _changes(model: Model, x: Inputs, moved: Inputs) -> list[Change]:
    spreads = {
        c.source: c.spread for c in model.manifest.tree_features if c.kind == "value"
    }
    changes = []
    for source in np.flatnonzero(~((x == moved) | np.isnan(x))).tolist():
        feature = model.manifest.input.features[source]
        before, after = float(x[source]), float(moved[source])
        if feature.kind == "categorical":
            old, new = category_name(feature, before), feature.categories[int(after)]
            changes.append(Change(feature.name, old, new, 1.0))
        else:
            distance = abs(after - before) / spreads[source]
            shown = as_sent(x[source]), as_sent(moved[source])
            changes.append(Change(feature.name, *shown, distance))
    return changes


def _constraints(model: Model, parameters: CounterfactualParameters) -> _Constraints:
    features = model.manifest.input.features
    positions = {feature.name: i for i, feature in enumerate(features)}
    numeric = {f.name: positions[f.name] for f in features if f.kind == "numeric"}
    return _Constraints(
        _positions("immutable", parameters.immutable, positions),
        _positions("only_increase", parameters.only_increase, numeric),
        _positions("only_decrease", parameters.only_decrease, numeric),
    )


def _positions(
    field: str, names: tuple[str, ...], allowed: dict[str, int]
) -> frozenset[int]:
    for i, name in enumerate(names):
        if name not in allowed:
            raise ParameterError(
                f"$.{field}[{i}]",
                f"{name!r} is not a feature that this can be asked of",
                f"one of {', '.join(sorted(allowed))}",
            )
    return frozenset(allowed[name] for name in names)


def _wanted(model: Model, target: int | str | None) -> int | None:
    return None if target is None else class_index(model, target)


METHOD = Explainer(
    name="counterfactual",
    summary="The smallest change of the input that leads the tree to another answer. "
    "It is one of the network only where `holds` is true; correlated features are "
    "changed as if they were independent.",
    source="Wachter et al. 2017, Counterfactual explanations without opening the black "
    "box, section 3; leaves as in Carreira-Perpinan and Hada 2021",
    cost="cheap",
    requires=("tabular",),
    parameters=CounterfactualParameters,
    result=Counterfactual,
    explain=explain,
    rows=lambda model, parameters: 0,
)
