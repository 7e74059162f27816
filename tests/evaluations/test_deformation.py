"""Errors on deformed images, and what other data say of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from mixup_multi import door
from mixup_multi.engine.source import Data, Trial
from mixup_multi.errors import SettingError
from mixup_multi.evaluations import Deformation, Subject
from mixup_multi.objectives.losses import Softmax


def nearest_mean(data: Data) -> nn.Module:
    """Return a linear model that answers with the class of the nearest mean image."""
    batch = data.train.gather(torch.arange(len(data.train)))
    flat = batch.inputs.flatten(1)
    means = batch.targets.T @ flat / batch.targets.sum(0)[:, None]
    linear = nn.Linear(flat.shape[1], len(means))
    linear.weight.data, linear.bias.data = means, -0.5 * means.square().sum(1)
    return nn.Sequential(nn.Flatten(), linear).eval()


@pytest.fixture(scope="module")
def subject() -> Subject:
    data: Data = door.load_adapter("images").datasets["digits"].load(Path(), Trial())
    model = nearest_mean(data)
    return Subject(lambda: model, data, Softmax(), torch.device("cpu"))


@pytest.mark.parametrize("protocol", ["paper", "exact"])
@pytest.mark.parametrize(
    ("kind", "ranges"),
    [
        ("rotation", (0, 20, 40, 90)),
        ("shear", (0, 28.6, 57.3)),
        ("zoom_in", (100, 80, 60)),
        ("zoom_out", (100, 120, 160)),
    ],
)
def test_a_larger_range_is_harder(
    subject: Subject, kind: str, ranges: tuple[float, ...], protocol: str
) -> None:
    found = [
        Deformation(kind=kind, range=extent, protocol=protocol).measure(subject).values  # type: ignore[arg-type]
        for extent in ranges
    ]
    errors = [values["error"] for values in found]
    assert errors[0] == found[0]["clean_error"] == found[-1]["clean_error"]
    assert errors == sorted(errors)
    assert errors[-1] > errors[0] + 10


def test_batches_and_rows_change_nothing_that_they_should_not(subject: Subject) -> None:
    asked = Deformation(kind="rotation", range=40)
    whole = asked.measure(subject).values
    assert replace(asked, batch_size=13).measure(subject).values == whole
    assert replace(asked, seed=1).measure(subject).values != whole
    few = replace(asked, rows=50).measure(subject).values
    assert few["rows"] == 50
    deformed = subject.data.shifts.deformations["rotation"].of(
        subject.data.test, 40, 0, exact=False
    )
    batch = deformed.gather(torch.arange(len(deformed)))
    wrong = subject.model(batch.inputs).argmax(1) != batch.targets.argmax(1)
    assert whole["error"] == pytest.approx(100 * wrong.double().mean().item())


def test_what_cannot_be_asked_is_refused(subject: Subject) -> None:
    with pytest.raises(SettingError, match="no deformation 'rotaton'; did you mean 'rotation'"):
        Deformation(kind="rotaton", range=20).check(subject)
    with pytest.raises(SettingError, match="range is 80: expected 100 to 1000 percent"):
        Deformation(kind="zoom_out", range=80).check(subject)
    with pytest.raises(SettingError, match="no part 'validation'"):
        Deformation(kind="shear", range=20, part="validation").check(subject)
    table: Data = door.load_adapter("tabular").datasets["sklearn_iris"].load(Path(), Trial())
    with pytest.raises(SettingError, match="sklearn_iris has no deformation.*offers none"):
        Deformation(kind="rotation", range=20).check(replace(subject, data=table))
    with pytest.raises(SettingError, match="batch_size is 0"):
        Deformation(kind="rotation", range=20, batch_size=0)
