"""Dividing rows into train, validation and test without a leak.

Training rows fit the network and the tree. Validation and test rows fit neither; the
headline figures come from test alone.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from explainers.arrays import Indexes
from trainer.data.labelled import Labelled
from trainer.errors import DataError, TrainingWarning

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Row numbers of each part, ascending; every row is in exactly one."""

    train: Indexes
    validation: Indexes
    test: Indexes

    @property
    def held_out(self) -> Indexes:
        """Rows that fitted neither network nor tree: validation and test."""
        return np.sort(np.concatenate([self.validation, self.test]))

    @property
    def rows(self) -> dict[str, int]:
        """Number of rows of each part."""
        return {part: len(getattr(self, part)) for part in PARTS}


def split_table(
    table: Labelled, shares: tuple[float, float, float] | str, seed: int
) -> Split:
    """Divide a table, seeded, stratified by class as far as groups allow.

    Parameters
    ----------
    table : rows of one of its groups are never divided.
    shares : of train, validation and test; a string says that ``table.parts`` decides.
    seed : of the shuffle.

    Raises
    ------
    DataError
        A part would lack a class, a group straddles a given split, or the given split
        has other names than train, validation and test.
    """
    if table.parts is not None:
        assigned = _given(table, str(shares))
    elif isinstance(shares, str):
        raise DataError(f"the table has no split column {shares!r}")
    else:
        counts = _class_counts(table)
        part_of_group = assign_groups(counts, np.array(shares), seed)
        assigned = part_of_group[table.groups]
    _check_classes(table, assigned)
    return Split(*(np.flatnonzero(assigned == part) for part in range(len(PARTS))))


def _class_counts(table: Labelled) -> NDArray[np.int64]:
    """Return [n_groups, n_classes]: rows of each class in each group."""
    counts = np.zeros((int(table.groups.max()) + 1, len(table.classes)), dtype=np.int64)
    np.add.at(counts, (table.groups, table.y), 1)
    return counts


def assign_groups(
    counts: NDArray[np.int64], shares: NDArray[np.float64], seed: int
) -> NDArray[np.int64]:
    """Return the part of each group, [n_groups].

    Groups of several rows go first, the largest ahead, each to the part that still
    needs its classes most (iterative stratification, Sechidis et al. 2011); single rows
    then fill what is left of each class, so that without groups the shares are exact to
    a row.
    """
    random = np.random.default_rng(seed)
    order = random.permutation(len(counts))
    sizes = counts.sum(axis=1)
    needed = np.outer(shares, counts.sum(axis=0))  # [n_parts, n_classes]
    assigned = np.zeros(len(counts), dtype=np.int64)
    several = order[sizes[order] > 1]
    for group in several[np.argsort(-sizes[several], kind="stable")]:
        part = int(np.argmax(needed @ counts[group]))
        assigned[group] = part
        needed[part] -= counts[group]
    single = order[sizes[order] == 1]
    label = counts[single].argmax(axis=1)
    for c in range(counts.shape[1]):
        groups = single[label == c]
        assigned[groups] = _fill(len(groups), needed[:, c])
    return assigned


def _fill(n: int, needed: NDArray[np.float64]) -> NDArray[np.int64]:
    """Apportion n rows to the parts in proportion to what each still needs."""
    wanted = np.maximum(needed, 0)
    wanted = wanted / wanted.sum() if wanted.sum() > 0 else np.eye(len(needed))[0]
    edges = np.rint(np.cumsum(wanted) * n).astype(np.int64)
    return np.searchsorted(edges, np.arange(n), side="right").astype(np.int64)


def _given(table: Labelled, column: str) -> NDArray[np.int64]:
    names = np.asarray(table.parts)
    unknown = sorted(set(names.tolist()) - set(PARTS))
    if unknown:
        raise DataError(
            f"split column {column!r} holds {unknown[0]!r}; allowed: {', '.join(PARTS)}"
        )
    assigned = np.array([PARTS.index(name) for name in names], dtype=np.int64)
    _check_straddling(table, column, assigned)
    return assigned


def _check_straddling(
    table: Labelled, column: str, assigned: NDArray[np.int64]
) -> None:
    """Refuse a group in two parts; identical rows, without groups, only warn.

    An official split may hold chance duplicates, which its user cannot move.
    """
    order = np.argsort(table.groups, kind="stable")
    same = np.diff(table.groups[order]) == 0
    straddling = same & (np.diff(assigned[order]) != 0)
    if not straddling.any():
        return
    first, second = order[np.flatnonzero(straddling)[0] + np.array([0, 1])] + 1
    if table.grouped:
        raise DataError(
            f"split column {column!r}: data rows {first} and {second} belong to one "
            "group but stand in different parts; put them in the same part"
        )
    warnings.warn(
        f"split column {column!r}: {int(straddling.sum())} rows stand in another part "
        f"than a row with identical inputs (such as data rows {first} and {second}); "
        "the figures may flatter",
        TrainingWarning,
        stacklevel=4,
    )


def _check_classes(table: Labelled, assigned: NDArray[np.int64]) -> None:
    for position, part in enumerate(PARTS):
        rows = table.y[assigned == position]
        present = np.bincount(rows, minlength=len(table.classes)) > 0
        if not present.all():
            lacking = table.classes[int(np.flatnonzero(~present)[0])]
            raise DataError(
                f"the {part} split ({len(rows)} rows) would have no row of class "
                f"{lacking!r}; use other shares, another seed, or smaller groups"
            )
