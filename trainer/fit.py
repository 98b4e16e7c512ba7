"""The training loop: one network, one regularizer, restarted when it learns nothing.

It sees training rows only. Nothing is selected on validation rows, so these count as
unseen when the tree's fidelity is estimated.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from explainers.arrays import Probabilities, TreeFeatures
from trainer.config import Config, TrainConfig
from trainer.errors import ConfigError, DeadRunError, TrainingWarning
from trainer.metrics import macro_auc
from trainer.pruning import Grown
from trainer.regions import Regions
from trainer.regularizers import REGULARIZERS, Regularizer
from trainer.rows import Examples, Rows, Whole, answer_rows
from trainer.watching import Watched, watch

MAX_RESTARTS = 3
DEAD_AUC = 0.55
"""A network that ranks its own training rows worse than this has learned nothing."""
WATCHED_ROWS = 2000
"""Training rows that the progress bar and the checks look at."""
DEFAULT_STEPS = 1500
MIN_EPOCHS = 20
_DECAY_FROM = 0.7
_FINAL_RATE = 0.05

Record: TypeAlias = Callable[[int, nn.Module], None]
"""Told of the network after each epoch; it must not change it."""


def _forget(epoch: int, network: nn.Module) -> None:
    """Record nothing."""


@dataclass(frozen=True)
class Fitted:
    """A trained network, on the CPU in evaluation mode, and how often it restarted.

    ``tree`` is the one that the regularizer fitted last, if it did, and ``curve`` what
    was watched on the way.
    """

    network: nn.Module
    restarts: int
    tree: Grown | None = None
    curve: tuple[Watched, ...] = ()


def fit(
    build: Callable[[], nn.Module],
    rows: Rows,
    config: Config,
    *,
    progress: bool = False,
    record: Record | None = None,
    regions: Regions | None = None,
) -> Fitted:
    """Train a network, with up to three restarts from other seeds; 0 epochs keep it.

    Parameters
    ----------
    build : returns an untrained network, its weights from torch's global generator.
    rows : the training rows, and no others.
    progress : whether to draw a bar on stderr.
    record : called with (epoch, network) before the first step, as epoch 0, and after
        each epoch; a restart begins at 0 again.
    regions : where each region has a tree of its own.

    Raises
    ------
    DeadRunError
        Every run ended with constant decisions, a training AUC below .55, or a loss
        that is not finite.
    """
    if config.train.epochs == 0:
        return Fitted(_build(build, config.train.seed).eval(), restarts=0)
    problem = ""
    for restart in range(MAX_RESTARTS + 1):
        seed = (
            config.train.seed + 100_003 * restart
        )  # far from the neighbouring seeds' restarts
        try:
            run = _Run(build, rows, config, seed, regions, restart)
            network = run.go(progress, record)
            return Fitted(network, restart, run.regularizer.tree, tuple(run.curve))
        except DeadRunError as error:
            problem = str(error)
            if restart < MAX_RESTARTS:
                warnings.warn(
                    f"dead run: {problem}; restarting with another seed",
                    TrainingWarning,
                    stacklevel=2,
                )
    raise DeadRunError(
        f"{problem}, after {MAX_RESTARTS} restarts. Do the input columns say anything "
        "about the target? Is one class too rare? Try a smaller [train] learning_rate, "
        "more epochs, or a smaller [regularizer] weight"
    )


def choose_device(name: str) -> torch.device:
    """Return the device that "auto", "cpu" or "cuda" means on this machine."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "[train] device is 'cuda', but torch sees no CUDA device here; use 'auto' "
            "or 'cpu'"
        )
    return torch.device(name)


def count_epochs(items: int, train: TrainConfig) -> int:
    """Return the epochs of a training on so many items."""
    batches = math.ceil(items / min(train.batch_size, items))
    default = max(MIN_EPOCHS, math.ceil(DEFAULT_STEPS / batches))
    return default if train.epochs is None else train.epochs


def predict_probabilities(network: nn.Module, Z: TreeFeatures) -> Probabilities:
    """Return [n, n_classes] float32 of a tabular network on the CPU."""
    inputs = torch.from_numpy(np.ascontiguousarray(Z))
    logits = answer_rows(Whole(inputs), network, torch.arange(len(Z)))
    return np.asarray(torch.softmax(logits, dim=1).numpy(), dtype=np.float32)


