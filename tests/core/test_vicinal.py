"""The vicinal family: where it mixes, what it draws and which labels it asks for."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mixup_multi.batch import Batch, as_targets
from mixup_multi.errors import PointError, SettingError
from mixup_multi.mix import BetaShare, Cut, Mix, Sometimes
from mixup_multi.objectives import Draw
from mixup_multi.objectives.presets.baselines import c_mixup
from mixup_multi.objectives.presets.mixing import cutmix, manifold_mixup, mixup
from mixup_multi.points import Staged
from mixup_multi.streams import stream

N, CLASSES = 5, 3


def batch(*shape: int) -> Batch:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(N, *shape, generator=generator, dtype=torch.float64)
    labels = torch.randint(CLASSES, (N,), generator=generator)
    return Batch(inputs, as_targets(labels, CLASSES, torch.float64))


def mlp(activation: type[nn.Module] = nn.Tanh) -> Staged:
    torch.manual_seed(0)
    stages = {
        "input": nn.Linear(4, 8),
        "middle": nn.Sequential(activation(), nn.Linear(8, 6)),
        "head": nn.Sequential(activation(), nn.Linear(6, CLASSES)),
    }
    return Staged(stages).double()


def test_a_step_by_hand_at_the_input_and_at_a_hidden_point():
    net, data = mlp(), batch(4)
    mix = Mix(torch.tensor([2, 0, 1, 4, 3]), torch.tensor([0.7], dtype=torch.float64))

    def mixed(rows):
        return 0.7 * rows + 0.3 * rows[mix.partner]

    first, middle, head = net.stages.values()
    for point, logits in {
        "input": net(mixed(data.inputs)),
        "middle": head(middle(mixed(first(data.inputs)))),
        "head": head(mixed(middle(first(data.inputs)))),
    }.items():
        terms = mixup(points=point).loss(net, data, Draw(mix))
        expected = nn.functional.cross_entropy(logits, mixed(data.targets))
        torch.testing.assert_close(terms.total, expected, rtol=0, atol=1e-12)
        missed = 1 - mixed(data.targets)[torch.arange(N), logits.argmax(1)]
        torch.testing.assert_close(terms.means["error"], missed.mean(), rtol=0, atol=1e-12)


def test_manifold_mixup_at_the_input_is_mixup_given_the_same_draw():
    net, data = mlp(), batch(4)
    manifold = manifold_mixup(alpha=1.0, points="input")
    terms = [method(net, data, stream(3, "mix")) for method in (manifold, mixup(alpha=1.0))]
    assert torch.equal(terms[0].total, terms[1].total)
    assert not torch.equal(terms[0].total, mixup(points="head")(net, data, stream(3, "mix")).total)


def test_a_linear_net_does_not_care_where_it_is_mixed():
    net, data = mlp(nn.Identity), batch(4)
    totals = [
        mixup(points=point)(net, data, stream(3, "mix")).total
        for point in ("input", "middle", "head")
    ]
    torch.testing.assert_close(totals[1:], totals[:1] * 2, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("points", "names"),
    [
        ("all", ("input", "middle", "head")),
        ("first", ("input",)),
        (("head", "middle"), ("head", "middle")),
    ],
)
def test_the_point_is_drawn_uniformly_among_those_asked_for(points, names):
    net, generator = mlp(), stream(0, "mix")
    method, targets, times = manifold_mixup(points=points), torch.ones(1, 2), 3000
    drawn = [method.point(net, method.draw(targets, generator)) for _ in range(times)]
    assert set(drawn) == set(names)
    share = 1 / len(names)
    for name in names:
        tolerance = 5 * (share * (1 - share) / times) ** 0.5
        assert drawn.count(name) / times == pytest.approx(share, abs=tolerance)


def test_the_last_possible_draw_is_the_last_point():
    draw = Draw(Mix.identity(2), where=1 - 2**-53)
    assert manifold_mixup().point(mlp(), draw) == "head"


def test_first_is_the_point_that_the_model_prefers():
    net = Staged(dict(mlp().stages.items()), points=("head", "input")).double()
    assert mixup().point(net, Draw(Mix.identity(2))) == "head"


def test_points_that_the_model_lacks_are_refused_before_and_during_training():
    net, method = mlp(), mixup(points="midle")
    with pytest.raises(PointError, match=r"'midle'.*did you mean 'middle'"):
        method.check(net)
    with pytest.raises(PointError, match=r"'midle'.*did you mean 'middle'"):
        method(net, batch(4), stream(0, "mix"))
    mixup(points="middle").check(net)


def test_no_points_at_all_are_refused():
    with pytest.raises(SettingError, match="points is empty"):
        mixup(points=())


def test_a_model_that_offers_no_point_cannot_be_mixed():
    net = Staged(dict(mlp().stages.items()), points=())
    for points in ("first", "all"):
        with pytest.raises(PointError, match="offers no point"):
            mixup(points=points).check(net)


def test_cutmix_labels_get_the_share_of_pixels_that_was_kept():
    """Not the drawn share: with a box in the corner the two differ."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(2 * 4 * 8, CLASSES)).double()
    data = batch(2, 4, 8)
    mix = Mix(torch.tensor([1, 2, 3, 4, 0]), torch.tensor([0.75], dtype=torch.float64))
    terms = cutmix().loss(net, data, Draw(mix, blend=torch.zeros(1, 2)))
    images = data.inputs.clone()
    images[:, :, 0, :2] = data.inputs[mix.partner][:, :, 0, :2]
    targets = (30 * data.targets + 2 * data.targets[mix.partner]) / 32
    expected = nn.functional.cross_entropy(net(images), targets)
    torch.testing.assert_close(terms.total, expected, rtol=0, atol=1e-12)


