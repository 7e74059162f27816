"""Errors over the size of an attack, against `Error`; the checks, on models made to fail them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from trained import CASES, labels, net, rows, toy, trained

from mixup_multi import door
from mixup_multi.attacks import Attack
from mixup_multi.attacks.presets import fgsm, pgd
from mixup_multi.bounds import Bounds
from mixup_multi.errors import PointError, SettingError
from mixup_multi.evaluations import Error, Robustness, Subject
from mixup_multi.predict import Plain

PGD = pgd(eps=0.4, step=0.1, point="hidden1")
SIZES = (1, "1/2", 0.0, 2)
CHECKS = ("weaker_than_fgsm", "survives_everything", "falls_with_eps")
PIXELS = Bounds(
    unit=torch.tensor(2.0),
    low=torch.tensor(-1.0),
    high=torch.tensor(1.0),
    largest=1.0,
    words="pixels in [0, 1]",
)


@pytest.fixture(scope="module")
def subject() -> Subject:
    return trained("tabular")


class Of(nn.Module):
    """Two logits, f and -f, of a function of the one column."""

    def __init__(self, f: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.f = f

    def forward(self, x: Tensor) -> Tensor:
        f = self.f(x[:, 0])
        return torch.stack([f, -f], 1)


def column(f: Callable[[Tensor], Tensor], bounds: Bounds | None = None) -> Subject:
    """Return a model of one column whose rows lie near 0 and are of class 0."""
    x = 0.05 * rows(30, 1).float()
    more = {} if bounds is None else {"bounds": bounds}
    return toy(Of(f), x, torch.zeros(30, dtype=torch.long), 2, **more)


def test_each_size_is_an_error_under_an_attack_of_that_size(subject: Subject) -> None:
    measured = Robustness(attack=PGD, sizes=SIZES, checks=False).measure(subject)
    curve = measured.curves["error"]
    assert curve.x == (0, 0.5, 1, 2)
    for size, found in zip(curve.x, curve.y, strict=True):
        attack = replace(PGD, eps=size, step=size / 4)
        assert found == Error(attack=attack).measure(subject).values["error"]
    assert curve.y[0] == Error().measure(subject).values["error"]
    assert curve.y[0] < curve.y[-1]
    assert curve.x_label == "eps (root mean squares of the hidden states)"
    assert measured.values == {
        "error": curve.y[-1],
        "rows": 30,
        "error at 0": curve.y[0],
        "error at 1/2": curve.y[1],
        "error at 1": curve.y[2],
        "error at 2": curve.y[3],
    }
    assert next(iter(measured.values)) == "error"


@pytest.mark.parametrize(("ratio", "step"), [("own", 0.25), (0.01, 0.01), ("fixed", None)])
def test_steps_scale_with_the_size_or_stay(
    subject: Subject, ratio: object, step: float | None
) -> None:
    asked = Robustness(attack=PGD, sizes=("1/2", 2), step_ratio=ratio, checks=False)  # type: ignore[arg-type]
    found = asked.measure(subject).curves["error"].y
    for size, error in zip((0.5, 2.0), found, strict=True):
        attack = replace(PGD, eps=size, step=0.1 if step is None else step * size)
        assert error == Error(attack=attack).measure(subject).values["error"]


def test_rows_seeds_and_predictors_are_passed_on(subject: Subject) -> None:
    settings = {"rows": 11, "seed": 3, "batch_size": 4, "predictor": None}
    plain = Robustness(attack=PGD, sizes=(1,), checks=False, **settings).measure(subject)  # type: ignore[arg-type]
    expected = Error(attack=replace(PGD, eps=1, step=0.25), **settings).measure(subject)  # type: ignore[arg-type]
    assert plain.values["error"] == expected.values["error"]
    assert plain.values["rows"] == 11


class Coarse(Plain):
    """Sees rounded inputs, through which no gradient goes."""

    def logits(self, model: nn.Module, inputs: Tensor, *_: object, **__: object) -> Tensor:  # type: ignore[override]
        return model(inputs.round())  # type: ignore[no-any-return]


def test_an_adaptive_attack_is_stopped_where_the_predictor_has_no_gradient(
    subject: Subject,
) -> None:
    free = replace(subject.data.train, bounds=Bounds(torch.ones(())))  # type: ignore[type-var]
    given = replace(subject, data=replace(subject.data, train=free))

    def error(predictor: Plain, adaptive: bool) -> float:
        attack = pgd(eps=0.4, step=0.1, start="none")
        settings = {"predictor": predictor, "adaptive": adaptive, "checks": False}
        asked = Robustness(attack=attack, sizes=(0, 1.0), **settings)  # type: ignore[arg-type]
        return asked.measure(given).values["error"]

    assert error(Plain(), False) == error(Plain(), True)
    assert error(Coarse(), False) > error(Coarse(), True)
    assert error(Coarse(), True) == Error(predictor=Coarse()).measure(given).values["error"]


def test_a_sound_attack_passes_its_checks(subject: Subject) -> None:
    measured = Robustness(attack=replace(PGD, steps=20), sizes=(0, 1, 2)).measure(subject)
    assert {name: measured.values[name] for name in CHECKS} == dict.fromkeys(CHECKS, 0)
    once = Robustness(attack=fgsm(point="hidden1"), sizes=(0, 1)).measure(subject)
    assert set(once.values) & set(CHECKS) == set(CHECKS) - {"weaker_than_fgsm"}


def test_an_attack_that_does_less_than_one_step_is_told(subject: Subject) -> None:
    asked = Robustness(attack=replace(PGD, steps=1), sizes=(2,), step_ratio=0.01)
    assert asked.measure(subject).values["weaker_than_fgsm"] == 1


def test_a_model_without_gradients_survives_everything() -> None:
    stairs = column(lambda x: (4 * (x + 0.5)).round())
    values = Robustness(attack=pgd(eps=0.1, step=0.025), sizes=(0.1,)).measure(stairs).values
    assert values["survives_everything"] == 1
    slope = column(lambda x: x + 0.5)
    values = Robustness(attack=pgd(eps=0.1, step=0.025), sizes=(0.1,)).measure(slope).values
    assert values["error"] == 0
    assert values["survives_everything"] == 0


def test_everything_is_no_more_than_the_range() -> None:
    """A boundary that is inside of the range is reached, and one that lies outside is not."""
    far = column(lambda x: x + 0.9, PIXELS)
    attack = pgd(eps="1/255", step="1/255")
    asked = Robustness(attack=attack, sizes=("1/255",))
    assert asked.measure(far).values["survives_everything"] == 0
    out_of_reach = column(lambda x: x + 1.1, PIXELS)
    measured = asked.measure(out_of_reach)
    assert measured.values["survives_everything"] == 1
    assert measured.curves["error"].x_label == "eps (pixels in [0, 1])"


def test_an_error_that_falls_with_the_size_is_told() -> None:
    """One step goes over the wave's trough at 1 to its next crest at 2."""
    waves = column(lambda x: torch.cos(torch.pi * x))
    measured = Robustness(attack=fgsm(), sizes=(0, 1, 2)).measure(waves)
    assert measured.curves["error"].y == (0, 100, 0)
    assert measured.values["falls_with_eps"] == 1


