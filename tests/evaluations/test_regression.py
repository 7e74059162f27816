"""Which evaluations have a meaning for numbers to predict, and what the others say."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from trained import net, rows, toy

from mixup_multi import door
from mixup_multi.attacks import Attack
from mixup_multi.engine.shift import Shift, Shifts
from mixup_multi.engine.source import Source
from mixup_multi.errors import SettingError
from mixup_multi.evaluations import Evaluation, LinearProbe, Subject
from mixup_multi.evaluations.evaluation import OF_NUMBERS
from mixup_multi.objectives.losses import Squared

MEANT = re.split(", | and ", OF_NUMBERS)
PGD = Attack(0.2, 0.1, 2)
SETTINGS: dict[str, dict[str, Any]] = {
    "robustness": {"attack": PGD, "sizes": (0, 0.2)},
    "deformation": {"kind": "same", "range": 1.0},
    "local_linearity": {"steps": 2},
}


class Same(Shift):
    """Changes nothing, as a corruption and as a deformation."""

    def of(self, source: Source, *_: object, **__: object) -> Source:  # type: ignore[override]
        return source

    def check(self, *_: object) -> None:
        """Anything will do."""


def numbers(model: nn.Module, inputs: Tensor, targets: Tensor) -> Subject:
    """Return a model with data whose three parts are the same rows, with targets `(n, c)`."""
    subject = toy(model, inputs, targets, targets.shape[1])
    return replace(subject, data=replace(subject.data, loss="squared"), loss_fn=Squared())


@pytest.fixture(scope="module")
def subject() -> Subject:
    x = rows(30, 4).float()
    made = numbers(net(4, 2).float(), x, x[:, :2] + 5)
    same: Any = {"same": Same()}
    return replace(made, data=replace(made.data, shifts=Shifts(made=same, deformations=same)))


def made(name: str) -> Evaluation:
    found = door.load_maker(door.EVALUATIONS, name)(**SETTINGS.get(name, {}))
    assert isinstance(found, Evaluation)
    return found


def test_what_messages_name_has_a_meaning(subject: Subject) -> None:
    for name in MEANT:
        asked = made(name)
        asked.check(subject)
        values = asked.measure(subject).values
        assert all(math.isfinite(value) for value in values.values())
        assert not {"mean_accuracy", "survives_everything"} & set(values)


@pytest.mark.parametrize("name", sorted(set(door.names(door.EVALUATIONS)) - set(MEANT)))
def test_all_others_say_why_they_have_none(name: str, subject: Subject) -> None:
    asked = made(name)
    for ask in (asked.check, asked.measure):
        with pytest.raises(SettingError, match=f"expected .*, or {OF_NUMBERS}$"):
            ask(subject)


def test_the_errors_are_squared_and_above_100(subject: Subject) -> None:
    """The targets lie around 5, far from what the net says."""
    expected = made("error").measure(subject).values["error"]
    assert expected > 1000
    robust = made("robustness").measure(subject).values
    assert robust["error at 0"] == pytest.approx(expected)
    assert set(robust) >= {"weaker_than_fgsm", "falls_with_eps"}
    corrupted = made("corruption").measure(subject).values
    assert corrupted["mean_error"] == pytest.approx(expected)


def test_the_linear_probe_fits_numbers_as_they_are() -> None:
    x = rows(50, 6)
    y = x[:, :2] @ rows(2, 2, seed=4) + 3
    subject = numbers(nn.Linear(6, 2).double(), x, y)
    values = LinearProbe(points=("input",), penalty=0.1, rows=None).measure(subject).values
    scaled = StandardScaler().fit_transform(x.numpy())
    said = Ridge(alpha=50 * 0.1, solver="svd").fit(scaled, y.numpy()).predict(scaled)
    expected = 100 * np.square(said - y.numpy()).mean()
    assert values["error input"] == pytest.approx(expected, rel=1e-5)
    exact = LinearProbe(points=("input",), rows=None).measure(subject).values
    assert exact["error input"] < 1e-6 * values["error input"]
