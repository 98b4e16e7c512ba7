"""Instances of the protocols' tests, and what the model answers for them."""

import pytest


@pytest.fixture(scope="session")
def rows(instances):
    """Five real instances."""
    return instances[:5]


@pytest.fixture(scope="session")
def expected(model, rows):
    """What the model answers for them, by output."""
    prediction = model.predict(model.background[: len(rows)])
    return {
        "label": [model.classes[label] for label in prediction.labels],
        "probabilities": prediction.probabilities.tolist(),
        "logits": prediction.logits.tolist(),
        "leaf": prediction.leaves.tolist(),
        "agrees": (prediction.labels == prediction.tree_labels).tolist(),
    }
