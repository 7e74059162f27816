"""Batchout: which rows move, where to, and what the gradient makes of it."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from mixup_multi.batch import Batch, as_targets
from mixup_multi.errors import PointError, SettingError
from mixup_multi.mix import ChoiceShare, FixedShare, Mix, UniformShare
from mixup_multi.mix.draw import draw_partner
from mixup_multi.objectives import ERM
from mixup_multi.objectives.batchout import Batchout, towards_noise, towards_rows
from mixup_multi.objectives.presets.features import batchout
from mixup_multi.points import Staged
from mixup_multi.streams import stream

N, CLASSES = 6, 3
NAMES = ("input", "one", "two", "three", "four")


def batch(n: int = N) -> Batch:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(n, 4, generator=generator, dtype=torch.float64)
    return Batch(inputs, as_targets(torch.arange(n) // 2 % CLASSES, CLASSES, torch.float64))


def net() -> Staged:
    torch.manual_seed(0)
    widths = dict(zip(NAMES, (4, 8, 8, 8, 8), strict=True))
    stages = {
        name: nn.Sequential(*([nn.Tanh()] if name != "input" else []), nn.Linear(width, 8))
        for name, width in widths.items()
    }
    stages["four"] = nn.Sequential(nn.Tanh(), nn.Linear(8, CLASSES))
    return Staged(stages).double()


def flows(method: Batchout, model: Staged, data: Batch, draw) -> dict[str, tuple[Tensor, Tensor]]:
    """Return what flowed into each perturbed point, and out of it."""
    seen: dict[str, tuple[Tensor, Tensor]] = {}

    class Watched(nn.Module):
        points = model.points

        def forward(self, inputs, edits):
            def watched(name, edit):
                def run(flow):
                    seen[name] = (flow, edit(flow))
                    return seen[name][1]

                return run

            return model(inputs, {name: watched(name, edit) for name, edit in edits.items()})

    method.loss(Watched(), data, draw)
    return seen


def partner_of(before: Tensor, after: Tensor, amount: float) -> Tensor:
    """Return which row each row was moved towards."""
    target = before + (after - before) / amount
    distance = (target[:, None] - before[None]).abs().amax(2)
    assert distance.amin(1).max() < 1e-9
    return distance.argmin(1)


def test_a_layer_by_hand():
    rows = torch.tensor([[0.0, 1.0], [4.0, 1.0], [2.0, 2.0], [8.0, 0.0]])
    mix = Mix(torch.tensor([1, 3, 0, 0]), torch.tensor([0.75], dtype=torch.float64))
    expected = [[1.0, 1.0], [5.0, 0.75], [2.0, 2.0], [8.0, 0.0]]
    assert towards_rows(rows, mix, 2).tolist() == expected
    each = Mix(mix.partner, torch.tensor([1.0, 0.0, 0.5, 1.5], dtype=torch.float64))
    expected = [[0.0, 1.0], [8.0, 0.0], [1.0, 1.5], [12.0, -0.5]]
    assert towards_rows(rows, each, 4).tolist() == expected


def test_a_step_by_hand(close):
    """Two layers, the later of which sees what the earlier one has become."""
    model, data = net(), batch()
    method = batchout(amount=0.25, points=("one", "three"), partners_per="step")
    draw = method.draw(data.targets, stream(3, "mix"))

    def moved(rows: Tensor) -> Tensor:
        towards = rows[draw.mix.partner]
        return torch.cat([0.75 * rows[:3] + 0.25 * towards[:3], rows[3:]])

    first, one, two, three, four = model.stages.values()
    logits = four(three(moved(two(one(moved(first(data.inputs)))))))
    terms = method.loss(model, data, draw)
    close(terms.total, nn.functional.cross_entropy(logits, data.targets), atol=1e-12)
    missed = 1 - data.targets[torch.arange(N), logits.argmax(1)]
    close(terms.means["error"], missed.mean(), atol=1e-12)


@pytest.mark.parametrize("settings", [{}, {"layers": "random"}, {"towards": "noise"}])
def test_an_amount_of_zero_is_erm_bit_for_bit(settings, gradients):
    model, data = net(), batch()
    plain = ERM()(model, data, stream(0, "mix"))
    for changed in ({"amount": 0.0}, {"portion": 0.0}, {"amount": [0.0, 0.0]}):
        terms = batchout(**settings, **changed)(model, data, stream(0, "mix"))
        assert torch.equal(terms.total, plain.total)
        assert torch.equal(gradients(terms.total, model), gradients(plain.total, model))


@pytest.mark.parametrize(("portion", "rows"), [(0.5, 3), (1.0, 6), (0.29, 2), (0.0, 0)])
@pytest.mark.parametrize("towards", ["rows", "noise"])
def test_the_first_rows_change_and_the_others_stay_to_the_bit(portion, rows, towards):
    """The released code's slice [1:k] leaves the first row out; here it is in."""
    model, data = net(), batch()
    method = batchout(amount=0.3, portion=portion, partner="mirrored", towards=towards)
    seen = flows(method, model, data, method.draw(data.targets, stream(0, "mix")))
    assert tuple(seen) == NAMES[1:]
    for before, after in seen.values():
        assert torch.equal(before[rows:], after[rows:])
        assert (before[:rows] != after[:rows]).any(1).all()


