"""Raw inputs -> tree features: imputation, indicators and one-hot columns, in torch.

The same module is exported as tree_features.onnx, so a missing value means at serving
time exactly what it meant in training.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from explainers.arrays import Inputs
from explainers.manifest import ColumnKind, InputFeature, TreeFeature
from trainer.data.columns import Column
from trainer.errors import DataError


@dataclass(frozen=True)
class EncodedColumn:
    """One tree feature: where it comes from and how it is computed.

    ``fill`` is the training median that stands in for a missing value (kind "value"),
    ``code`` the category's index in the input (kind "category").
    """

    name: str
    source: int
    kind: ColumnKind
    category: str | None = None
    unit: str | None = None
    fill: float = 0.0
    code: float = -1.0


def plan_encoding(columns: Sequence[Column], X_train: Inputs) -> list[EncodedColumn]:
    """List the tree features that a table's inputs become.

    A numeric column stays itself, a categorical one becomes an indicator a category
    ("colour = red"); a column with missing values in training adds an indicator
    ("age is missing").

    Parameters
    ----------
    columns : one per input.
    X_train : [n, n_inputs] float32 training rows; medians come from these alone.
    """
    plan: list[EncodedColumn] = []
    for source, column in enumerate(columns):
        values = X_train[:, source]
        missing = np.isnan(values)
        if column.kind == "numeric":
            fill = 0.0 if missing.all() else float(np.median(values[~missing]))
            plan.append(
                EncodedColumn(column.name, source, "value", unit=column.unit, fill=fill)
            )
        for code, category in enumerate(column.categories):
            name = f"{column.name} = {category}"
            plan.append(
                EncodedColumn(name, source, "category", category=category, code=code)
            )
        if missing.any():
            plan.append(EncodedColumn(f"{column.name} is missing", source, "missing"))
    _refuse_ambiguity(plan)
    return plan


def _refuse_ambiguity(plan: Sequence[EncodedColumn]) -> None:
    """Refuse two tree features of one name: a rule could mean either."""
    seen: set[str] = set()
    for column in plan:
        if column.name in seen:
            raise DataError(
                f"two features of the tree would be named {column.name!r}: one is a "
                "column of that name, the other stands for a category or for missing "
                "values of another column; rename the column"
            )
        seen.add(column.name)


class Encoder(nn.Module):
    """Inputs [n, n_inputs] float32 with NaN -> tree features [n, n_columns], finite."""

    # Not "code": torch.export's modules have an attribute of that name.
    sources: Tensor
    fills: Tensor
    codes: Tensor
    is_value: Tensor
    is_category: Tensor

    def __init__(self, plan: Sequence[EncodedColumn]) -> None:
        super().__init__()
        kinds = [column.kind for column in plan]
        fills = [column.fill for column in plan]
        codes = [column.code for column in plan]
        self.register_buffer("sources", torch.tensor([c.source for c in plan]))
        self.register_buffer("fills", torch.tensor(fills, dtype=torch.float32))
        self.register_buffer("codes", torch.tensor(codes, dtype=torch.float32))
        self.register_buffer("is_value", torch.tensor([k == "value" for k in kinds]))
        self.register_buffer(
            "is_category", torch.tensor([k == "category" for k in kinds])
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Encode a batch; NaN equals no category, so its one-hot columns are 0."""
        values = torch.index_select(inputs, 1, self.sources)  # [n, n_columns]
        missing = torch.isnan(values)
        numbers = torch.where(missing, self.fills, values)
        # In float32 throughout: onnxruntime selects no booleans.
        indicators = torch.where(
            self.is_category,
            (values == self.codes).to(torch.float32),
            missing.to(torch.float32),
        )
        return torch.where(self.is_value, numbers, indicators)


def build_encoder(plan: Sequence[EncodedColumn]) -> nn.Module:
    """Return the module from inputs to tree features."""
    return (nn.Identity() if is_identity(plan) else Encoder(plan)).eval()


def is_identity(plan: Sequence[EncodedColumn]) -> bool:
    """Whether the tree features are the inputs themselves."""
    return all(column.kind == "value" for column in plan)


def describe_inputs(
    columns: Sequence[Column], X_train: Inputs
) -> tuple[InputFeature, ...]:
    """Return the input schema: what a client may send, with the range of training."""
    features = []
    for source, column in enumerate(columns):
        values = X_train[:, source]
        present = values[~np.isnan(values)]
        numeric = column.kind == "numeric" and len(present) > 0
        features.append(
            InputFeature(
                name=column.name,
                kind=column.kind,
                unit=column.unit,
                minimum=float(present.min()) if numeric else None,
                maximum=float(present.max()) if numeric else None,
                categories=column.categories,
                missing="impute" if len(present) < len(values) else "refuse",
            )
        )
    return tuple(features)


@dataclass(frozen=True)
class Moments:
    """Training mean and standard deviation of each tree feature, [n_columns] float64.

    ``varies`` is False where a column never varied; its ``spread`` is then 1, and the
    network ignores it.
    """

    mean: np.ndarray[tuple[int], np.dtype[np.float64]]
    spread: np.ndarray[tuple[int], np.dtype[np.float64]]
    varies: np.ndarray[tuple[int], np.dtype[np.bool_]]


def measure_moments(Z_train: Inputs) -> Moments:
    """Measure training rows, [n, n_columns] float32, in double precision."""
    Z = Z_train.astype(np.float64)
    mean, spread = Z.mean(axis=0), Z.std(axis=0)
    # A column of one value has a computed deviation of rounding errors, not of 0.
    varies = (Z_train != Z_train[0]).any(axis=0) & (spread > 1e-7 * np.abs(mean))
    return Moments(mean, np.where(varies, spread, 1.0), varies)


def describe_tree_features(
    plan: Sequence[EncodedColumn], Z_train: Inputs, moments: Moments
) -> tuple[TreeFeature, ...]:
    """Return what the manifest says about each tree feature."""
    return tuple(
        TreeFeature(
            name=column.name,
            source=column.source,
            kind=column.kind,
            category=column.category,
            unit=column.unit,
            mean=float(moments.mean[i]),
            spread=float(moments.spread[i]),
            minimum=float(Z_train[:, i].min()),
            maximum=float(Z_train[:, i].max()),
        )
        for i, column in enumerate(plan)
    )
