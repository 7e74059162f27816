"""Every registered objective keeps the contract of `mixup_multi.testing`, and what is ours alone.

The list is the entry points'.
"""

from __future__ import annotations

import inspect
from dataclasses import replace
from importlib.metadata import entry_points

import pytest
import torch
from codec_cases import Squash, data_of
from contracts import each_rule, hold
from torch import Tensor, nn

from mixup_multi import door
from mixup_multi.batch import Batch, as_targets
from mixup_multi.bounds import Bounds
from mixup_multi.engine.training import Training
from mixup_multi.errors import PointError, SettingError
from mixup_multi.latent.blend import Coded
from mixup_multi.mix import Cut
from mixup_multi.objectives import ERM, Changed, Cutout, MixupE, Objective, Switch, Vicinal
from mixup_multi.objectives.batchout import Batchout
from mixup_multi.points import Staged, offered_points
from mixup_multi.streams import stream
from mixup_multi.testing import Rule
from mixup_multi.testing.objective_case import ObjectiveCase, objective_case
from mixup_multi_adapters.images.augmix import AugMix

NAMES = sorted({point.name for point in entry_points(group="mixup_multi.objectives")})
SIZES = (1, 2, 7)
CLASSES = 3
every_objective = pytest.mark.parametrize("name", NAMES)
every_size = pytest.mark.parametrize("n", SIZES)


def build(name: str, **settings) -> Objective:
    """Return an objective the way a recipe does, fitted to a training part with mean zero."""
    maker = door.load(door.OBJECTIVES, name)
    if "codec" in inspect.signature(maker).parameters:
        settings = {"codec": {"name": "codec_cases:Squash"}, **settings}
    resolved = door.check_settings(maker, settings)
    return door.build_objective({"name": name, **resolved}).fit(Zero())


class Zero(Training):
    def __init__(self) -> None:
        super().__init__(data_of(torch.zeros(3, 2, 6, 5)))

    def mean(self) -> Tensor:
        return torch.zeros(())

    def bounds(self) -> Bounds:
        return Bounds(torch.ones(()), torch.tensor(-4.0), torch.tensor(4.0), 8.0)


def every_objective_with(setting: str):
    factories = {name: door.load(door.OBJECTIVES, name) for name in NAMES}
    takers = [n for n, made in factories.items() if setting in inspect.signature(made).parameters]
    return pytest.mark.parametrize("name", takers)


every_mixupe = pytest.mark.parametrize(
    "name", [name for name in NAMES if isinstance(build(name), MixupE)]
)


OTHERS = {
    "alpha": 0.3,
    "eta": 0.3,
    "form": "released_v1",
    "threshold": 0.3,
    "fused": True,
    "points": "hidden",
    "partner": "other_class",
    "per": "row",
    "loss": "sigmoid",
    "inner": {"name": "cutmix"},
    "codec": {"name": "codec_cases:Squash", "scale": 0.3},
    "cached": False,
    "gamma": 0.3,
    "kernel": "imq",
    "amount": -0.3,
    "chances": [0.2, 0.8],
    "amounts": {"hidden": 0.3},
    "portion": 1.0,
    "partners_per": "step",
    "layers": "middle",
    "towards": "noise",
    "p": 0.3,
    "bandwidth": 0.3,
    "sigma": 0.3,
    "point": "hidden",
    "smoothing": 0.3,
    "size": 3,
    "fill": 0.3,
    "first": {"name": "erm"},
    "second": {"name": "erm"},
    "prob": 0.3,
    "width": 2,
    "depth": 2,
    "severity": 0.3,
    "weight": 0.3,
    "clean": {"name": "manifold_mixup"},
    "attack": {"name": "random_fgsm"},
    "beta": 0.3,
    "eps": "1/7",
    "hidden": 0.3,
}
"""A value of each setting that is no objective's default, but for those below."""
EXCEPTIONS = {("cutout", "per"): "batch", ("regmixup", "form"): "released"}
BESIDE = {"bandwidth": {"partner": "near", "bandwidth": 0.6}}
"""What a setting only has a meaning beside, with another value of it."""


