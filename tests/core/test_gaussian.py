"""Gaussian noise: its size in the data's units, at the input and at hidden points."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.errors import PointError, SettingError
from mixup_multi.objectives import ERM, Gaussian, MixupE, Vicinal
from mixup_multi.points import Staged
from mixup_multi.streams import stream
from mixup_multi.tree import Tree

N = 200


class Seen(nn.Module):
    """What flows into a stage, kept."""

    def __init__(self) -> None:
        super().__init__()
        self.flows: list[Tree] = []

    def forward(self, flow: Tree) -> Tree:
        self.flows.append(flow)
        return flow


class Pair(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, 10 * x[:, :3]


class Joined(nn.Module):
    def forward(self, pair: tuple[Tensor, Tensor]) -> Tensor:
        return torch.cat(pair, 1)


def net() -> tuple[Staged, Seen, Seen]:
    torch.manual_seed(0)
    first, last = Seen(), Seen()
    stages = {
        "input": nn.Sequential(first, Pair()),
        "pair": nn.Sequential(last, Joined()),
        "head": nn.Linear(8, 2),
    }
    return Staged(stages), first, last


def rows() -> Batch:
    inputs = 3 * torch.randn(N, 5, generator=stream(0, "mix"))
    return Batch(inputs, torch.eye(2)[torch.arange(N) % 2])


class Part:
    """A training part that states its bounds."""

    def __init__(self, bounds: Bounds | None) -> None:
        self.stated = bounds

    def bounds(self) -> Bounds | None:
        return self.stated


def test_the_noise_at_the_input_is_in_units_of_the_bounds_and_is_not_clipped():
    units = torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0])
    bounds = Bounds(units, torch.tensor(-0.1), torch.tensor(0.1))
    model, first, _ = net()
    Gaussian(sigma=0.5).fit(Part(bounds))(model, rows(), stream(0, "mix"))
    noise = first.flows[0] - rows().inputs
    assert torch.equal(noise[:, 0], torch.zeros(N))
    std = noise.std(0)[1:] / (0.5 * units[1:])
    assert (std - 1).abs().max() < 5 / (2 * N) ** 0.5
    assert noise.mean(0).abs().max() < 5 * 2 / N**0.5
    assert (first.flows[0].abs() > 0.1).any()


def test_without_bounds_the_unit_is_one():
    model, first, _ = net()
    for method in (Gaussian(sigma=0.5), Gaussian(sigma=0.5).fit(Part(None))):
        method(model, rows(), stream(0, "mix"))
        noise = first.flows.pop() - rows().inputs
        assert noise.std().item() == pytest.approx(0.5, rel=0.1)


def test_at_a_hidden_point_each_leaf_has_noise_of_its_own_root_mean_square():
    model, _, last = net()
    method = Gaussian(sigma=0.2, point="pair").fit(Part(Bounds(torch.tensor(1e6))))
    method(model, rows(), stream(0, "mix"))
    clean = Pair()(rows().inputs)
    for noisy, leaf in zip(last.flows[0], clean, strict=True):
        size = leaf.square().mean().sqrt()
        assert ((noisy - leaf).std() / (0.2 * size)).item() == pytest.approx(1, rel=0.1)


def test_it_is_the_clean_loss_where_sigma_is_zero_and_its_draws_replay():
    model, data = net()[0], rows()
    plain = ERM()(model, data, stream(0, "mix"))
    assert torch.equal(Gaussian(sigma=0.0)(model, data, stream(0, "mix")).total, plain.total)
    method = Gaussian(sigma=0.3)
    first, second = (method.draw(data.targets, stream(seed, "mix")) for seed in (1, 2))
    one, again, other = (method.loss(model, data, d).total for d in (first, first, second))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_noise_comes_before_the_mixing_of_the_method_within(close):
    """Noisy mixup at one point: own (x_i + e_i) + (1 - own) (x_j + e_j)."""
    model, first, _ = net()
    method = Gaussian(Vicinal(), sigma=0.5)
    draw = method.draw(rows().targets, stream(0, "mix"))
    method.loss(model, rows(), draw)
    noise = torch.randn(N, 5, generator=torch.Generator().manual_seed(draw.seed))
    noisy, mix = rows().inputs + 0.5 * noise, draw.inner[0].mix
    own = mix.own.float()
    close(first.flows[0], own * noisy + (1 - own) * noisy[mix.partner], 1e-5)


def test_both_passes_of_mixupe_have_the_same_noise():
    model, first, _ = net()
    Gaussian(MixupE(Vicinal(points=("pair",))), sigma=0.5)(model, rows(), stream(0, "mix"))
    assert len(first.flows) == 2
    assert torch.equal(*first.flows)


def test_what_cannot_be_noisy_is_refused():
    codes = Batch(torch.ones(3, 2, dtype=torch.int64), torch.ones(3, 2))
    with pytest.raises(PointError, match=r"values of type torch.int64 flow"):
        Gaussian()(nn.Identity(), codes, stream(0, "mix"))
    with pytest.raises(PointError, match="where no tensors flow"):
        Gaussian()(nn.Identity(), Batch(object(), torch.ones(3, 2)), stream(0, "mix"))
    with pytest.raises(PointError, match="'hed'.*did you mean 'head'"):
        Gaussian(point="hed").check(net()[0])
    with pytest.raises(PointError, match="'heart'"):
        Gaussian(Vicinal(points=("heart",))).check(net()[0])
    for sigma in (-1.0, float("inf"), float("nan")):
        with pytest.raises(SettingError, match="sigma is"):
            Gaussian(sigma=sigma)
