"""How alike trees are."""

import numpy as np
import pytest

from trainer.sweep.stability import compare, compare_bootstraps


def test_overlap_and_agreement_by_hand():
    features = [{"a", "b"}, {"b", "c"}, {"a", "b"}]
    answers = [np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1])]
    found = compare(features, answers)
    assert found.trees == 3
    assert found.jaccard == pytest.approx((1 / 3 + 1 + 1 / 3) / 3)
    assert found.agreement == pytest.approx((0.75 + 1 + 0.75) / 3)


def test_one_tree_is_like_itself():
    found = compare([{"a"}], [np.array([1])])
    assert (found.jaccard, found.agreement) == (1.0, 1.0)


def test_bootstraps_of_real_data_agree_more_than_they_name_alike(cancer_trained):
    found = compare_bootstraps(cancer_trained, 6)
    assert found.trees == 6
    assert 0 < found.jaccard < 1
    assert 0.85 < found.agreement <= 1
    assert found == compare_bootstraps(cancer_trained, 6)
