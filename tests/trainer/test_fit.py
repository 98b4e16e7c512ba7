"""The loop: it learns, it repeats itself, and it notices when it learned nothing."""

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from trainer.config import parse_config
from trainer.errors import DeadRunError, TrainingWarning
from trainer.fit import choose_device, fit, predict_probabilities
from trainer.metrics import macro_auc
from trainer.prepare import Rows

CONFIG = parse_config(
    {"name": "a", "data": {"named": "wine"}, "train": {"epochs": 20, "batch_size": 32}}
)


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    Z = random.normal(size=(300, 3)).astype(np.float32)
    return Rows(Z, (Z[:, 0] + Z[:, 1] > 0).astype(np.int64))


def build():
    return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))


class Dead(nn.Module):
    """A network that answers class 0 whatever it sees, and cannot learn."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return torch.stack([1 + 0 * x[:, 0], 0 * x[:, 0]], dim=1) + 0 * self.weight


def test_it_learns_and_leaves_torch_s_generator_alone(rows):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    fitted = fit(build, rows, CONFIG)
    assert torch.equal(torch.get_rng_state(), before)
    assert macro_auc(predict_probabilities(fitted.network, rows.Z), rows.y) > 0.95
    assert fitted.restarts == 0
    assert not fitted.network.training


def test_the_seed_decides(rows):
    first, again = (fit(build, rows, CONFIG).network.state_dict() for _ in range(2))
    assert all(torch.equal(first[key], again[key]) for key in first)
    other = msgspec.structs.replace(
        CONFIG, train=msgspec.structs.replace(CONFIG.train, seed=1)
    )
    changed = fit(build, rows, other).network.state_dict()
    assert not all(torch.equal(first[key], changed[key]) for key in first)


def test_a_dead_run_restarts_with_another_seed(rows):
    attempts = []

    def sometimes():
        attempts.append(torch.initial_seed())
        return Dead() if len(attempts) < 3 else build()

    with pytest.warns(TrainingWarning, match="dead run: the training AUC is 0.500"):
        fitted = fit(sometimes, rows, CONFIG)
    assert fitted.restarts == 2
    assert len(set(attempts)) == 3


def test_it_gives_up_after_three_restarts(rows):
    with (
        pytest.warns(TrainingWarning, match="dead run"),
        pytest.raises(DeadRunError, match="after 3 restarts. Do the input columns"),
    ):
        fit(Dead, rows, CONFIG)


def test_death_is_noticed_at_a_quarter_of_the_epochs(rows):
    calls = []

    class Counted(Dead):
        def forward(self, x):
            if self.training and torch.is_grad_enabled():
                calls.append(len(x))
            return super().forward(x)

    with pytest.warns(TrainingWarning), pytest.raises(DeadRunError):
        fit(Counted, rows, CONFIG)
    assert len(calls) == 4 * 5 * 10  # 4 attempts, 5 of 20 epochs, 10 batches


def test_constant_decisions_are_death_only_at_the_end(rows):
    class Shy(nn.Module):
        """Ranks well, but never decides for class 1."""

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(()))

        def forward(self, x):
            score = torch.tanh(x[:, 0]) - 2 + 0 * self.weight
            return torch.stack([0 * score, score], dim=1)

    with (
        pytest.warns(TrainingWarning, match="answers class 0 for every training row"),
        pytest.raises(DeadRunError),
    ):
        fit(Shy, rows, CONFIG)


def test_a_loss_that_is_not_finite_is_death(rows):
    class Broken(Dead):
        def forward(self, x):
            return super().forward(x) * torch.nan

    with (
        pytest.warns(TrainingWarning, match="the loss became nan in epoch 1"),
        pytest.raises(DeadRunError),
    ):
        fit(Broken, rows, CONFIG)


def test_the_bar_shows_auc_path_length_and_fidelity(rows, capsys):
    fit(build, rows, CONFIG, progress=True)
    bar = capsys.readouterr().err
    for word in ("epoch", "loss=", "auc=", "apl=", "fidelity="):
        assert word in bar


def test_auto_is_cuda_where_there_is_one():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert choose_device("auto").type == expected
    assert choose_device("cpu").type == "cpu"
