"""The weight-space surrogate: its schedule, its figures, and its refusal."""

import copy
import warnings

import numpy as np
import pytest
import torch
from sklearn.tree import DecisionTreeClassifier
from torch import nn

import trainer.regularizers.surrogate as surrogate
from trainer.errors import SurrogateError, TrainingWarning
from trainer.regularizers.surrogate import REFIT_EVERY, Surrogate

ROWS = torch.arange(4)


@pytest.fixture
def task():
    generator = torch.Generator().manual_seed(0)
    X = torch.rand(200, 2, generator=generator)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))
    network[2].bias.data -= network(X).mean(0).detach()  # both classes are decided
    return X, network


def run(regularizer, network, epochs, move=0.02):
    """Move the weights at random and call once an epoch."""
    generator = torch.Generator().manual_seed(1)
    penalties = []
    for _ in range(epochs):
        penalties.append(regularizer(torch.zeros(4, 2), ROWS))
        with torch.no_grad():
            for parameter in network.parameters():
                parameter += move * torch.randn(parameter.shape, generator=generator)
    return penalties


def test_it_waits_for_its_first_training_and_then_has_a_gradient(task):
    X, network = task
    before = copy.deepcopy(network.state_dict())
    regularizer = Surrogate(X, network, steps=100, weight=2.0)
    penalties = run(regularizer, network, REFIT_EVERY + 1, move=0.0)
    assert all(p.item() == 0 for p in penalties[:-1])
    penalties[-1].backward()
    assert any(
        p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters()
    )
    # The random networks that it measured left no trace.
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])


def test_it_trains_in_a_loop(task):
    X, network = task
    y = (X[:, 0] > 0.5).long()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    regularizer = Surrogate(X, network, steps=100, weight=0.01, force=True)
    for _ in range(REFIT_EVERY + 5):
        logits = network(X)
        task_loss = nn.functional.cross_entropy(logits, y)
        loss = task_loss + regularizer(logits, torch.arange(200))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (network(X).argmax(1) == y).float().mean() > 0.95


def test_a_prediction_at_a_weight_it_saw_is_the_true_length(task):
    X, network = task
    regularizer = Surrogate(X, network, steps=100, weight=1.0)
    penalty = run(regularizer, network, REFIT_EVERY + 1, move=0.0)[-1]
    assert penalty.item() == pytest.approx(regularizer._measure(), abs=0.3)


def test_the_true_length_is_that_of_scikit_learn(task):
    X, network = task
    regularizer = Surrogate(X, network, steps=100)
    decisions = network(X).argmax(1).numpy()
    cart = DecisionTreeClassifier(min_samples_leaf=5, random_state=0)
    cart.fit(X.numpy(), decisions)
    touched = cart.decision_path(X.numpy()).sum(axis=1) - 1  # the leaf excluded
    # Post-pruning cuts only splits whose sides answer alike.
    assert regularizer._measure() <= float(np.mean(touched)) + 1e-9
    assert regularizer._measure() >= 1


def test_it_refuses_where_it_foretells_nothing(task):
    X, network = task
    regularizer = Surrogate(X, network, steps=100, min_samples_leaf=1)
    with pytest.raises(SurrogateError, match=r"R² .* set \[regularizer\] force"):
        run(regularizer, network, 2 * REFIT_EVERY + 1, move=0.3)


def test_forced_it_warns_once_and_goes_on(task):
    X, network = task
    regularizer = Surrogate(X, network, steps=100, min_samples_leaf=1, force=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", TrainingWarning)
        run(regularizer, network, 3 * REFIT_EVERY + 1, move=0.3)
    assert [w.category for w in caught].count(TrainingWarning) == 1
    assert regularizer.r2 <= surrogate.USEFUL_R2


def test_r2_by_hand(task):
    X, network = task
    regularizer = Surrogate(X, network, steps=100)
    assert regularizer.r2 == 0.0
    regularizer._foretold = [(1.0, 1.0), (2.0, 2.0), (3.0, 4.0)]
    assert regularizer.r2 == pytest.approx(1 - 1 / (14 / 3))
    regularizer._foretold = [(1.0, 2.0), (3.0, 2.0)]
    assert regularizer.r2 == 0.0  # the truth did not vary: nothing was foretold


class Waves(nn.Module):
    """Decides by the sign of sin(a x): the more waves, the longer the tree's paths."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor([12.0]))

    def forward(self, x):
        wave = torch.sin(self.a * x[:, 0])
        return torch.stack([-wave, wave], dim=1)


def test_a_surrogate_that_foretells_is_accepted_and_its_gradient_shortens_the_tree():
    """Its one weight says the path length, so weights it has not seen are foretold."""
    network = Waves()
    X = torch.linspace(0.01, 1, 300)[:, None]
    regularizer = Surrogate(X, network, steps=100, weight=2.0)
    for epoch in range(2 * REFIT_EVERY + 1):  # judged once, at the second training
        network.a.data.fill_(12 + 10 * np.sin(epoch / 4))
        penalty = regularizer(torch.zeros(4, 2), ROWS)
    assert regularizer.r2 > 0.9
    assert penalty.item() == pytest.approx(2 * regularizer._measure(), abs=0.5)

    network.a.data.fill_(18.0)
    before = regularizer._measure()
    optimizer = torch.optim.SGD(network.parameters(), lr=2.0)
    for _ in range(20):
        optimizer.zero_grad()
        regularizer(torch.zeros(4, 2), ROWS).backward()
        optimizer.step()
    # 5.7 half waves, paths of more than 3 decisions; then one decision is enough.
    assert before > 3
    assert regularizer._measure() == 1