def test_shares_per_row_mix_labels_and_inputs_alike():
    net, data = mlp(), batch(4)
    own = torch.tensor([1, 0.5, 0, 0.25, 0.75], dtype=torch.float64)
    mix = Mix(torch.tensor([4, 3, 2, 1, 0]), own)
    x, y = (
        own[:, None] * t + (1 - own[:, None]) * t[mix.partner] for t in (data.inputs, data.targets)
    )
    expected = nn.functional.cross_entropy(net(x), y)
    total = mixup(per="row").loss(net, data, Draw(mix)).total
    torch.testing.assert_close(total, expected, rtol=0, atol=1e-12)


def test_a_draw_is_replayable_and_one_a_batch_or_one_a_row():
    targets = torch.eye(3)[[0, 1, 2, 0]]
    for method, shares, centres in (
        (mixup(), 1, None),
        (mixup(per="row"), 4, None),
        (cutmix(), 1, 1),
        (cutmix(per="row"), 4, 4),
    ):
        draw, again = (method.draw(targets, stream(2, "mix")) for _ in range(2))
        assert draw.mix.own.shape == (shares,)
        assert torch.equal(draw.mix.own, again.mix.own)
        assert torch.equal(draw.mix.partner, again.mix.partner)
        assert draw.where == again.where
        if centres is None:
            assert draw.blend is None
        else:
            assert draw.blend.shape == (centres, 2)
            assert torch.equal(draw.blend, again.blend)


def test_gradient_reaches_the_row_and_its_partner():
    net, data = mlp(), batch(4)
    x = data.inputs.clone().requires_grad_()
    mix = Mix(torch.tensor([1, 1, 2, 3, 4]), torch.tensor([0.75], dtype=torch.float64))
    mixed = 0.75 * data.inputs[0] + 0.25 * data.inputs[1]
    mixed.requires_grad_()
    one = Batch(x, data.targets)
    mixup().loss(net, one, Draw(mix)).total.backward()
    target = 0.75 * data.targets[0] + 0.25 * data.targets[1]
    nn.functional.cross_entropy(net(mixed[None]), target[None]).backward()
    torch.testing.assert_close(x.grad[0], 0.75 * mixed.grad / N, rtol=0, atol=1e-12)
    plain = data.inputs[1].clone().requires_grad_()
    nn.functional.cross_entropy(net(plain[None]), data.targets[1:2]).backward()
    both = (plain.grad + 0.25 * mixed.grad) / N
    torch.testing.assert_close(x.grad[1], both, rtol=0, atol=1e-12)


def test_cut_is_a_field_like_any_other():
    assert isinstance(cutmix().blend, Cut)
    assert cutmix(alpha=0.3, per="row").share == BetaShare(0.3, "row")


def test_the_probability_of_mixing_follows_the_share():
    assert mixup(p=0.4).share == Sometimes(BetaShare(1.0), 0.4)
    assert cutmix(p=0.4, per="row").share == Sometimes(BetaShare(1.0, "row"), 0.4)
    assert manifold_mixup(p=0.4).share == Sometimes(BetaShare(2.0), 0.4)
    assert mixup(p=1.0) == mixup()  # which draws the very numbers that it always did


def test_a_bandwidth_belongs_to_near_partners_and_classes_to_no_numbers():
    near = mixup(partner="near", bandwidth=0.5, loss="squared")
    assert c_mixup(bandwidth=0.5, alpha=1.0, loss="squared") == near
    for bandwidth in (None, 0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(SettingError, match="for partner near: expected a number > 0"):
            mixup(partner="near", bandwidth=bandwidth)
    with pytest.raises(SettingError, match="no effect beside partner any"):
        mixup(bandwidth=0.5)
    for partner in ("other_class", "same_class", "balanced"):
        with pytest.raises(SettingError, match=f"partner is {partner} for targets that are num"):
            mixup(partner=partner, loss="squared")


def test_near_partners_reach_the_draw():
    targets = torch.tensor([[0.0], [0.0], [9.0], [9.0]])
    method = c_mixup(bandwidth=0.1, loss="squared")
    for seed in range(20):
        partner = method.draw(targets, stream(seed, "mix")).mix.partner
        assert torch.equal(targets[partner], targets)
