"""Mixup Inference on every modality: at the point that its models prefer, and at a named one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from predictions import drawn
from torch import Tensor

from mixup_multi import door
from mixup_multi.attacks.presets import pgd
from mixup_multi.engine.source import Data, Trial
from mixup_multi.engine.training import Training
from mixup_multi.objectives.losses import LOSSES, Loss
from mixup_multi.points import flow_at, offered_points, run_edited
from mixup_multi.predict import MixupInference, Plain, Pooling, as_model
from mixup_multi.tree import tree_map

CASES = {
    "images": ("digits", "small_cnn"),
    "tabular": ("sklearn_iris", "mlp"),
    "speech": ("tones", "lenet"),
    "graphs": ("motifs", "gin"),
}


def load(adapter: str) -> tuple[Data, torch.nn.Module, Loss]:
    found = door.load_adapter(adapter)
    dataset, model = CASES[adapter]
    data = found.datasets[dataset].load(Path("unused"), Trial())
    torch.manual_seed(0)
    return data, found.models[model](data).eval(), LOSSES[data.loss]


def by_hand(
    predictor: MixupInference, net: torch.nn.Module, data: Data, inputs, judge: Loss
) -> Tensor:
    """Return F_MI from one pass a sample, over the graphs or rows as the source gathers them."""
    place = predictor.place(net)
    total = torch.zeros(())
    for samples in drawn(predictor, net, inputs, 1, judge):
        partner = flow_at(net, data.train.gather(samples).inputs, place)

        def mix(flow, partner=partner):
            return tree_map(lambda a, b: 0.5 * a + 0.5 * b, flow, partner)

        total = total + judge.mean_response(run_edited(net, inputs, {place: mix}))
    return total / predictor.samples


@pytest.mark.parametrize("adapter", CASES)
@pytest.mark.parametrize("which", ["first", "second"])
@torch.no_grad()
def test_the_mean_over_samples_is_that_of_one_pass_each(adapter, which):
    data, net, judge = load(adapter)
    point = "first" if which == "first" else offered_points(net)[1]
    predictor = MixupInference("other", 0.5, 4, Pooling(40), point, chunk=13)
    predictor = predictor.fit(Training(data))
    inputs = data.test.gather(torch.arange(5)).inputs
    got = predictor.probabilities(net, inputs, 1, judge)
    expected = by_hand(predictor, net, data, inputs, judge)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-5)
    plain = Plain().probabilities(net, inputs, 1, judge)
    assert (got - plain).abs().max() > 1e-5


def test_a_graph_under_attack_at_its_readout():
    """The oblivious attack shifts the graphs' vectors, not those of the samples."""
    data, net, judge = load("graphs")
    batch = data.test.gather(torch.arange(6))
    predictor = MixupInference("predicted", 0.5, 4, Pooling(40)).fit(Training(data))
    attack = pgd(eps=1.0, step=0.25, steps=3)
    oblivious, _ = attack.perturb(net, batch, None, 0, judge)
    seen = as_model(predictor, net, 1, judge)
    adaptive, _ = attack.perturb(seen, batch, None, 0, judge)

    def loss(logits: Tensor) -> float:
        return judge.value(logits, batch.targets).mean().item()

    with torch.no_grad():
        clean = loss(seen(batch.inputs))
        under_oblivious = loss(predictor.logits(oblivious, batch.inputs, 1, judge))
        under_adaptive = loss(adaptive(batch.inputs))
    assert clean < under_oblivious < under_adaptive