def test_what_flows_is_left_as_it_was():
    """The released code edits `x.data`, which the layer below still holds."""
    rows = batch().inputs
    kept = rows.clone()
    mix = Mix(torch.arange(N).flip(0), torch.tensor([0.5], dtype=torch.float64))
    towards_rows(rows, mix, 3)
    towards_noise(rows, mix, 3, stream(0, "mix"))
    assert torch.equal(rows, kept)


@pytest.mark.parametrize("amount", [0.3, 1.0, -0.4])
def test_the_gradient_passes_as_if_nothing_had_been_added(amount):
    rows = batch().inputs.requires_grad_()
    mix = Mix(torch.arange(N).roll(2), torch.tensor([1 - amount], dtype=torch.float64))
    weights = torch.randn(N, 4, generator=stream(1, "mix"), dtype=torch.float64)
    for moved in (towards_rows(rows, mix, 4), towards_noise(rows, mix, 4, stream(0, "mix"))):
        (gradient,) = torch.autograd.grad((weights * moved).sum(), rows)
        assert torch.equal(gradient, weights)


def test_an_amount_of_one_is_the_partner_and_less_lies_between(close):
    rows, partner = batch().inputs, torch.arange(N).roll(1)
    other = rows[partner]
    close(towards_rows(rows, Mix(partner, torch.zeros(1)), N), other, atol=1e-15)
    low, high = torch.minimum(rows, other), torch.maximum(rows, other)
    for own in (0.9, 0.5, 0.1):
        moved = towards_rows(rows, Mix(partner, torch.tensor([own], dtype=torch.float64)), N)
        assert ((moved >= low - 1e-15) & (moved <= high + 1e-15)).all()
        close(moved, own * rows + (1 - own) * other, atol=1e-15)
    away = towards_rows(rows, Mix(partner, torch.tensor([1.2], dtype=torch.float64)), N)
    close(away, rows - 0.2 * (other - rows), atol=1e-15)


def test_noise_has_the_rows_own_length(close):
    rows = torch.stack([batch().inputs, 5 * batch().inputs], 2)
    mix = Mix(torch.arange(N), torch.tensor([0.9], dtype=torch.float64))
    moved = towards_noise(rows, mix, N, stream(0, "mix")) - rows
    length = torch.linalg.vector_norm(moved.flatten(1), dim=1)
    close(length, 0.1 * torch.linalg.vector_norm(rows.flatten(1), dim=1), atol=1e-12)
    cosines = torch.nn.functional.cosine_similarity(moved.flatten(1)[:-1], moved.flatten(1)[1:])
    assert cosines.abs().max() < 0.95
    still = towards_noise(torch.zeros(N, 4), mix, N, stream(0, "mix"))
    assert torch.equal(still, torch.zeros(N, 4))


def test_partners_are_drawn_with_replacement_for_each_layer():
    model, data = net(), batch(16)
    method = batchout(amount=0.3, portion=1.0)
    draw = method.draw(data.targets, stream(5, "mix"))
    seen = flows(method, model, data, draw)
    partners = [partner_of(*seen[name], 0.3) for name in NAMES[1:]]
    assert torch.equal(partners[0], draw.mix.partner)
    assert all(not torch.equal(a, b) for a, b in pairwise(partners))
    assert any(partner.unique().numel() < 16 for partner in partners)


def test_partners_and_amounts_can_be_the_same_in_all_layers_of_a_step():
    model, data = net(), batch(16)
    method = batchout(portion=1.0, partners_per="step", amount=[0.2, 0.6])
    draw = method.draw(data.targets, stream(5, "mix"))
    amount = 1 - draw.mix.own.item()
    for before, after in flows(method, model, data, draw).values():
        assert torch.equal(partner_of(before, after, amount), draw.mix.partner)


@pytest.mark.parametrize("seed", range(5))
def test_a_partner_of_another_class_is_one(seed):
    """The released sampler compares an index with a label, and never draws again."""
    model, data = net(), batch(16)
    method = batchout(amount=0.3, portion=1.0, partner="other_class")
    labels = data.targets.argmax(1)
    seen = flows(method, model, data, method.draw(data.targets, stream(seed, "mix")))
    for before, after in seen.values():
        assert (labels[partner_of(before, after, 0.3)] != labels).all()


def test_mirrored_partners_meet_each_other():
    data = batch(7)
    method = batchout(partner="mirrored")
    draw = method.draw(data.targets, stream(0, "mix"))
    assert draw.mix.partner.tolist() == [6, 5, 4, 3, 2, 1, 0]
    assert torch.equal(draw.mix.partner[draw.mix.partner], torch.arange(7))


