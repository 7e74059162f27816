"""Exact and fast q of each example."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mixup_multi.analysis.exact_q import agreement, both_q
from mixup_multi.analysis.nets import network
from mixup_multi.batch import Batch
from mixup_multi.objectives.losses import Softmax


def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(7, 4, generator=generator, dtype=torch.float64)
    return Batch(inputs, torch.eye(3, dtype=torch.float64)[[0, 1, 2, 0, 1, 2, 2]])


@pytest.mark.parametrize("widths", [[], [9], [9, 6]])
def test_they_are_equal_for_centred_inputs_and_a_homogeneous_model(widths: list[int]) -> None:
    model = network(4, 3, widths, "relu", seed=0, bias=False).double()
    exact, fast = both_q(model, batch(), "input", torch.zeros(4).double(), Softmax())
    assert torch.allclose(exact, fast)
    said = agreement(exact, fast)
    assert said.correlation == pytest.approx(1)
    assert said.ratio == pytest.approx(1)
    assert said.same_sign == 100


def test_the_exact_q_is_the_directional_derivative() -> None:
    model = network(4, 3, [6], "tanh", seed=0, bias=True).double()
    data, mean = batch(), torch.full((4,), 0.3, dtype=torch.float64)
    exact, fast = both_q(model, data, "input", mean, Softmax())
    for i in range(7):
        x: Tensor = data.inputs[i]
        jacobian: Tensor = torch.func.jacrev(lambda point: model(point[None])[0])(x)
        logits = model(x[None])[0].detach()
        slope = logits.softmax(0) - data.targets[i]
        assert float(exact[i]) == pytest.approx(float(slope @ (jacobian.detach() @ (mean - x))))
        assert float(fast[i]) == pytest.approx(float(-slope @ logits))


def test_at_a_hidden_point_the_batchs_mean_stands_for_that_of_the_data() -> None:
    model = network(4, 3, [6], "relu", seed=0, bias=True).double()
    data = batch()
    exact, _ = both_q(model, data, "layer1", None, Softmax())
    hidden = model.stages["input"](data.inputs)
    head = model.stages["layer1"]
    logits = head(hidden)
    step = (hidden.mean(0) - hidden) @ head.weight.T
    expected = ((logits.softmax(1) - data.targets) * step).sum(1)
    assert torch.allclose(exact, expected)


def test_agreement_by_hand() -> None:
    exact = torch.tensor([1.0, -1.0, 2.0, -2.0], dtype=torch.float64)
    said = agreement(exact, torch.tensor([2.0, -2.0, 4.0, 4.0], dtype=torch.float64))
    assert said.ratio == 2
    assert said.same_sign == 75
    assert said.correlation_abs == pytest.approx(1)
    assert said.correlation == pytest.approx(4 / math.sqrt(10 * 24))