def _build(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """Build a network with weights from a seed; torch's generator stays as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build()


class _Run:
    """One attempt: the state of a loop, from one seed."""

    def __init__(
        self,
        build: Callable[[], nn.Module],
        rows: Rows,
        config: Config,
        seed: int,
        regions: Regions | None = None,
        restart: int = 0,
    ) -> None:
        train = config.train
        self.device = choose_device(train.device)
        self.Z = torch.from_numpy(rows.Z).to(self.device)
        self.y = torch.from_numpy(rows.y).to(self.device)
        self.examples = rows.read.to(self.device)
        n = len(self.examples)
        self.batch_size = min(train.batch_size, n)
        self.batches = math.ceil(n / self.batch_size)
        self.epochs = count_epochs(n, train)
        self.generator = torch.Generator().manual_seed(seed)
        self.network = _build(build, seed).to(self.device)
        self.optimizer = torch.optim.Adam(
            self.network.parameters(),
            lr=train.learning_rate,
            weight_decay=train.weight_decay,
        )
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self._decay)
        weight = config.regularizer.weight
        self.regularizer: Regularizer = REGULARIZERS[config.regularizer.name](
            self.Z,
            self.network,
            steps=self.steps,
            strength=config.tree.strength,
            min_samples_leaf=config.tree.min_samples_leaf,
            max_leaves=config.tree.max_leaves,
            seed=seed,
            steps_per_epoch=self.batches,
            force=config.regularizer.force,
            regions=regions,
            restart=restart,
            **self._ways_to_answer(rows.examples),
            **({} if weight is None else {"weight": weight}),
        )
        self.curve: list[Watched] = []
        picked = np.random.default_rng(seed).permutation(len(rows))[:WATCHED_ROWS]
        self.watched = torch.from_numpy(picked).to(self.device)
        self.watched_Z, self.watched_y = rows.Z[picked], rows.y[picked]

    def _ways_to_answer(self, examples: Examples | None) -> dict[str, Any]:
        """Say how to answer rows whose tree features the network does not read."""
        if examples is None:
            return {}
        if not isinstance(examples, Whole):
            return {"by_row": self._answer}
        # Between two pictures lie the means between their patches' means.
        return {"by_row": self._answer, "mix": self._answer_between}

    def _answer_between(self, rows: Tensor, others: Tensor, shares: Tensor) -> Tensor:
        """Return the logits between items, with gradients: [m, n_classes]."""
        read = self.examples.inputs  # type: ignore[attr-defined]
        shares = shares.reshape(-1, *[1] * (read.dim() - 1))
        logits: Tensor = self.network(torch.lerp(read[rows], read[others], shares))
        return logits

    @property
    def steps(self) -> int:
        return self.epochs * self.batches

    def _decay(self, step: int) -> float:
        """Full rate up to 70 % of the steps, then linearly down to 5 %."""
        left = (1 - step / self.steps) / (1 - _DECAY_FROM)
        return max(min(left, 1.0), _FINAL_RATE)

    def go(self, progress: bool, record: Record | None = None) -> nn.Module:
        """Train; raise DeadRunError as soon as the run is known to be dead."""
        note = record or _forget
        note(0, self.network)
        watch_every = max(1, self.epochs // 25)
        check_at = max(1, self.epochs // 4)  # before the pull begins
        with tqdm(
            total=self.epochs, unit="epoch", disable=not progress, leave=True
        ) as bar:
            for epoch in range(1, self.epochs + 1):
                loss = self._epoch()
                note(epoch, self.network)
                if not math.isfinite(loss):
                    raise DeadRunError(f"the loss became {loss} in epoch {epoch}")
                if epoch == check_at:
                    self._check(self._watch(), constant_is_dead=False)
                if epoch % watch_every == 0 or epoch == self.epochs:
                    self.curve.append(self._note(epoch, loss))
                    bar.set_postfix(self.curve[-1].as_text())
                bar.update()
        self._check(self._watch(), constant_is_dead=True)
        return self.network.eval().cpu()

    def _epoch(self) -> float:
        order = torch.randperm(len(self.examples), generator=self.generator)
        total = torch.zeros((), device=self.device)
        for items in torch.split(order.to(self.device), self.batch_size):
            logits, rows = self.examples.logits(self.network, items)
            task = nn.functional.cross_entropy(logits, self.y[rows])
            loss = task + self.regularizer(logits, rows)
            self.optimizer.zero_grad()
            torch.autograd.backward(loss)
            self.optimizer.step()
            self.scheduler.step()
            total += loss.detach()
        return float(total) / self.batches

    def _watch(self) -> Probabilities:
        """Return the probabilities of the watched training rows."""
        answers = torch.softmax(self._answer(self.watched), dim=1)
        return np.asarray(answers.cpu().numpy(), dtype=np.float32)

    def _answer(self, rows: Tensor) -> Tensor:
        """Return the logits of training rows, [m, n_classes], without gradients."""
        return answer_rows(self.examples, self.network, rows)

    def _check(self, probabilities: Probabilities, *, constant_is_dead: bool) -> None:
        """Refuse a network that learned nothing.

        Constant decisions alone are no verdict early on: with a rare class they pass.
        """
        score = macro_auc(probabilities, self.watched_y)
        if score is not None and not score >= DEAD_AUC:
            raise DeadRunError(f"the training AUC is {score:.3f}")
        labels = probabilities.argmax(axis=1)
        if constant_is_dead and (labels == labels[0]).all():
            raise DeadRunError(
                f"the network answers class {labels[0]} for every training row"
            )

    def _note(self, epoch: int, loss: float) -> Watched:
        """Measure the present network on watched training rows."""
        tree = self.regularizer.tree
        return watch(epoch, loss, self._watch(), self.watched_Z, self.watched_y, tree)