def test_the_other_kinds_of_partner_are_the_familys():
    data = batch()
    method = batchout(partner="same_class")
    draw = method.draw(data.targets, stream(0, "mix"))
    expected = draw_partner("same_class", data.targets, stream(0, "mix"))
    assert torch.equal(draw.mix.partner, expected)


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, NAMES[1:]),
        ({"points": "all"}, NAMES),
        ({"points": ("three", "two")}, ("three", "two")),
        ({"layers": "alternate"}, ("one", "three")),
        ({"layers": "middle"}, ("three",)),
        ({"layers": "middle", "points": ("one", "two", "four")}, ("two",)),
    ],
)
def test_where_features_are_perturbed(settings, names):
    method, data = batchout(**settings), batch()
    assert tuple(method.perturbed(net(), method.draw(data.targets, stream(0, "mix")))) == names


def test_a_random_layer_is_each_of_them_about_as_often():
    method, data, generator = batchout(layers="random"), batch(), stream(0, "mix")
    drawn = [method.perturbed(net(), method.draw(data.targets, generator)) for _ in range(400)]
    assert all(len(names) == 1 for names in drawn)
    seen = [sum(names == [name] for names in drawn) for name in NAMES[1:]]
    assert sum(seen) == 400
    assert min(seen) > 65  # four standard deviations below 100


def test_single_points_have_amounts_of_their_own():
    model, data = net(), batch(16)
    method = batchout(
        amount=0.25, amounts={"three": 0.5, "four": [0.9, 0.95]}, portion=1.0, partners_per="step"
    )
    seen = flows(method, model, data, method.draw(data.targets, stream(0, "mix")))
    partner = partner_of(*seen["one"], 0.25)
    assert torch.equal(partner_of(*seen["two"], 0.25), partner)
    assert torch.equal(partner_of(*seen["three"], 0.5), partner)
    before, after = seen["four"]
    other = before[partner] != before
    amount = ((after - before) / (before[partner] - before))[other]
    assert 0.9 <= amount.min() <= amount.max() <= 0.95


def test_amounts_become_laws_of_the_rows_own_share():
    assert batchout().share == UniformShare(0.9, 1.0)
    assert batchout(amount=0.25).share == FixedShare(0.75)
    assert batchout(amount=[-0.5, 0.25], per="row").share == UniformShare(0.75, 1.5, "row")
    chosen = batchout(amount=[0.25, -0.5, 0.0], chances=[0.6, 0.3, 0.1]).share
    assert chosen == ChoiceShare((0.75, 1.5, 1.0), (0.6, 0.3, 0.1))
    own = batchout(amounts={"fc1": [0.0, 0.25]}).shares
    assert own == {"fc1": UniformShare(0.75, 1.0)}


def test_a_tree_of_hidden_states_is_moved_leaf_by_leaf(close):
    """As a graph model's readout is; all leaves of a row move towards the same partner."""
    leaves = (batch().inputs, 2 * batch().inputs[:, :2])
    mix = Mix(torch.arange(N).roll(1), torch.tensor([0.7], dtype=torch.float64))
    method = Batchout()
    moved = method._perturb(leaves, mix, 4, stream(0, "mix"))
    expected = [torch.cat([0.7 * h[:4] + 0.3 * h[mix.partner][:4], h[4:]]) for h in leaves]
    for got, wanted in zip(moved, expected, strict=True):
        close(got, wanted, atol=1e-15)
    assert isinstance(moved, tuple)


def test_evaluation_has_no_part_in_it():
    model, data = net().eval(), batch()
    before = model(data.inputs)
    batchout()(model, data, stream(0, "mix"))
    assert torch.equal(model(data.inputs), before)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"portion": 1.5}, "portion is 1.5: expected a number in"),
        ({"portion": float("nan")}, "portion is nan"),
        ({"points": ()}, "points is empty: expected all_hidden"),
        ({"layers": "late"}, "layers is 'late': expected one of all, alternate"),
        ({"towards": "mean"}, "towards is 'mean'"),
        ({"partners_per": "row"}, "partners_per is 'row'"),
        ({"amount": [0.3, 0.1]}, r"amount is \[0.3, 0.1\]: expected a number or an interval"),
        ({"amount": [0.1, 0.2, 0.3]}, "values to choose among need chances"),
        ({"amounts": {"one": [0.1, 0.2, 0.3]}}, "amounts is"),
        ({"amount": float("inf")}, "expected a finite number"),
        ({"amount": [0.1, 0.2], "chances": [1.0]}, "expected 2 numbers >= 0"),
        ({"amount": [0.1, 0.2], "chances": [1.5, -0.5]}, "that sum to 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        batchout(**settings)


def test_points_that_the_model_lacks_are_refused_before_training():
    with pytest.raises(PointError, match="'fiv'"):
        batchout(points="fiv").check(net())
    with pytest.raises(PointError, match="'tow'.*did you mean 'two'"):
        batchout(amounts={"tow": 0.1}).check(net())
    with pytest.raises(PointError, match="'input', which is not among the points that are pert"):
        batchout(amounts={"input": 0.1}).check(net())
    batchout(amounts={"input": 0.1}, points="all").check(net())
    with pytest.raises(PointError, match="no hidden point"):
        batchout().check(nn.Linear(4, CLASSES))
