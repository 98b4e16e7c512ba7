"""Training on through the projection: the tree decides, the network must bear it out.

The pull draws the network's decisions to its tree and pays with ranking: near the
tree's borders the logits are held down on both sides. Once the tree is final it need
not persuade the network any more, since the projection lets it decide. So the last
steps of training charge the *projected* logits for the labels, and the network is free
again to rank the rows and to say how sure it is on each side of the borders. Measured,
that gives back the AUC that the pull took, at fidelity 1 (docs/research.md).
"""

import copy

import torch
from torch import nn

from explainers.arrays import Indexes
from trainer.config import Config
from trainer.fit import choose_device, count_epochs
from trainer.projection import project
from trainer.rows import Rows

SHARE = 0.15
"""Epochs of finetuning, as a share of the epochs before. More ranked no better."""
RATE = 2 / 3
"""The learning rate that it begins with, as a share of training's; it falls to 0."""


def finetune(
    network: nn.Module, decisions: Indexes, rows: Rows, config: Config, n_classes: int
) -> nn.Module:
    """Return a copy of the network, trained on through the projection.

    Parameters
    ----------
    network : on the CPU, in evaluation mode; it is left as it is.
    decisions : [n] class indexes that the tree answers for ``rows``.
    rows : the n training rows.

    Returns
    -------
    The network itself, not projected, on the CPU and in evaluation mode.
    """
    train = config.train
    if train.epochs == 0:
        return network
    device = choose_device(train.device)
    network = copy.deepcopy(network).to(device).train()
    examples = rows.read.to(device)
    y = torch.from_numpy(rows.y).to(device)
    chosen = nn.functional.one_hot(torch.from_numpy(decisions), n_classes)
    chosen = chosen.float().to(device)
    optimizer = torch.optim.Adam(
        network.parameters(),
        lr=RATE * train.learning_rate,
        weight_decay=train.weight_decay,
    )
    epochs = max(1, round(SHARE * count_epochs(len(examples), train)))
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda e: 1 - e / epochs)
    generator = torch.Generator().manual_seed(train.seed)
    for _ in range(epochs):
        order = torch.randperm(len(examples), generator=generator).to(device)
        for items in torch.split(order, train.batch_size):
            logits, numbers = examples.logits(network, items)
            projected = project(logits, chosen[numbers].to(logits.dtype))
            loss = nn.functional.cross_entropy(projected, y[numbers])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
        scheduler.step()
    return network.eval().cpu()