def test_what_cannot_be_asked_is_refused(subject: Subject) -> None:
    with pytest.raises(SettingError, match="expected one above 0"):
        Robustness(attack=PGD, sizes=(0, "0"))
    with pytest.raises(SettingError, match="expected one above 0"):
        Robustness(attack=PGD, sizes=())
    with pytest.raises(SettingError, match="sizes is '8/O'"):
        Robustness(attack=PGD, sizes=("8/O",))
    with pytest.raises(SettingError, match="eps is -1.0: expected a number >= 0"):
        Robustness(attack=PGD, sizes=(-1, 1))
    with pytest.raises(SettingError, match="the attack's own eps is 0"):
        Robustness(attack=Attack(0, 0.1))
    with pytest.raises(SettingError, match="step is -1"):
        Robustness(attack=PGD, sizes=(1,), step_ratio=-1)
    with pytest.raises(SettingError, match="rows is 0"):
        Robustness(attack=PGD, rows=0)
    with pytest.raises(SettingError, match="both an attack and a"):
        Robustness(attack=PGD, adaptive=True)
    with pytest.raises(PointError, match="'hiden1'"):
        Robustness(attack=replace(PGD, point="hiden1")).check(subject)
    pixels = toy(net(3, 2), rows(9, 3).float(), labels(9, 2), 2, bounds=PIXELS)
    with pytest.raises(SettingError, match="eps is 8: expected at most 1"):
        Robustness(attack=pgd(), sizes=(1, 8)).check(pixels)


def test_a_recipe_names_the_attack_and_lists_sizes() -> None:
    factory = door.load_maker(door.EVALUATIONS, "robustness")
    given = {"attack": {"name": "pgd", "steps": 3}, "sizes": [0, "2/255", 0.5], "step_ratio": 0.3}
    asked = door.build(factory, settings=door.check_settings(factory, given))
    assert asked == Robustness(attack=pgd(steps=3), sizes=(0, "2/255", 0.5), step_ratio=0.3)
    assert door.build(
        factory, settings=door.check_settings(factory, {"attack": "pgd"})
    ) == Robustness(attack=pgd())
    with pytest.raises(SettingError, match="'attack' is None: expected an attack"):
        door.check_settings(factory, {})


@pytest.mark.parametrize("adapter", CASES)
def test_larger_attacks_find_more_in_every_modality(adapter: str) -> None:
    attack = pgd(eps=1, step=0.25, steps=5, point=CASES[adapter][-1])
    found = Robustness(attack=attack, sizes=(0, 3), rows=24).measure(trained(adapter)).values
    assert found["error at 0"] < found["error at 3"] == found["error"]
    assert found["falls_with_eps"] == 0