WITHOUT_MORE = {
    "iat": {"attack": {"name": "pgd", "eps": 0.0}},
    "varmixup_readout": {"gamma": 0.0},
    "regmixup": {"eta": 0.0},
}
"""What else has to be left out of a method for it to be ERM where it does not mix."""


def by_codec(method: Objective) -> bool:
    return isinstance(method, Vicinal) and isinstance(method.blend, Coded)


def needs_images(method: Objective) -> bool:
    if isinstance(method, Switch):
        return needs_images(method.first) or needs_images(method.second)
    if isinstance(method, Cutout | AugMix):
        return True
    if isinstance(method, Changed | MixupE):
        return needs_images(method.inner)
    return isinstance(method, Vicinal) and isinstance(method.blend, Cut)


def needs_hidden_points(method: Objective) -> bool:
    return isinstance(method, Batchout) and method.points == ("all_hidden",)


def conv(outputs: int = CLASSES) -> nn.Module:
    torch.manual_seed(0)
    stages = {
        "input": nn.Conv2d(2, 4, 3, padding=1),
        "hidden": nn.Sequential(nn.ReLU(), nn.Conv2d(4, 4, 3)),
        "head": nn.Sequential(nn.Tanh(), nn.Flatten(), nn.LazyLinear(outputs)),
    }
    net = Staged(stages, points=("input", "hidden"))
    net(torch.zeros(1, 2, 6, 5))
    return net


def mlp(outputs: int = CLASSES) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, outputs))


def images(n: int) -> Batch:
    return Batch(torch.randn(n, 2, 6, 5, generator=seeded(n)), targets(n))


def rows(n: int) -> Batch:
    return Batch(torch.randn(n, 4, generator=seeded(n)), targets(n))


def targets(n: int) -> Tensor:
    return as_targets(torch.arange(n) % CLASSES, CLASSES)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gradients(total: Tensor, net: nn.Module) -> list[Tensor]:
    parameters = list(net.parameters())
    return list(torch.autograd.grad(total, parameters, retain_graph=True, materialize_grads=True))


def several_steps(method: Objective, net: nn.Module, data: Batch) -> None:
    """Take steps enough for both methods of a switch to have had their turn."""
    for seed in range(9):
        method(net, data, stream(seed, "mix"))


def case_of(name: str) -> ObjectiveCase:
    takes_codec = "codec" in inspect.signature(door.load(door.OBJECTIVES, name)).parameters
    settings = {"codec": {"name": "codec_cases:Squash"}} if takes_codec else {}
    return objective_case(name, settings, plain=WITHOUT_MORE.get(name, {}))


@each_rule("objective", map(case_of, NAMES))
def test_an_objective_keeps_its_contract(case: ObjectiveCase, rule: Rule) -> None:
    hold(case, rule)


@every_objective
def test_what_needs_images_or_hidden_points_says_so(name):
    """And nothing else is refused: the others train on images and on rows."""
    method = build(name)
    for net, data in ((conv(), images(7)), (mlp(), rows(7))):
        if needs_images(method) and data.inputs.dim() != 4:
            with pytest.raises(PointError, match="expected a tensor"):
                several_steps(method, net, data)
        elif needs_hidden_points(method) and offered_points(net) == ("input",):
            for refused in (lambda: method.check(net), lambda: method(net, data, stream(0, "mix"))):  # noqa: B023
                with pytest.raises(PointError, match="no hidden point.*points: input"):
                    refused()
            assert build(name, points="input")(net, data, stream(0, "mix")).total.isfinite()
        else:
            several_steps(method, net, data)


