"""A small trained network with its tree and its checkpoints."""

import numpy as np
import pytest

from trainer.landscape.subject import Subject, subject_of
from trainer.pipeline import Trained
from trainer.prepare import Rows


@pytest.fixture(scope="session")
def separable_rows() -> Rows:
    random = np.random.default_rng(0)
    Z = random.normal(size=(300, 3)).astype(np.float32)
    return Rows(Z, (Z[:, 0] + Z[:, 1] > 0).astype(np.int64))


@pytest.fixture(scope="session")
def subject(cancer_trained: Trained) -> Subject:
    return subject_of(cancer_trained)
