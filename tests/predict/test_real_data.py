"""Batchout and Mixup Inference on real examples, for a few epochs: digits, a table, molecules."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mixup_multi import door
from mixup_multi.attacks.presets import pgd
from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.engine.source import Data, Trial
from mixup_multi.engine.training import Training
from mixup_multi.objectives import Objective
from mixup_multi.objectives.losses import Softmax
from mixup_multi.objectives.presets.features import batchout
from mixup_multi.objectives.presets.mixing import mixup
from mixup_multi.predict import Plain, Predictor, as_model
from mixup_multi.predict.presets import mi_combined, mi_ol, mi_pl
from mixup_multi.streams import stream

SOFTMAX = Softmax()


def trained(
    data: Data, model: nn.Module, objective: Objective, epochs: int, lr: float = 3e-3
) -> tuple[nn.Module, list[float]]:
    """Return the model after a few epochs, in evaluation mode, and each epoch's mean loss."""
    objective = objective.fit(Training(data))
    objective.check(model)
    optimizer, generator, losses = torch.optim.Adam(model.parameters(), lr), stream(0, "mix"), []
    for _ in range(epochs):
        totals = []
        for rows in torch.randperm(len(data.train), generator=generator).split(64):
            optimizer.zero_grad()
            total = objective(model.train(), data.train.gather(rows), generator).total
            total.backward()
            optimizer.step()
            totals.append(total.item())
        losses.append(sum(totals) / len(totals))
    return model.eval(), losses


def built(adapter: str, name: str, data: Data, **settings: Any) -> nn.Module:
    torch.manual_seed(0)
    return door.load_adapter(adapter).models[name](data, **settings)


def error(p: Tensor, batch: Batch) -> float:
    return 100 * float((p.argmax(1) != batch.targets.argmax(1)).double().mean())


def test_of(data: Data) -> Batch:
    return data.test.gather(torch.arange(min(len(data.test), 200)))


test_of.__test__ = False


@cache
def digits() -> Data:
    return door.load_adapter("images").datasets["digits"].load(Path("unused"), Trial())


@cache
def mixup_trained() -> nn.Module:
    model = built("images", "small_cnn", digits(), width=8)
    return trained(digits(), model, mixup(), 8, 1e-2)[0]


@pytest.mark.parametrize("settings", [{"amount": 0.1}, {"towards": "noise"}])
def test_batchout_learns_digits(settings):
    small = {"convs": (8, 16), "pooled": (1, 2), "units": (32,)}
    model = built("images", "batchout_cnn", digits(), **small)
    net, losses = trained(digits(), model, batchout(**settings), 5, 1e-2)
    assert losses[-1] < losses[0] / 2
    batch = test_of(digits())
    assert error(Plain().probabilities(net, batch.inputs, 0, SOFTMAX), batch) < 25


def test_batchout_and_mixup_inference_on_a_table():
    data = door.load_adapter("tabular").datasets["sklearn_iris"].load(Path("unused"), Trial())
    model = built("tabular", "mlp", data, widths=(16, 16))
    net, losses = trained(data, model, batchout(points="hidden1", per="row"), 40, 1e-2)
    assert losses[-1] < losses[0] / 2
    batch = test_of(data)
    for predictor in (Plain(), mi_pl(pool=None), mi_combined(pool=60, balanced=True)):
        p = predictor.fit(Training(data)).probabilities(net, batch.inputs, 0, SOFTMAX)
        assert error(p, batch) < 20


def test_batchout_and_mixup_inference_on_molecules(real_graphs: Path):
    load = door.load_adapter("graphs").datasets["mutag"].load
    data = load(real_graphs, Trial(fold=0, folds=5))
    net, losses = trained(data, built("graphs", "gin", data, hidden=16), batchout(), 25)
    assert losses[-1] < losses[0]
    batch = test_of(data)
    for predictor in (Plain(), mi_pl(pool=100)):
        p = predictor.fit(Training(data)).probabilities(net, batch.inputs, 0, SOFTMAX)
        assert error(p, batch) < 30  # of one class: 33.5


def test_mixup_inference_undoes_part_of_an_attack_that_does_not_know_of_it():
    """And an attack that does know of it undoes part of that: MI is no defence by itself."""
    net, batch = mixup_trained(), test_of(digits())
    attack = pgd(eps=0.3, step=0.1, steps=5, labels="predicted")
    predictor = mi_ol(pool=None, samples=15).fit(Training(digits()))

    def error_of(made: Predictor, under: Batch) -> float:
        return error(made.probabilities(net, under.inputs, 1, SOFTMAX), batch)

    def loss_of(under: Batch) -> float:
        logits = predictor.logits(net, under.inputs, 1, SOFTMAX)
        return SOFTMAX.value(logits, batch.targets).mean().item()

    bounds = Bounds(torch.ones(()), torch.tensor(-1.0), torch.tensor(1.0))
    _, oblivious = attack.perturb(net, batch, bounds, 0, SOFTMAX)
    _, adaptive = attack.perturb(as_model(predictor, net, 1, SOFTMAX), batch, bounds, 0, SOFTMAX)
    assert error_of(Plain(), batch) < 10
    assert error_of(predictor, oblivious) < error_of(Plain(), oblivious) - 10
    with torch.no_grad():
        assert loss_of(adaptive) > loss_of(oblivious)
