"""Occlusion of a linear network has a closed form."""

import numpy as np

from explainers.registry import EXPLAINERS, parse_parameters


def test_the_logit_falls_by_weight_times_distance_from_the_mean(
    linear_model, linear_weights
):
    method = EXPLAINERS["occlusion"]
    rows = np.array([[1, -2, 0], [0.5, 0.25, 4]], dtype=np.float32)
    results = method.explain(
        linear_model,
        linear_model.predict(rows),
        parse_parameters(method, {"target": 1}),
    )
    for row, result in zip(rows, results, strict=True):
        np.testing.assert_allclose(
            result.attributions, (row - 0.5) * linear_weights[:, 1], atol=1e-6
        )
