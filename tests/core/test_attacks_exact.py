"""Attacks against what is known: closed forms of linear models, and an independent toolbox."""

from __future__ import annotations

import math

import pytest
import torch
from attack_cases import CLASSES, SIGMOID, SOFTMAX, anywhere, conv, images, seeded, targets
from torch import Tensor, nn
from torch.nn import functional
from torch.testing import assert_close

from mixup_multi.attacks.presets import fgsm, pgd
from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds

EXACT = {"rtol": 0.0, "atol": 1e-12}


def linear(outputs: int = 1) -> nn.Linear:
    torch.manual_seed(3)
    return nn.Linear(4, outputs, dtype=torch.float64)


def binary(n: int = 9) -> Batch:
    inputs = torch.randn(n, 4, generator=seeded(0), dtype=torch.float64)
    return Batch(inputs, (torch.rand(n, 1, generator=seeded(1)) > 0.5).double())


def margins(model: nn.Module, batch: Batch) -> Tensor:
    return ((2 * batch.targets - 1) * model(batch.inputs)).squeeze(1)


@pytest.mark.parametrize("steps", [1, 40])
@pytest.mark.parametrize(("norm", "dual"), [("linf", 1), ("l2", 2)])
def test_a_linear_model_s_worst_case_is_its_margin_less_the_dual_norm(
    norm: str, dual: int, steps: int
) -> None:
    model, batch, eps = linear(), binary(), 0.3
    start = "none" if steps == 1 else "uniform"
    attack = pgd(eps=eps, step=eps, steps=steps, start=start, norm=norm)
    _, found = attack.perturb(model, batch, anywhere(), 0, SIGMOID)
    worst = margins(model, batch) - eps * model.weight.flatten().norm(p=dual)
    assert_close(margins(model, found), worst, **EXACT)
    loss = SIGMOID.value(model(found.inputs), batch.targets)
    assert_close(loss, functional.softplus(-worst), **EXACT)


def test_units_scale_the_worst_case_of_each_feature() -> None:
    model, batch, eps = linear(), binary(), 0.3
    unit = torch.tensor([1.0, 2.0, 0.0, 0.5], dtype=torch.float64)
    scaled = model.weight.flatten() * unit
    for norm, dual in (("linf", 1), ("l2", 2)):
        attack = pgd(eps=eps, step=eps, steps=60, norm=norm)
        _, found = attack.perturb(model, batch, Bounds(unit), 0, SIGMOID)
        worst = margins(model, batch) - eps * scaled.norm(p=dual)
        assert_close(margins(model, found), worst, **EXACT)


def test_the_worst_case_of_two_classes_is_that_of_their_difference() -> None:
    model = linear(2)
    batch = Batch(binary().inputs, torch.eye(2, dtype=torch.float64)[torch.arange(9) % 2])
    _, found = fgsm(eps=0.3).perturb(model, batch, anywhere(), 0, SOFTMAX)
    weight = model.weight[1] - model.weight[0]
    sign = 2 * batch.targets[:, 1] - 1
    margin = sign * (batch.inputs @ weight + model.bias[1] - model.bias[0])
    expected = functional.softplus(-(margin - 0.3 * weight.abs().sum()))
    assert_close(SOFTMAX.value(model(found.inputs), batch.targets), expected, **EXACT)


def test_a_range_keeps_what_it_cuts_off() -> None:
    model, batch = linear(), binary()
    batch = Batch(batch.inputs.clamp(-0.5, 0.5), batch.targets)
    bounds = Bounds(torch.ones(()), torch.tensor(-0.5), torch.tensor(0.5))
    _, found = pgd(eps=0.3, step=0.1).perturb(model, batch, bounds, 0, SIGMOID)
    weight = model.weight.flatten()
    downhill = -(2 * batch.targets - 1) * weight.sign()
    expected = (batch.inputs + 0.3 * downhill).clamp(-0.5, 0.5)
    assert_close(found.inputs, expected, **EXACT)


def art_net(low: float, high: float):
    """Return a classifier of the toolbox around the same small net, in float32."""
    pytest.importorskip("art", reason="adversarial-robustness-toolbox is not installed")
    from art.estimators.classification import PyTorchClassifier

    return PyTorchClassifier(
        model=conv(torch.float32),
        loss=nn.CrossEntropyLoss(),
        input_shape=(2, 6, 5),
        nb_classes=CLASSES,
        clip_values=(low, high),
        device_type="cpu",
    )


def theirs_and_ours(theirs, ours, low: float, high: float) -> tuple[Tensor, Tensor]:
    batch = images(16, torch.float32)
    batch = Batch(batch.inputs.clamp(low, high), targets(16, torch.float32))
    found = theirs.generate(batch.inputs.numpy().copy(), batch.targets.numpy())
    bounds = Bounds(torch.ones(()), torch.tensor(low), torch.tensor(high))
    _, under = ours.perturb(conv(torch.float32), batch, bounds, 0, SOFTMAX)
    assert not torch.equal(under.inputs, batch.inputs)
    return torch.from_numpy(found), under.inputs


@pytest.mark.parametrize(("norm", "theirs"), [("linf", math.inf), ("l2", 2)])
def test_fgsm_is_that_of_the_adversarial_robustness_toolbox(norm: str, theirs: float) -> None:
    net = art_net(-0.5, 0.7)
    from art.attacks.evasion import FastGradientMethod

    attack = FastGradientMethod(net, norm=theirs, eps=0.2)
    pair = theirs_and_ours(attack, fgsm(eps=0.2, norm=norm), -0.5, 0.7)
    assert_close(*pair, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("norm", "theirs", "eps", "step", "ends"),
    [
        ("linf", math.inf, 0.1, 0.02, (-0.5, 0.7)),
        # Of L2 the toolbox clips first and then projects; without a range there is no difference.
        ("l2", 2, 0.6, 0.15, (-9.0, 9.0)),
    ],
)
def test_pgd_is_that_of_the_adversarial_robustness_toolbox(
    norm: str, theirs: float, eps: float, step: float, ends: tuple[float, float]
) -> None:
    net = art_net(*ends)
    from art.attacks.evasion import ProjectedGradientDescentNumpy

    attack = ProjectedGradientDescentNumpy(
        net, norm=theirs, eps=eps, eps_step=step, max_iter=10, verbose=False
    )
    ours = pgd(eps=eps, step=step, steps=10, start="none", norm=norm)
    assert_close(*theirs_and_ours(attack, ours, *ends), rtol=0, atol=1e-5)
