"""Small models and a training part for the tests of predictors, in float64."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mixup_multi.attacks.quiet import looked_at
from mixup_multi.batch import as_targets
from mixup_multi.engine.source import Data, TensorSource
from mixup_multi.engine.training import Training
from mixup_multi.objectives.losses import Loss, Softmax
from mixup_multi.points import Staged
from mixup_multi.predict import MixupInference
from mixup_multi.predict.question import Question
from mixup_multi.tree import Tree

CLASSES, FEATURES, TRAIN = 3, 4, 60


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rows(n: int, seed: int = 0) -> Tensor:
    return torch.randn(n, FEATURES, generator=seeded(seed), dtype=torch.float64)


def labels(n: int = TRAIN, classes: int = CLASSES) -> Tensor:
    return torch.arange(n) % classes


def training(inputs: Tensor | None = None, targets: Tensor | None = None) -> Training:
    """Return a training part; its test part holds NaN, so that a use of it would be seen."""
    inputs = rows(TRAIN, seed=9) if inputs is None else inputs
    targets = as_targets(labels(len(inputs)), CLASSES) if targets is None else targets
    columns = targets.shape[1]
    names = [str(row) for row in range(len(inputs))]
    train = TensorSource(inputs, targets, columns, names)
    test = TensorSource(inputs.double() * float("nan"), targets, columns, names)
    return Training(Data("rows", train, test, None, tuple("abcdefgh"[:columns]), "key"))


def mlp(outputs: int = CLASSES) -> Staged:
    """Return a net with BatchNorm and dropout, in training mode."""
    torch.manual_seed(0)
    net = Staged(
        {
            "input": nn.Linear(FEATURES, 8),
            "hidden": nn.Sequential(nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.5)),
            "head": nn.Linear(8, outputs),
        }
    ).double()
    with torch.no_grad():
        for _ in range(3):
            net(3 * rows(16, seed=5) + 1)  # the running statistics are not the initial ones
        net.stages["head"].weight *= 4
        net.stages["head"].bias -= net.eval()(rows(64)).mean(0)  # every class is predicted
        net.train()
    return net


def drawn(
    predictor: MixupInference, net: nn.Module, inputs: Tree, seed: int, judge: Loss | None = None
) -> Tensor:
    """Return the training rows `(N, n)` that the predictor draws."""
    with looked_at(net, "eval"):
        asked = Question.about(net, inputs, judge or Softmax(), None, None)
        return predictor.pool.rows[predictor.draw(asked, seed)]
