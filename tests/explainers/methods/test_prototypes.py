"""Prototypes share the leaf, come nearest first, and stay hidden when asked."""

import msgspec
import numpy as np
import pytest

from explainers.bundle import write_bundle
from explainers.errors import UnsupportedMethodError
from explainers.loading import open_model
from explainers.registry import EXPLAINERS, find_method, parse_parameters

METHOD = EXPLAINERS["prototypes"]


def test_prototypes_share_the_leaf_and_come_nearest_first(linear_model):
    rows = np.array([[2, -1.4, 0]], dtype=np.float32)
    prediction = linear_model.predict(rows)
    parameters = parse_parameters(METHOD, {"count": 2})
    (result,) = METHOD.explain(linear_model, prediction, parameters)
    background = linear_model.background
    same = background[linear_model.tree.apply(background) == prediction.leaves[0]]
    distances = np.sqrt((((same - rows[0]) / 2) ** 2).sum(axis=1))
    assert result.in_leaf == len(same) == 1
    assert [p.distance for p in result.prototypes] == pytest.approx(sorted(distances))
    assert result.prototypes[0].instance == same[distances.argmin()].tolist()


def test_rows_are_not_shown_when_the_bundle_exposes_only_paths(
    tmp_path, linear_manifest, linear_files
):
    guarded = msgspec.structs.replace(linear_manifest, expose="path")
    write_bundle(tmp_path / "guarded", guarded, linear_files)
    model = open_model(tmp_path / "guarded")
    with pytest.raises(UnsupportedMethodError, match="exposes the path only"):
        find_method(model, "prototypes")
