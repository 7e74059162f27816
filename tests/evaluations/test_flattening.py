"""Spectra of classes: closed forms, numpy, and what must not matter."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close
from trained import labels, rows, toy, trained

from mixup_multi.errors import PointError, SettingError
from mixup_multi.evaluations import Flattening
from mixup_multi.evaluations.features import classes_of
from mixup_multi.evaluations.flattening import class_spectra, first_and_rest
from mixup_multi.points import Staged

X, Y = rows(60, 5) + 1, labels(60, 3)


@pytest.mark.parametrize("centred", [True, False])
def test_spectra_are_numpys(centred: bool) -> None:
    spectra = class_spectra(X, Y, centred)
    for one, values in enumerate(spectra):
        own = X[one == Y].numpy()
        expected = np.linalg.svd(own - own.mean(0) * centred, compute_uv=False)
        assert_close(values.numpy(), expected)
    first, rest = first_and_rest(spectra)
    assert first == pytest.approx(np.mean([v[0] for v in spectra]))
    assert rest == pytest.approx(np.mean([v[1:].sum() for v in spectra]))


def test_by_hand() -> None:
    x = torch.tensor([[1.0, 5.0], [-1.0, 5.0], [7.0, 0.0]], dtype=torch.float64)
    classes = torch.tensor([0, 0, 2])
    centred, raw = class_spectra(x, classes, True), class_spectra(x, classes, False)
    assert_close(centred[0], torch.tensor([2**0.5, 0.0], dtype=torch.float64))
    assert centred[1].tolist() == [0.0]  # one row has no spread
    assert_close(raw[0], torch.tensor([50**0.5, 2**0.5], dtype=torch.float64))
    assert raw[1].tolist() == [7.0]


@pytest.mark.parametrize("centred", [True, False])
def test_classes_on_a_line_have_no_rest(centred: bool) -> None:
    along = torch.randn(60, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    features = along @ rows(1, 5, seed=3)
    first, rest = first_and_rest(class_spectra(features, Y, centred))
    assert first > 1
    assert rest < 1e-12


@pytest.mark.parametrize("centred", [True, False])
def test_rotations_do_not_matter(centred: bool) -> None:
    rotation, _ = torch.linalg.qr(rows(5, 5, seed=7))
    for ours, turned in zip(
        class_spectra(X, Y, centred), class_spectra(X @ rotation, Y, centred), strict=True
    ):
        assert_close(ours, turned)


def test_each_point_is_measured_and_the_last_comes_first() -> None:
    torch.manual_seed(0)
    flat = nn.Linear(5, 1, bias=False)
    model = Staged({"input": flat, "line": nn.Linear(1, 4), "plane": nn.Linear(4, 3)}).double()
    subject = toy(model, X, Y, 3)
    measured = Flattening().measure(subject)
    assert next(iter(measured.values)) == "rest plane"
    assert measured.values["rest line"] == 0
    assert measured.values["share line"] == 100
    assert measured.values["rest plane"] < 1e-12  # no more than a line led there
    first, rest = first_and_rest(class_spectra(X, Y, True))
    assert measured.values["first input"] == pytest.approx(first)
    assert measured.values["rest input"] == pytest.approx(rest)
    assert measured.values["share input"] == pytest.approx(100 * first / (first + rest))
    assert list(measured.curves) == ["plane", "line", "input"]
    curve = measured.curves["input"]
    assert curve.x == (1, 2, 3, 4, 5)
    assert curve.y[0] == pytest.approx(first)
    assert sum(curve.y) == pytest.approx(first + rest)
    only = Flattening(points=("line",), rows=20, batch_size=3).measure(subject)
    assert set(only.curves) == {"line"}
    assert only.values["rows"] == 20
    raw = Flattening(points=("input",), centred=False).measure(subject).values
    assert raw["first input"] > measured.values["first input"]


def test_classes() -> None:
    assert classes_of(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), "this").tolist() == [1, 0]
    assert classes_of(torch.tensor([[0.0], [1.0]]), "this").tolist() == [0, 1]
    for wrong in ([[0.5, 0.5]], [[1.0, 1.0]], [[0.3]], [[0.0, 0.0]]):
        with pytest.raises(SettingError, match="this asks for one class an example"):
            classes_of(torch.tensor(wrong), "this")


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(SettingError, match="rows is 0"):
        Flattening(rows=0)
    with pytest.raises(SettingError, match="points is empty"):
        Flattening(points=()).check(trained("tabular"))
    with pytest.raises(PointError, match="'hiden1'"):
        Flattening(points=("input", "hiden1")).check(trained("tabular"))
