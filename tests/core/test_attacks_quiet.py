"""An attack leaves a model as it was: modes, gradients, statistics, all buffers and weights."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from attack_cases import SOFTMAX, Branches, conv, images, pixels, rows, seeded, targets
from torch import Tensor, nn
from torch.testing import assert_close

from mixup_multi.attacks import Attack, looked_at
from mixup_multi.attacks.presets import fgsm, pgd
from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.errors import PointError, SettingError
from mixup_multi.objectives.losses import LOSSES
from mixup_multi.points import Edited, Staged, bare, run_edited

each_mode = pytest.mark.parametrize("mode", ["eval", "train"])
each_point = pytest.mark.parametrize("point", ["input", "hidden"])


def frozen_part(net: nn.Module) -> nn.Module:
    net.train()
    net.stages["hidden"][1].eval()
    return net


STATES: dict[str, Callable[[nn.Module], nn.Module]] = {
    "training": lambda net: net.train(),
    "evaluating": lambda net: net.eval(),
    "with a frozen BatchNorm": frozen_part,
}


@each_mode
@each_point
@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
@pytest.mark.parametrize("labels", ["true", "predicted"])
def test_nothing_of_the_model_is_changed(mode: str, point: str, state, labels: str) -> None:
    net = state(conv())
    for number, weight in enumerate(net.parameters()):
        weight.grad = torch.full_like(weight, number)
    net.stages["head"].requires_grad_(False)
    before = copy.deepcopy(net)
    wanted = [weight.requires_grad for weight in net.parameters()]
    attack = pgd(mode=mode, point=point, labels=labels, restarts=2)
    attack.perturb(net, images(6), pixels(), 0, SOFTMAX)
    for ours, theirs in zip(net.modules(), before.modules(), strict=True):
        assert ours.training == theirs.training
        if isinstance(ours, nn.BatchNorm2d):
            assert ours.track_running_stats
    for name, value in before.state_dict().items():
        assert torch.equal(net.state_dict()[name], value), name
    for number, weight in enumerate(net.parameters()):
        assert torch.equal(weight.grad, torch.full_like(weight, number))
    assert [weight.requires_grad for weight in net.parameters()] == wanted


def test_statistics_are_updated_where_that_is_asked_for() -> None:
    net = conv().train()
    before = copy.deepcopy(net.state_dict())
    pgd(mode="train", update_statistics=True, steps=4).perturb(net, images(6), pixels(), 0, SOFTMAX)
    norm = "stages.input.1"
    assert int(net.state_dict()[f"{norm}.num_batches_tracked"]) == 4
    assert not torch.equal(net.state_dict()[f"{norm}.running_mean"], before[f"{norm}.running_mean"])
    with torch.no_grad():
        net.eval()
        kept = copy.deepcopy(net.state_dict())
    pgd(mode="eval", update_statistics=True).perturb(net, images(6), pixels(), 0, SOFTMAX)
    assert all(torch.equal(kept[key], value) for key, value in net.state_dict().items())


class Counting(nn.Module):
    """A module of a stranger's that keeps statistics of its own, in place and anew."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("passes", torch.zeros(()))
        self.register_buffer("last", torch.zeros(()))

    def forward(self, flow: Tensor) -> Tensor:
        if self.training:
            self.passes += 1
            self.last = flow.detach().mean()
        return flow


def test_statistics_of_any_module_are_kept() -> None:
    norm = nn.InstanceNorm2d(2, track_running_stats=True)
    net = nn.Sequential(norm, Counting(), nn.Flatten(), nn.LazyLinear(3)).double()
    net.eval()(images(2).inputs)
    net.train()
    before = copy.deepcopy(net.state_dict())
    pgd(mode="train").perturb(net, images(6), pixels(), 0, SOFTMAX)
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())
    pgd(mode="train", update_statistics=True).perturb(net, images(6), pixels(), 0, SOFTMAX)
    assert int(net[1].passes) == 10


def test_an_attack_between_a_pass_and_its_gradient_is_allowed() -> None:
    net = conv().train()
    loss = SOFTMAX.value(net(images(6).inputs), images(6).targets).mean()
    pgd(mode="train").perturb(net, images(6), pixels(), 0, SOFTMAX)
    loss.backward()
    assert all(weight.grad is not None for weight in net.parameters())


def test_modes_come_back_after_an_error() -> None:
    net = frozen_part(conv())
    modes = [module.training for module in net.modules()]
    with pytest.raises(ZeroDivisionError), looked_at(net, "eval"):
        raise ZeroDivisionError
    assert [module.training for module in net.modules()] == modes
    assert all(m.track_running_stats for m in net.modules() if isinstance(m, nn.BatchNorm2d))


def test_dropout_drops_nothing_in_eval_mode_and_something_in_train_mode() -> None:
    net, batch = conv(dropout=0.5).train(), images(6)
    plain = conv()
    _, ours = pgd().perturb(net, batch, pixels(), 0, SOFTMAX)
    _, theirs = pgd().perturb(plain, batch, pixels(), 0, SOFTMAX)
    assert torch.equal(ours.inputs, theirs.inputs)
    torch.manual_seed(0)
    _, once = pgd(mode="train").perturb(net, batch, pixels(), 0, SOFTMAX)
    _, other = pgd(mode="train").perturb(net, batch, pixels(), 0, SOFTMAX)
    assert torch.equal(once.inputs, other.inputs)  # what is dropped, the seed decides
    assert not torch.equal(once.inputs, ours.inputs)