def test_the_papers_methods_are_registered():
    assert {"erm", "mixup", "manifold_mixup", "cutmix", "mixupe", "mixupe_exact"} <= set(NAMES)
    assert {"mixupe_released", "varmixup", "adv_varmixup", "mixup_r"} <= set(NAMES)
    assert {"gaussian", "label_smoothing", "cutout", "augmix", "switch", "c_mixup"} <= set(NAMES)
    assert {"adversarial", "iat", "trades", "layerwise"} <= set(NAMES)


@every_mixupe
@every_size
def test_a_rescaled_total_has_the_value_of_the_mixed_loss(name, n):
    method = build(name)
    terms = method(conv(), images(n), stream(0, "mix"))
    torch.testing.assert_close(terms.total.detach(), terms.means["mixed_loss"])
    assert {"regulariser", "etahat"} <= terms.means.keys()
    assert terms.counts["etahat_clamped"] == 0


@every_objective_with("codec")
def test_without_mixing_it_is_erm_on_reconstructions_bit_for_bit(name):
    """Of the others it is ERM on the examples: the kit's rule."""
    method, net, data = build(name, alpha=0.0, **WITHOUT_MORE.get(name, {})), conv(), images(7)
    seen = replace(data, inputs=Squash().reconstruct(data.inputs)) if by_codec(method) else data
    plain = ERM()(net, seen, stream(0, "mix"))
    for seed in range(3):
        terms = method(net, data, stream(seed, "mix"))
        assert torch.equal(terms.total, plain.total)
        assert torch.equal(terms.means["error"], plain.means["error"])
        pairs = zip(gradients(terms.total, net), gradients(plain.total, net), strict=True)
        assert all(torch.equal(*pair) for pair in pairs)


@every_objective_with("partner")
@pytest.mark.parametrize("per", ["batch", "row"])
@pytest.mark.parametrize("partner", ["any", "other_class", "same_class", "balanced"])
def test_every_partner_and_both_kinds_of_share_train(name, per, partner):
    method, net = build(name, per=per, partner=partner), conv()
    for n in SIZES:
        draw = method.draw(targets(n), stream(0, "mix"))
        assert len(draw.mix.own) == (n if per == "row" else 1)
        assert method.loss(net, images(n), draw).total.isfinite()


@every_objective_with("points")
def test_a_point_that_the_model_lacks_is_refused_before_training(name):
    with pytest.raises(PointError, match=r"'hiden'.*did you mean 'hidden'"):
        build(name, points="hiden").check(conv())
    build(name, points=["hidden", "input"]).check(conv())


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        (name, setting)
        for name in NAMES
        for setting in inspect.signature(door.load(door.OBJECTIVES, name)).parameters
    ],
)
def test_every_setting_reaches_the_method(name, setting):
    taken = inspect.signature(door.load(door.OBJECTIVES, name)).parameters
    beside = {key: value for key, value in BESIDE.get(setting, {}).items() if key in taken}
    changed = {**beside, setting: EXCEPTIONS.get((name, setting), OTHERS[setting])}
    assert build(name, **beside) == build(name, **beside)
    assert build(name, **changed) != build(name, **beside)


@every_objective_with("p")
@every_size
def test_never_mixing_is_erm_bit_for_bit(name, n):
    method, net, data = build(name, p=0.0), conv(), images(n)
    plain, terms = (one(net, data, stream(0, "mix")) for one in (ERM(), method))
    assert torch.equal(terms.total, plain.total)


@every_objective_with("loss")
def test_numbers_are_predicted_or_refused_before_training(name):
    """The squared loss trains; methods of classes and probabilities say that they do not."""
    if name in {"label_smoothing", "augmix"}:
        with pytest.raises(SettingError, match="targets that are numbers"):
            build(name, loss="squared")
        return
    method, net = build(name, loss="squared"), conv(2)
    for n in SIZES:
        data = Batch(images(n).inputs, torch.randn(n, 2, generator=seeded(n)))
        terms = method(net, data, stream(0, "mix"))
        assert terms.total.isfinite()
        assert any(g.abs().max() > 0 for g in gradients(terms.total, net))
