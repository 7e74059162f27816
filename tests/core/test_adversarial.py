"""Adversarial training as composition: without an attack each member is what it is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from attack_cases import SIGMOID, SOFTMAX, Branches, anywhere, conv, images, pixels, rows, targets
from torch import Tensor, nn
from torch.nn import functional
from torch.testing import assert_close

from mixup_multi import door
from mixup_multi.attacks.presets import fgsm, pgd
from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.errors import PointError, SettingError
from mixup_multi.mix import BetaShare
from mixup_multi.objectives import ERM, Adversarial, LayerWise, MixupE, Objective, Trades, Vicinal
from mixup_multi.objectives.family import kin_of
from mixup_multi.objectives.presets.adversarial import adversarial, iat, trades
from mixup_multi.objectives.presets.mixing import manifold_mixup, mixup, mixupe, mixupe_exact
from mixup_multi.streams import stream

OFF = pgd(eps=0.0)
INNERS: dict[str, Objective] = {
    "erm": ERM(),
    "mixup": mixup(),
    "manifold": manifold_mixup(),
    "cutmix within mixupe": mixupe(),
    "exact mixupe": mixupe_exact(),
}


class Unbounded:
    def bounds(self) -> None: ...

    def mean(self) -> None: ...


class Part:
    def mean(self) -> Tensor:
        return torch.zeros(2, 6, 5)

    def bounds(self) -> Bounds:
        return pixels()


def total(method: Objective, net: nn.Module, batch: Batch | None = None, seed: int = 0) -> Tensor:
    return method(net, images(7) if batch is None else batch, stream(seed, "mix")).total


def same_step(one: Objective, other: Objective, gradients: Callable[..., Tensor]) -> None:
    """Assert equal losses, gradients and statistics, bit for bit, over three steps."""
    nets = conv().train(), conv().train()
    generators = stream(0, "mix"), stream(0, "mix")
    for _ in range(3):
        pairs = zip((one, other), nets, generators, strict=True)
        totals = [method(net, images(7), g).total for method, net, g in pairs]
        assert torch.equal(*totals)
        assert torch.equal(*map(gradients, totals, nets))
    for name, value in nets[0].state_dict().items():
        assert torch.equal(nets[1].state_dict()[name], value), name


@pytest.mark.parametrize("inner", INNERS.values(), ids=INNERS)
def test_at_without_an_attack_is_its_inner_bit_for_bit(inner: Objective, gradients) -> None:
    inner = inner.fit(Part())
    same_step(Adversarial(OFF, inner), inner, gradients)
    same_step(adversarial(attack=OFF, inner=inner).fit(Part()), inner, gradients)


def test_trades_without_beta_is_erm_bit_for_bit(gradients) -> None:
    same_step(trades(beta=0.0).fit(Part()), ERM(), gradients)
    means = trades(beta=0.0)(conv(), images(7), stream(0, "mix")).means
    assert means.keys() == {"error"}


def test_iat_without_attack_and_mixing_is_erm_but_for_the_second_pass(gradients) -> None:
    net, other = conv().train(), conv().train()
    terms = iat(alpha=0.0, attack=OFF)(net, images(7), stream(0, "mix"))
    plain = ERM()(other, images(7), stream(0, "mix"))
    assert torch.equal(terms.total, plain.total)
    assert torch.equal(terms.means["error"], plain.means["error"])
    assert torch.equal(gradients(terms.total, net), gradients(plain.total, other))
    counts = [int(m.stages["input"][1].num_batches_tracked) for m in (net, other)]
    assert counts == [2, 1]


@pytest.mark.parametrize("weight", [0.5, 0.25])
def test_iat_without_an_attack_is_the_mean_of_two_draws_of_its_parts(weight: float) -> None:
    net = conv()
    generator = stream(0, "mix")
    first, second = (mixup()(net, images(7), generator).total for _ in range(2))
    both = weight * first + (1 - weight) * second
    assert torch.equal(total(iat(attack=OFF, weight=weight), net), both)
    assert first != second
    # The "mixup + ERM" is that of inner: erm.
    plain = ERM()(net, images(7), stream(0, "mix")).total
    mixed = mixup()(net, images(7), stream(0, "mix")).total
    half = iat(attack=OFF, inner=ERM(), clean=mixup())
    assert torch.equal(total(half, net), 0.5 * plain + 0.5 * mixed)


def test_at_is_the_loss_of_what_the_attack_makes() -> None:
    net, batch = conv(), images(7)
    for attack in (pgd(), pgd(point="hidden")):
        method = adversarial(attack=attack).fit(Part())
        draw = method.draw(batch.targets, stream(0, "mix"))
        under = attack.perturb(net, batch, pixels(), draw.seed, SOFTMAX)
        expected = SOFTMAX.value(under[0](under[1].inputs), batch.targets).mean()
        terms = method.loss(net, batch, draw)
        assert torch.equal(terms.total, expected)
        assert torch.equal(terms.means["adversarial_loss"], expected)
        assert terms.total > total(ERM(), net)


def test_parts_are_logged_apart() -> None:
    terms = iat(inner=mixupe(), clean=mixup(), weight=0.25).fit(Part())(
        conv(), images(7), stream(0, "mix")
    )
    means = terms.means
    assert terms.counts.keys() == {"adversarial_etahat_clamped"}
    assert {"adversarial_regulariser", "adversarial_mixed_loss", "clean_loss"} <= means.keys()
    for name in ("error", "loss"):
        parts = 0.25 * means[f"adversarial_{name}"] + 0.75 * means[f"clean_{name}"]
        whole = means["error"] if name == "error" else terms.total
        assert_close(parts, whole)
    plain = adversarial().fit(Part())(conv(), images(7), stream(0, "mix")).means
    assert plain.keys() == {"error", "adversarial_loss", "adversarial_error"}


def test_halves_draw_independently_and_rows_keep_their_labels_under_attack() -> None:
    method = iat(inner=mixup(per="row"))
    draw = method.draw(targets(50), stream(0, "mix"))
    assert len(draw.inner) == 2
    assert not torch.equal(draw.inner[0].mix.partner, draw.inner[1].mix.partner)
    assert not torch.equal(draw.inner[0].mix.own, draw.inner[1].mix.own)
    seen = []

    class Spy(ERM):
        def loss(self, model, batch, draw):
            seen.append(batch)
            return super().loss(model, batch, draw)

    Adversarial(pgd(), Spy(), Spy(), bounds=pixels())(conv(), images(7), stream(0, "mix"))
    assert torch.equal(seen[1].inputs, images(7).inputs)
    assert not torch.equal(seen[0].inputs, images(7).inputs)
    assert torch.equal(seen[0].targets, images(7).targets)


def test_mixupe_under_attack_is_mixupe_of_attacked_rows(gradients) -> None:
    net, other, batch = conv().train(), conv().train(), images(7)
    method = adversarial(inner=mixupe(), attack=fgsm(eps=0.1)).fit(Part())
    _, under = fgsm(eps=0.1).perturb(other, batch, pixels(), 0, SOFTMAX)
    ours = total(method, net)
    theirs = mixupe()(other, under, stream(0, "mix")).total
    assert torch.equal(ours, theirs)
    assert torch.equal(gradients(ours, net), gradients(theirs, other))


def test_trades_by_hand(gradients) -> None:
    net, batch = conv().train(), images(7)
    method = trades(beta=3.0, attack=pgd(start="normal", eps=0.1, step=0.03, steps=4)).fit(Part())
    draw = method.draw(batch.targets, stream(0, "mix"))
    terms = method.loss(net, batch, draw)
    twin = conv().train()
    bounds, x = pixels().to(batch.inputs), batch.inputs
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(draw.seed))
    twin.eval()
    p = twin(x).softmax(1).detach()
    there = x + 1e-3 * bounds.unit * noise
    there = torch.clamp(there, bounds.low, bounds.high)
    for _ in range(4):
        there.requires_grad_()
        kl = functional.kl_div(twin(there).log_softmax(1), p, reduction="sum")
        (gradient,) = torch.autograd.grad(kl, there)
        there = there.detach() + 0.03 * bounds.unit * gradient.sign()
        there = torch.clamp(there, x - 0.1 * bounds.unit, x + 0.1 * bounds.unit)
        there = torch.clamp(there, bounds.low, bounds.high)
    twin.train()
    logits, moved = twin(x), twin(there)
    kl = functional.kl_div(moved.log_softmax(1), logits.softmax(1), reduction="batchmean")
    loss = functional.cross_entropy(logits, batch.targets) + 3 * kl
    assert_close(terms.total, loss)
    assert_close(terms.means["divergence"], kl.detach())
    assert_close(gradients(terms.total, net), gradients(loss, twin))  # the clean branch too
    assert kl > 1e-3


def test_trades_trains_through_hidden_points() -> None:
    method = trades(attack=pgd(point="both", start="normal"))
    method.check(Branches())
    net = Branches()
    terms = method(net, rows(5), stream(0, "mix"))
    terms.total.backward()
    assert terms.means["divergence"] > 0
    assert all(weight.grad is not None for weight in net.parameters())


def test_divergences_are_those_of_the_distributions(close) -> None:
    first, second = torch.randn(2, 6, 4, dtype=torch.float64)
    p, q = first.softmax(1), second.softmax(1)
    close(SOFTMAX.divergence(first, second), (p * (p / q).log()).sum(1))
    p, q = first.sigmoid(), second.sigmoid()
    both = p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()
    close(SIGMOID.divergence(first, second), both.sum(1))
    two = torch.cat([first[:, :1], torch.zeros_like(first[:, :1])], 1)
    other = torch.cat([second[:, :1], torch.zeros_like(first[:, :1])], 1)
    close(SOFTMAX.divergence(two, other), SIGMOID.divergence(first[:, :1], second[:, :1]))
    for loss in (SOFTMAX, SIGMOID):
        assert torch.equal(loss.divergence(first, first), torch.zeros_like(first[:, 0]))
        extreme = loss.divergence(1e4 * first, -1e4 * first)
        assert extreme.isfinite().all()
        assert loss.divergence(first.bfloat16(), second.bfloat16()).dtype == torch.float32


def test_an_attack_raises_the_loss_that_the_method_names() -> None:
    batch = Batch(images(7).inputs, torch.ones(7, 3, dtype=torch.float64))
    net = conv()
    method = adversarial(loss="sigmoid", attack=fgsm()).fit(Part())
    assert method.inner == ERM(SIGMOID)
    _, under = fgsm().perturb(net, batch, pixels(), 0, SIGMOID)
    assert torch.equal(total(method, net, batch), total(ERM(SIGMOID), net, under))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: trades(beta=-1.0), "beta is -1.0: expected a number >= 0"),
        (lambda: trades(beta=float("nan")), "beta is nan"),
        (lambda: trades(attack=pgd(targeted=True)), "labels have no effect"),
        (lambda: trades(attack=pgd(labels="predicted")), "labels have no effect"),
        (lambda: trades(attack=fgsm()), "0 and flat at the row itself"),
        (lambda: adversarial(weight=1.5), r"weight is 1.5: expected a share in \[0, 1\]"),
        (lambda: iat(alpha=0.3, inner=ERM()), "alpha has no effect beside inner"),
        (lambda: Adversarial(pgd(), clean=LayerWise()), "expected it as inner"),
    ],
)
def test_what_cannot_be_is_refused(make: Callable[[], Objective], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        make()


def test_attack_and_parts_are_checked_against_the_model_and_the_data() -> None:
    class Unsaid(Part):
        def bounds(self) -> None:
            return None

    for make in (adversarial, iat, trades):
        make().fit(Part()).check(conv())
        with pytest.raises(SettingError, match="eps is 8: .* write 8/255"):
            make(attack=pgd(eps=8)).fit(Part()).check(conv())
        with pytest.raises(PointError, match="needs the adapter to say"):
            make().fit(Unsaid()).check(conv())
        make(attack=pgd(point="hidden")).fit(Unsaid()).check(conv())
    with pytest.raises(PointError, match="'hiden'"):
        iat(inner=mixup(points="hiden")).fit(Part()).check(conv())
    with pytest.raises(PointError, match="'hiden'"):
        iat(clean=mixup(points="hiden")).fit(Part()).check(conv())


def test_parts_are_fitted() -> None:
    method = iat(inner=mixupe_exact(), clean=mixupe_exact()).fit(Part())
    assert torch.equal(method.inner.mean, torch.zeros(2, 6, 5))
    assert torch.equal(method.clean.mean, torch.zeros(2, 6, 5))
    assert method == iat(inner=mixupe_exact(), clean=mixupe_exact())


def test_what_a_part_cannot_do_the_whole_cannot() -> None:
    assert "second derivative" in iat(inner=mixupe_exact()).eager
    assert "second derivative" in iat(clean=mixupe_exact()).eager
    assert iat().eager == ""
    assert adversarial(inner=LayerWise()).remembers
    assert not iat().remembers


def test_recipes_name_attacks_and_inners() -> None:
    entry = {
        "name": "adversarial",
        "attack": {"name": "random_fgsm", "eps": "16/255"},
        "inner": {"name": "mixupe", "inner": {"name": "cutmix"}},
    }
    settings = {key: value for key, value in entry.items() if key != "name"}
    resolved = door.check_settings(door.load_objective("adversarial"), settings)
    method = door.build_objective({"name": "adversarial", **resolved})
    assert method.attack.eps == 16 / 255
    assert method.attack.mode == "train"
    assert isinstance(method.inner, MixupE)
    with pytest.raises(SettingError, match=r"'epss'; did you mean 'eps'"):
        door.check_settings(
            door.load_objective("adversarial"), {"attack": {"name": "pgd", "epss": 1}}
        )


def test_defaults_are_those_of_the_papers() -> None:
    assert adversarial().attack == pgd(eps=8 / 255, step=2 / 255, steps=10, start="uniform")
    assert iat().attack == replace(adversarial().attack, steps=7)
    assert iat().inner == iat().clean == Vicinal(BetaShare(1.0), loss_fn=SOFTMAX)
    assert iat().weight == 0.5
    attack = pgd(eps=0.031, step=0.007, steps=10, start="normal")
    assert trades() == Trades(attack, 6.0, SOFTMAX)


def test_they_are_no_kin_of_those_that_train_together() -> None:
    for method in (adversarial(), iat(), trades(), LayerWise(), adversarial(attack=OFF)):
        assert kin_of(method, conv()) is None


def test_without_units_of_its_own_the_ball_is_in_those_of_the_inputs() -> None:
    _, under = fgsm(eps=0.25).perturb(conv(), images(3), anywhere(), 0, SOFTMAX)
    away = (under.inputs - images(3).inputs).abs()
    assert_close(away, torch.full_like(away, 0.25))


@pytest.mark.parametrize("method", [Adversarial(OFF), Trades(pgd(start="normal")), LayerWise()])
def test_bounds_that_are_given_stay_where_the_data_have_none(method: Objective) -> None:
    given = replace(method, bounds=pixels())  # type: ignore[type-var]
    assert given.fit(Unbounded()).bounds is given.bounds
    assert given.fit(Part()).bounds is not given.bounds