def test_train_mode_is_the_mode_in_which_the_model_is_trained() -> None:
    batch, frozen, free = images(6), frozen_part(conv()), conv().train()
    _, by_frozen = fgsm(mode="train").perturb(frozen, batch, pixels(), 0, SOFTMAX)
    _, by_free = fgsm(mode="train").perturb(free, batch, pixels(), 0, SOFTMAX)
    assert not torch.equal(by_frozen.inputs, by_free.inputs)
    _, from_eval = fgsm(mode="train").perturb(conv(), batch, pixels(), 0, SOFTMAX)
    assert torch.equal(from_eval.inputs, by_free.inputs)


def shift_of(attack: Attack, model: nn.Module, batch: Batch, seed: int = 0):
    under, same = attack.perturb(model, batch, None, seed, SOFTMAX)
    assert same is batch
    return under, under.edit.shift


@pytest.mark.parametrize("n", [1, 5])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_hidden_tuple_is_attacked_in_units_of_each_part(n: int, norm: str) -> None:
    model, batch, eps = Branches(), rows(n), 0.1
    attack = pgd(eps=eps, step=eps / 4, norm=norm)
    attack.check(model, None)
    under, shift = shift_of(attack, model, batch)
    flow: list = []
    run_edited(model, batch.inputs, {"both": lambda tree: flow.extend(tree) or tree})
    units = [part.detach().square().mean().sqrt() for part in flow]
    assert units[1] > 20 * units[0]
    sizes = [part / unit for part, unit in zip(shift, units, strict=True)]
    if norm == "linf":
        assert max(float(size.abs().max()) for size in sizes) <= eps * (1 + 1e-9)
    else:
        assert torch.cat(sizes, 1).norm(dim=1).max() <= eps * (1 + 1e-9)
    assert all(float(size.abs().max()) > eps / 20 for size in sizes)
    plain, worse = (SOFTMAX.value(net(batch.inputs), batch.targets) for net in (model, under))
    assert (worse > plain).all()


@each_point
def test_hidden_points_take_the_edits_that_come_after(point: str) -> None:
    model, batch = conv(), images(4)
    under, _ = pgd(point="hidden").perturb(model, batch, None, 0, SOFTMAX)
    assert under.points == model.points
    seen: dict[str, Tensor] = {}

    def look(name: str):
        return lambda flow: seen.setdefault(name, flow)

    run_edited(model, batch.inputs, {point: look("plain")})
    run_edited(under, batch.inputs, {point: look("under")})
    expected = seen["plain"] + under.edit.shift if point == "hidden" else seen["plain"]
    assert_close(seen["under"], expected)
    with pytest.raises(PointError, match="does not offer"):
        run_edited(under, batch.inputs, {"nowhere": look("nothing")})


def test_weights_are_trained_through_an_attacked_hidden_point() -> None:
    model, batch = conv(), images(4)
    under, _ = pgd(point="hidden").perturb(model, batch, None, 0, SOFTMAX)
    SOFTMAX.value(under(batch.inputs), batch.targets).mean().backward()
    assert all(weight.grad is not None for weight in model.parameters())
    assert not under.edit.shift.requires_grad


def test_a_point_where_nothing_flows_is_left_alone() -> None:
    model = Staged({"input": nn.ReLU(), "head": nn.Linear(3, 3)}).double()
    batch = Batch(-torch.rand(2, 3, generator=seeded(0), dtype=torch.float64), targets(2))
    _, shift = shift_of(pgd(point="head"), model, batch)
    assert torch.equal(shift, torch.zeros(2, 3, dtype=torch.float64))


def test_compiled_and_shared_models_are_looked_at_as_they_are() -> None:
    net = conv()
    assert bare(net) is net
    assert bare(torch.compile(net)) is net
    shared = nn.Module()
    shared.bare = torch.compile(net)
    assert bare(shared) is net
    shifted = Edited(torch.compile(net), "hidden", lambda flow: flow)
    assert bare(shifted).model is net
    assert bare(shifted).points == net.points


def test_bounds_go_where_the_inputs_are() -> None:
    moved = pixels().to(torch.zeros(1, dtype=torch.float64))
    assert moved.unit.dtype == moved.low.dtype == moved.high.dtype == torch.float64
    assert replace(moved, unit=None, low=None, high=None) == replace(
        pixels(), unit=None, low=None, high=None
    )
    assert Bounds(torch.ones(())).to(torch.zeros(1)).low is None


def test_numbers_have_no_other_class_and_labels_are_all_flipped() -> None:
    batch = Batch(torch.rand(3, 4), torch.tensor([[1.0, 1, 0], [0, 0, 0], [1, 1, 1]]))
    model = nn.Linear(4, 3)
    for changed in ({"targeted": True}, {"labels": "predicted"}):
        with pytest.raises(SettingError, match="no other class and are their own prediction"):
            Attack(0.1, 0.1, **changed).perturb(
                model, batch, Bounds(torch.ones(())), 0, LOSSES["squared"]
            )
    seen = []

    class Judge(type(LOSSES["sigmoid"])):
        def value(self, logits, targets):
            seen.append(targets)
            return super().value(logits, targets)

    Attack(0.1, 0.1, targeted=True).perturb(model, batch, Bounds(torch.ones(())), 0, Judge())
    assert torch.equal(seen[0], 1 - batch.targets)
