"""Layer-wise training: what the backward pass before leaves, and what the next step makes of it."""

from __future__ import annotations

import pytest
import torch
from attack_cases import SIGMOID, Branches, conv, images, pixels, rows, targets
from torch import Tensor, nn
from torch.testing import assert_close

from mixup_multi.attacks.presets import pgd
from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.errors import PointError, SettingError
from mixup_multi.objectives import ERM, Adversarial, LayerWise, Objective, Terms
from mixup_multi.objectives.objective import Memory
from mixup_multi.objectives.presets.adversarial import adversarial, layerwise
from mixup_multi.objectives.presets.mixing import manifold_mixup, mixup, mixupe
from mixup_multi.points import Staged, run_edited
from mixup_multi.streams import stream


class Part:
    def mean(self) -> Tensor:
        return torch.zeros(2, 6, 5)

    def bounds(self) -> Bounds:
        return pixels()


def step(
    method: Objective, net: nn.Module, batch: Batch, memory: Memory | None = None, seed: int = 0
) -> Terms:
    """Return a step's terms, its gradients taken."""
    net.zero_grad()
    terms = method(net, batch, stream(seed, "mix"), memory)
    terms.total.backward()
    return terms


def flows(net: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    """Return a leaf at each of conv's points, and logits as a function of all of them."""
    seen: dict[str, Tensor] = {}

    def look(name: str):
        def edit(flow: Tensor) -> Tensor:
            seen[name] = flow if flow.requires_grad else flow.detach().requires_grad_()
            seen[name].retain_grad()
            return seen[name]

        return edit

    logits = run_edited(net, batch.inputs, {name: look(name) for name in net.points})
    return logits, seen


@pytest.mark.parametrize("inner", [None, mixup(), manifold_mixup(), mixupe()], ids=str)
def test_the_first_step_and_size_0_are_the_inner_bit_for_bit(inner, gradients) -> None:
    method = layerwise(eps=0.3, inner=inner).fit(Part())
    off = layerwise(eps=0.0, inner=inner).fit(Part())
    net, other, third = (conv().train() for _ in range(3))
    plain = (inner or ERM())(other, images(7), stream(0, "mix"))
    for one, weights in ((method, net), (off, third)):
        terms = one(weights, images(7), stream(0, "mix"))
        assert torch.equal(terms.total, plain.total)
        assert torch.equal(gradients(terms.total, weights), gradients(plain.total, other))
    assert step(off, third, images(7)).memory == {}
    assert off(third, images(7), stream(0, "mix"), {"input/0": torch.ones(2, 6, 5)}).memory == {}


def test_a_step_leaves_the_mean_gradient_of_each_point() -> None:
    net, batch = conv(), images(7)
    terms = step(layerwise(eps=0.1).fit(Part()), net, batch)
    logits, seen = flows(net, batch)
    (-(batch.targets * logits.log_softmax(1)).sum(1).mean()).backward()
    assert terms.memory.keys() == {"input/0", "hidden/0", "head/0"}
    for name, flow in seen.items():
        left = terms.memory[f"{name}/0"]
        assert left.shape == flow.shape[1:]
        assert not left.requires_grad
        assert_close(left, flow.grad.sum(0))  # of rows' losses, the mean


def test_the_next_step_adds_its_sign_at_each_point_in_units_of_the_point() -> None:
    net, first, second = conv(), images(7), images(5)
    method = layerwise(eps=0.1, hidden=0.25).fit(Part())
    memory = step(method, net, first).memory
    terms = step(method, net, second, memory)
    bounds = pixels().to(second.inputs)
    x = second.inputs + 0.1 * bounds.unit * memory["input/0"].sign()
    h = net.stages["input"](torch.clamp(x, bounds.low, bounds.high))
    h = h + 0.25 * h.square().mean().sqrt().detach() * memory["hidden/0"].sign()
    h = net.stages["hidden"](h)
    h = h + 0.25 * h.square().mean().sqrt().detach() * memory["head/0"].sign()
    expected = -(second.targets * net.stages["head"](h).log_softmax(1)).sum(1).mean()
    assert_close(terms.total, expected)
    assert terms.total > step(ERM(), net, second).total


def test_with_one_output_the_layer_moves_by_eps_times_the_1_norm() -> None:
    torch.manual_seed(0)
    net = nn.Linear(4, 1).double()
    batch = Batch(rows(6).inputs, torch.ones(6, 1, dtype=torch.float64))
    method = LayerWise(ERM(SIGMOID), eps=0.3, bounds=Bounds(torch.ones(())))
    memory = step(method, net, batch).memory
    terms = step(method, net, batch, memory)
    # R = eps ||w||_1 sign(dL/dy), and dL/dy < 0 where all labels are 1.
    moved = net(batch.inputs) - 0.3 * net.weight.abs().sum()
    assert_close(terms.total, SIGMOID.value(moved, batch.targets).mean())


def test_a_tuple_is_perturbed_once_although_it_passes_two_points() -> None:
    net, batch = Branches(), rows(5)
    memory = step(layerwise(eps=0.1), net, batch).memory
    assert memory.keys() == {"both/0", "both/1"}
    assert [memory[f"both/{i}"].shape for i in (0, 1)] == [(5,), (2,)]
    both = step(layerwise(eps=0.1, points="both"), net, batch, memory).total
    every = step(layerwise(eps=0.1), net, batch, memory).total
    plain = step(ERM(), net, batch).total
    assert torch.equal(every, both)
    assert every > plain
    alone = step(layerwise(eps=0.1, points=("left", "right")), net, batch).memory
    assert alone.keys() == {"left/0", "right/0"}
    assert_close(alone["right/0"], memory["both/1"])


@pytest.mark.parametrize("n", [1, 3, 9])
def test_batches_of_any_size_follow_each_other(n: int) -> None:
    net, method = conv().train(), layerwise().fit(Part())
    memory = step(method, net, images(7)).memory
    if n == 1:
        net.eval()
    terms = step(method, net, images(n), memory)
    assert terms.total.isfinite()
    assert {name: value.shape for name, value in terms.memory.items()} == {
        name: value.shape for name, value in memory.items()
    }


def test_two_passes_of_a_step_leave_the_sum_of_their_gradients() -> None:
    net, batch = conv(), images(7)
    method = layerwise(inner=mixup(alpha=0.0), points="head", eps=0.1)
    once = step(method, net, batch).memory["head/0"]
    twice = layerwise(
        inner=Adversarial(pgd(eps=0.0), mixup(alpha=0.0), mixup(alpha=0.0)), points="head", eps=0.1
    )
    assert_close(step(twice, net, batch).memory["head/0"], once)


def test_an_attack_within_leaves_nothing_and_around_it_passes_on_what_is_left() -> None:
    net, batch = conv(), images(7)
    attack = pgd(eps=0.1, step=0.05, steps=3)
    within = LayerWise(Adversarial(attack, bounds=pixels()), eps=0.1, points=("head",))
    around = Adversarial(attack, LayerWise(eps=0.1, points=("head",)), bounds=pixels())
    for method in (within, around):
        first = step(method, net, batch)
        assert first.memory.keys() == {"head/0"}
        assert torch.equal(
            first.total, step(Adversarial(attack, bounds=pixels()), net, batch).total
        )
        assert step(method, net, batch, first.memory).total > first.total
    assert_close(
        step(within, conv(), batch).memory["head/0"], step(around, conv(), batch).memory["head/0"]
    )


def test_codes_are_left_alone() -> None:
    class Embeds(nn.Module):
        points = ("input", "embedded")

        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(5, 3)

        def forward(self, inputs, edits=None):
            edits = edits or {}
            inputs = edits.get("input", lambda tree: tree)(inputs)
            return edits.get("embedded", lambda tree: tree)(self.table(inputs["codes"]))

    net = Embeds()
    batch = Batch({"codes": torch.tensor([1, 2, 0])}, targets(3, torch.float32))
    memory = step(layerwise(), net, batch).memory
    assert memory.keys() == {"embedded/0"}


def test_layers_that_are_not_trained_are_perturbed_all_the_same() -> None:
    net, batch = conv(), images(7)
    net.stages["input"].requires_grad_(False)
    method = layerwise(eps=0.1).fit(Part())
    memory = step(method, net, batch).memory
    assert memory.keys() == {"input/0", "hidden/0", "head/0"}
    assert step(method, net, batch, memory).total > step(ERM(), net, batch).total


def test_an_activation_of_another_shape_is_refused() -> None:
    net = Staged({"input": nn.AdaptiveAvgPool1d(4), "head": nn.Linear(4, 3)})
    memory = step(layerwise(), net, Batch(torch.rand(2, 6), targets(2, torch.float32))).memory
    with pytest.raises(PointError, match=r"input/0: .* \(6,\), this one has \(8,\)"):
        step(layerwise(), net, Batch(torch.rand(2, 8), targets(2, torch.float32)), memory)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"eps": -1}, "eps is -1.0: expected a number >= 0"),
        ({"hidden": -1}, "hidden is -1.0"),
        ({"eps": "a lot"}, "a fraction such as 8/255"),
        ({"points": ()}, "points is empty"),
        ({"inner": LayerWise()}, "expected one that does not"),
        ({"inner": adversarial(inner=LayerWise())}, "expected one that does not"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings: dict, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        layerwise(**settings)


def test_it_is_checked_against_the_model_and_the_data() -> None:
    layerwise().fit(Part()).check(conv())
    with pytest.raises(SettingError, match="eps is 8: expected at most 1"):
        layerwise(eps=8).fit(Part()).check(conv())
    layerwise(eps=8, points="hidden").fit(Part()).check(conv())
    with pytest.raises(PointError, match="'hiden'"):
        layerwise(points="hiden").check(conv())
    with pytest.raises(PointError, match="'hiden'"):
        layerwise(inner=mixup(points="hiden")).check(conv())
