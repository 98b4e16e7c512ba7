"""Whatever changes the answer changes the key; nothing else does."""

import itertools

import numpy as np

from api.cache.key import ExplanationKeys
from explainers.methods.integrated_gradients import IntegratedGradientsParameters as IG
from explainers.methods.smoothgrad import SmoothGradParameters as SG

ROW = np.arange(6, dtype=np.float32)


def test_requests_that_differ_have_different_keys():
    keys = [
        ExplanationKeys(digest, method, parameters)(row)
        for digest, method, parameters, row in [
            ("sha256:a", "integrated_gradients", IG(), ROW),
            ("sha256:b", "integrated_gradients", IG(), ROW),
            ("sha256:a", "smoothgrad", SG(), ROW),
            ("sha256:a", "smoothgrad", SG(seed=1), ROW),
            ("sha256:a", "smoothgrad", SG(samples=51), ROW),
            ("sha256:a", "integrated_gradients", IG(target=0), ROW),
            ("sha256:a", "integrated_gradients", IG(target="0"), ROW),
            ("sha256:a", "integrated_gradients", IG(target=1), ROW),
            ("sha256:a", "integrated_gradients", IG(steps=51), ROW),
            ("sha256:a", "integrated_gradients", IG(baseline="zero"), ROW),
            ("sha256:a", "integrated_gradients", IG(tolerance=0.02), ROW),
            ("sha256:a", "integrated_gradients", IG(), ROW.reshape(2, 3)),
            ("sha256:a", "integrated_gradients", IG(), ROW.reshape(3, 2)),
            ("sha256:a", "integrated_gradients", IG(), ROW.astype(np.float64)),
            ("sha256:a", "integrated_gradients", IG(), ROW.view(np.int32)),
            ("sha256:a", "integrated_gradients", IG(), ROW + np.float32(1e-6)),
            ("sha256:a", "integrated_gradients", IG(), ROW[:5]),
        ]
    ]
    for one, other in itertools.combinations(keys, 2):
        assert one != other


def test_the_same_question_has_the_same_key():
    named = ExplanationKeys("d", "integrated_gradients", IG(steps=50, seed=0))
    default = ExplanationKeys("d", "integrated_gradients", IG())
    assert named(ROW.copy()) == default(ROW)
    wide = np.stack([ROW, ROW + 1], axis=1)  # the same values, not contiguous
    assert default(wide[:, 0]) == default(ROW)
