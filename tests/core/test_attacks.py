"""Attacks: legal to the last bit, uphill, each row by itself, and the same by the same seed."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from attack_cases import SOFTMAX, anywhere, conv, images, pixels, seeded
from torch import Tensor
from torch.testing import assert_close

from mixup_multi.attacks import Attack, Ball
from mixup_multi.attacks.presets import fgsm, ifgsm, pgd, random_fgsm
from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.errors import PointError, SettingError

EPS = 8 / 255
ATTACKS = {
    "fgsm": fgsm(),
    "random_fgsm": random_fgsm(),
    "ifgsm": ifgsm(),
    "pgd": pgd(),
    "pgd from a normal start": pgd(start="normal"),
    "pgd of twenty": pgd(eps=0.3, step=0.1, steps=20),
    "l2": pgd(norm="l2", eps=0.5, step=0.2),
    "l2, once": fgsm(norm="l2", eps=0.5),
    "restarts": pgd(restarts=3, steps=2),
    "l2 restarts": pgd(norm="l2", eps=0.5, step=0.2, restarts=3),
    "targeted": pgd(targeted=True),
    "predicted": pgd(labels="predicted"),
    "train mode": pgd(mode="train"),
}
each_attack = pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
each_norm = pytest.mark.parametrize("norm", ["linf", "l2"])


def attacked(attack: Attack, batch: Batch, bounds: Bounds | None = None, seed: int = 0) -> Tensor:
    model = conv(batch.inputs.dtype)
    same, found = attack.perturb(model, batch, bounds or pixels(), seed, SOFTMAX)
    assert same is model
    assert torch.equal(found.targets, batch.targets)
    return found.inputs


def losses(inputs: Tensor, targets: Tensor) -> Tensor:
    with torch.no_grad():
        return SOFTMAX.value(conv(inputs.dtype)(inputs), targets)


@each_attack
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_it_is_in_the_ball_and_in_the_range(attack: Attack, dtype: torch.dtype, n: int) -> None:
    batch = images(n, dtype)
    x, there = batch.inputs.clone(), attacked(attack, batch)
    bounds = pixels().to(x)
    assert torch.equal(batch.inputs, x)
    assert there.dtype == dtype
    assert not there.requires_grad
    assert ((there >= bounds.low) & (there <= bounds.high)).all()
    if attack.norm == "linf":  # to the last bit
        reach = attack.eps * bounds.unit
        assert ((there >= x - reach) & (there <= x + reach)).all()
    else:  # a length is rounded
        lengths = ((there - x) / bounds.unit).flatten(1).norm(dim=1)
        assert (lengths <= attack.eps * (1 + 1e-6)).all()
    assert not torch.equal(there, x)


@each_attack
def test_of_size_0_it_is_the_batch_itself(attack: Attack) -> None:
    batch, model = images(3), conv()
    still = replace(attack, eps=0.0)
    assert still.perturb(model, batch, pixels(), 0, SOFTMAX) == (model, batch)
    assert not still.draws


def test_a_row_out_of_range_goes_no_further_out() -> None:
    batch, bounds = images(4), pixels()
    far = torch.where(torch.arange(5) == 1, 9.0, 0.0) - torch.where(torch.arange(5) == 3, 9.0, 0.0)
    out = replace(batch, inputs=batch.inputs * (far == 0) + far)
    for attack in (pgd(eps=0.1), pgd(norm="l2", eps=0.5)):
        there = attacked(attack, out, bounds)
        assert (there <= torch.maximum(bounds.high, out.inputs)).all()
        assert (there >= torch.minimum(bounds.low, out.inputs)).all()
        away = ((there - out.inputs) / bounds.unit).flatten(1)
        size = away.abs().amax(1) if attack.norm == "linf" else away.norm(dim=1)
        assert (size <= attack.eps * (1 + 1e-6)).all()


def test_what_must_not_be_changed_stays_bit_for_bit() -> None:
    unit = pixels().unit * torch.tensor([1.0, 0.0]).view(2, 1, 1)
    for attack in (pgd(), pgd(norm="l2", eps=0.5), fgsm(norm="l2"), pgd(start="normal")):
        batch = images(3)
        there = attacked(attack, batch, replace(pixels(), unit=unit))
        assert torch.equal(there[:, 1], batch.inputs[:, 1])
        assert not torch.equal(there[:, 0], batch.inputs[:, 0])


def test_fgsm_is_one_step_of_pgd_from_the_row_itself() -> None:
    assert fgsm(eps=0.1) == pgd(eps=0.1, step=0.1, steps=1, start="none")
    assert ifgsm() == pgd(start="none")
    assert random_fgsm(mode="eval") == pgd(step="10/255", steps=1)
    x, model = images(5).inputs.requires_grad_(), conv()
    loss = SOFTMAX.value(model(x), images(5).targets).sum()
    (gradient,) = torch.autograd.grad(loss, x)
    bounds = pixels().to(x)
    by_hand = x.detach() + EPS * bounds.unit * gradient.sign()
    by_hand = torch.clamp(by_hand, bounds.low, bounds.high)
    assert_close(attacked(fgsm(), images(5)), by_hand, rtol=0, atol=1e-12)


@each_attack
def test_it_raises_the_loss_of_every_row_or_lowers_the_target(attack: Attack) -> None:
    batch = images(6)
    before, after = losses(batch.inputs, batch.targets), None
    there = attacked(attack, batch)
    after = losses(there, batch.targets)
    if attack.targeted or attack.labels == "predicted" or attack.mode == "train":
        assert not torch.equal(before, after)
    else:
        assert (after > before).all()


def test_targeted_lowers_the_loss_of_another_class() -> None:
    batch = images(40)
    attack = fgsm(targeted=True, eps=0.01)
    there = attacked(attack, batch)
    others = [torch.roll(batch.targets, shift, 1) for shift in (1, 2)]
    lower = [losses(there, other) < losses(batch.inputs, other) for other in others]
    assert (lower[0] | lower[1]).all()
    away = attacked(replace(attack, targeted=False), batch)
    assert (losses(away, batch.targets) > losses(batch.inputs, batch.targets)).all()


def test_targets_are_every_other_class_and_never_the_row_s_own() -> None:
    batch, seen = images(300), []

    class Judge:
        target_kind = SOFTMAX.target_kind
        predicted = staticmethod(SOFTMAX.predicted)

        @staticmethod
        def value(logits: Tensor, targets: Tensor) -> Tensor:
            seen.append(targets)
            return SOFTMAX.value(logits, targets)

    fgsm(targeted=True).perturb(conv(), batch, pixels(), 0, Judge())
    shift = (seen[0].argmax(1) - batch.targets.argmax(1)) % 3
    assert (seen[0].sum(1) == 1).all()
    assert torch.bincount(shift, minlength=3).tolist()[0] == 0
    assert min(torch.bincount(shift, minlength=3).tolist()[1:]) > 100
    one = Batch(torch.zeros(4, 1), torch.tensor([[0.0], [1.0], [1.0], [0.0]]))
    net = torch.nn.Linear(1, 1)
    fgsm(targeted=True).perturb(net, one, anywhere(), 0, Judge())
    assert torch.equal(seen[-1], 1 - one.targets)


def test_predicted_labels_are_those_of_the_model_s_own_mouth() -> None:
    batch, model = images(9), conv()
    said = SOFTMAX.predicted(model(batch.inputs))
    assert not torch.equal(said, batch.targets)
    by_label = attacked(pgd(), replace(batch, targets=said))
    assert torch.equal(attacked(pgd(labels="predicted"), batch), by_label)
    wrong = replace(batch, targets=batch.targets.roll(1, 1))
    assert torch.equal(attacked(pgd(labels="predicted"), wrong), by_label)


@each_norm
def test_restarts_never_end_lower_in_any_row(norm: str) -> None:
    batch = images(12)
    sizes = {"eps": 0.5, "step": 0.2} if norm == "l2" else {}
    ends = [
        losses(attacked(pgd(norm=norm, restarts=n, steps=2, **sizes), batch), batch.targets)
        for n in (1, 2, 4, 8)
    ]
    for fewer, more in pairwise(ends):
        assert (more >= fewer).all()
    assert (ends[-1] > ends[0]).any()


@each_norm
@pytest.mark.parametrize("steps", [1, 5])
def test_rows_are_attacked_each_by_itself(norm: str, steps: int) -> None:
    batch = images(7)
    attack = pgd(eps=0.3, step=0.1, steps=steps, start="none", norm=norm)
    whole = attacked(attack, batch)
    for row in range(7):
        alone = Batch(batch.inputs[row : row + 1], batch.targets[row : row + 1])
        assert_close(attacked(attack, alone)[0], whole[row], rtol=0, atol=1e-12)


@each_attack
def test_the_seed_alone_decides(attack: Attack) -> None:
    batch = images(5)
    model = conv()  # seeds the global generator
    state = torch.get_rng_state()
    once, again, other = (
        attack.perturb(model, batch, pixels(), seed, SOFTMAX)[1].inputs for seed in (3, 3, 4)
    )
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(once, again)
    assert torch.equal(once, other) != attack.draws


def test_a_start_fills_the_ball() -> None:
    unit = torch.tensor([1.0, 2.0, 0.0])
    zeros = torch.zeros(4000, 3)
    for norm in ("linf", "l2"):
        ball = Ball(zeros, Bounds(unit), 0.5, norm)
        away = ball.start("uniform", seeded(0))[:, :2] / unit[:2]
        size = away.abs().amax(1) if norm == "linf" else away.norm(dim=1)
        assert size.max() <= 0.5
        # in two dimensions the share within a half of the radius is a quarter, for both
        assert float((size <= 0.25).float().mean()) == pytest.approx(0.25, abs=0.03)
        assert away.mean(0).abs().max() < 0.02
    near = Ball(zeros, Bounds(unit), 0.5, "linf").start("normal", seeded(0)) / 1e-3
    assert near.std(0).tolist() == pytest.approx([1, 2, 0], rel=0.05)


def test_a_gradient_of_any_size_gives_a_step_of_full_length() -> None:
    ball = Ball(torch.zeros(3, 4), anywhere(), 1.0, "l2")
    direction = torch.tensor([3.0, 0.0, 4.0, 0.0])
    gradient = torch.stack([1e-28 * direction, 1e28 * direction, 0 * direction])
    moved = ball.step(torch.zeros(3, 4), gradient, 0.1)
    assert_close(moved[0], 0.1 * direction / 5)
    assert_close(moved[1], 0.1 * direction / 5)
    assert torch.equal(moved[2], torch.zeros(4))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"eps": -0.1}, "eps is -0.1"),
        ({"eps": float("nan")}, "eps is nan"),
        ({"step": float("inf")}, "step is inf"),
        ({"eps": "8/0"}, "a fraction such as 8/255"),
        ({"eps": "eight"}, "a fraction such as 8/255"),
        ({"steps": 0}, "steps is 0: expected 1 or more"),
        ({"restarts": 0}, "restarts is 0"),
        ({"restarts": 2, "start": "none"}, "every climb is the same"),
        ({"norm": "l1"}, "expected one of linf, l2"),
        ({"start": "anywhere"}, "expected one of none, uniform, normal"),
        ({"labels": "best"}, "expected one of true, predicted"),
        ({"mode": "test"}, "expected one of eval, train"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings: dict, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        pgd(**settings)


def test_sizes_beyond_the_range_and_absent_bounds_are_refused_before_training() -> None:
    model = conv()
    pgd(eps=1.0, step=1.0).check(model, pixels())
    with pytest.raises(SettingError, match=r"eps is 8: .* at most 1, .* write 8/255 if 8-bit"):
        pgd(eps=8.0).check(model, pixels())
    with pytest.raises(SettingError, match="step is 2: expected at most 1"):
        pgd(step=2.0).check(model, pixels())
    pgd(eps=7.7, step=1.0, norm="l2").check(model, pixels())
    with pytest.raises(SettingError, match=r"eps is 8: .* at most 7.74597, from corner to corner"):
        pgd(eps=8.0, norm="l2").check(model, pixels())
    with pytest.raises(PointError, match=r"expected a hidden point \(hidden, head\)"):
        pgd().check(model, None)
    pgd(point="hidden", eps=8.0).check(model, None)
    with pytest.raises(PointError, match="'hiden'"):
        pgd(point="hiden").check(model, pixels())
