"""Graphs have no legal perturbation at the input; their pooled vectors are attacked."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from attacked_data import errors, trained

from mixup_multi.attacks.presets import pgd
from mixup_multi.engine.source import Data, Trial
from mixup_multi.engine.training import Training
from mixup_multi.errors import PointError
from mixup_multi.objectives.presets.adversarial import adversarial, layerwise, trades
from mixup_multi.streams import stream
from mixup_multi_adapters.graphs import GraphAdapter


def model(data: Data, **settings: object):
    return GraphAdapter().models["gin"](data, layers=3, hidden=16, dropout=0.0, **settings)


def test_there_are_no_bounds_and_the_readout_is_attacked(motifs: Data) -> None:
    assert Training(motifs).bounds() is None
    net = model(motifs)
    assert pgd().place(net) == "readout"
    pgd(eps=50.0).check(net, None)  # of root mean squares, without a range
    with pytest.raises(PointError, match="'input'"):
        pgd(point="input").check(net, None)


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_attacks_on_the_readout_of_real_graphs_are_felt(real_graphs: Path, head: str) -> None:
    data = GraphAdapter().datasets["mutag"].load(real_graphs, Trial())
    net = trained(data, lambda: model(data, head=head), epochs=15, batch_size=32)
    weights = {name: value.clone() for name, value in net.state_dict().items()}
    clean, worse = errors(data, net, pgd(eps=0.5, step=0.1))
    assert worse > clean + 20
    _, once = errors(data, net, pgd(eps=0.5, step=0.1, point="pooled2"))
    assert clean <= once <= worse
    assert all(torch.equal(weights[name], value) for name, value in net.state_dict().items())


@pytest.mark.parametrize("make", [adversarial, trades, layerwise])
def test_methods_train_at_the_readout(motifs: Data, make) -> None:
    method, net = make().fit(Training(motifs)), model(motifs)
    method.check(net)
    batch = motifs.train.gather(torch.arange(12))
    memory = {}
    for size in (12, 5):
        batch = motifs.train.gather(torch.arange(size))
        terms = method(net, batch, stream(0, "mix"), memory)
        terms.total.backward()
        memory = terms.memory
    assert terms.total.isfinite()
    if make is layerwise:
        shapes = {name: tuple(value.shape) for name, value in memory.items()}
        width = motifs.facts["features"]
        assert shapes == {"readout/0": (width,), "readout/1": (16,), "readout/2": (16,)}
