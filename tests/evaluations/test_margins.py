"""Margins against the closed form of linear models, and against attacks of that size."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from trained import labels, net, rows, toy, trained

from mixup_multi.attacks.presets import fgsm
from mixup_multi.attacks.search import Norm
from mixup_multi.attacks.surface import surface_at
from mixup_multi.batch import as_targets
from mixup_multi.bounds import Bounds
from mixup_multi.errors import PointError, SettingError
from mixup_multi.evaluations import Error, Margins
from mixup_multi.evaluations.margins import DUAL, lead_of, margins_of

X, Y = rows(30, 4), labels(30, 3)
FREE = Bounds(torch.ones((), dtype=torch.float64))


def linear(classes: int) -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(4, classes).double()


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("unit", [1.0, 3.0])
def test_a_linear_models_margins_have_a_closed_form(norm: Norm, unit: float) -> None:
    model = linear(3)
    bounds = Bounds(torch.tensor(unit, dtype=torch.float64))
    found = margins_of(surface_at(model, X, "input", bounds), Y, DUAL[norm])
    for row, margin in enumerate(found.tolist()):
        logits = model(X[row]).detach()
        y = int(Y[row])
        other = max((o for o in range(3) if o != y), key=lambda o: float(logits[o]))
        slope = (model.weight[y] - model.weight[other]).detach().norm(p=1 if norm == "linf" else 2)
        assert margin == pytest.approx(float((logits[y] - logits[other]) / slope / unit))


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("classes", [1, 2])
def test_of_two_classes_it_is_the_size_that_turns_the_prediction(norm: Norm, classes: int) -> None:
    x, y = X[:20].float(), labels(20, 2)
    given = y[:, None].float() if classes == 1 else y
    subject = toy(linear(classes).float(), x, given, classes)
    margins = Margins(norm=norm, rows=None).measure(subject)
    curve = sorted({m for m in margins.curves["margin"].y if m > 0})
    middle = curve[len(curve) // 2]
    correct = margins.values["positive"]
    assert correct == pytest.approx(100 - Error().measure(subject).values["error"])
    below, above = (
        Error(attack=fgsm(eps=size * middle, norm=norm)).measure(subject).values["error"]
        for size in (0.999, 1.001)
    )
    assert above == pytest.approx(below + 5)  # one row of the twenty


def test_values_and_curve_are_order_statistics() -> None:
    subject = toy(net(4, 3), X, Y, 3)
    found = margins_of(surface_at(subject.model, X, "input", FREE), Y, 2).sort().values
    measured = Margins(batch_size=7).measure(subject)
    assert next(iter(measured.values.items())) == ("median", float(found[14]))
    assert measured.values["quantile 0.05"] == float(found[1])
    assert measured.values["quantile 0.95"] == float(found[28])
    assert measured.values["rows"] == 30
    curve = measured.curves["margin"]
    assert (curve.y[0], curve.y[-1]) == (float(found[0]), float(found[-1]))
    assert list(curve.y) == sorted(curve.y)
    assert curve.x[:2] == (0, pytest.approx(0.01))


def test_the_lead() -> None:
    logits = torch.tensor([[3.0, 1, 2], [3, 1, 2], [0, 0, 0]])
    assert lead_of(logits, torch.tensor([0, 1, 2])).tolist() == [1, -2, 0]
    assert lead_of(torch.tensor([[2.0], [2.0]]), torch.tensor([1, 0])).tolist() == [2, -2]


def test_where_nothing_moves_margins_are_infinite() -> None:
    class Constant(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 0 * x[:, :3] + torch.tensor([2.0, 1.0, 1.0])

    found = margins_of(surface_at(Constant(), X[:3], "input", FREE), torch.tensor([0, 1, 2]), 2)
    assert found.tolist() == [float("inf"), float("-inf"), float("-inf")]
    measured = Margins().measure(toy(Constant(), X, torch.zeros(30, dtype=torch.long), 3))
    assert measured.values["median"] == float("inf")


def test_what_cannot_be_asked_is_refused() -> None:
    several = as_targets(Y, 3)
    several[0] = 1
    with pytest.raises(SettingError, match="a margin asks for one class an example"):
        Margins().measure(toy(net(4, 3), X, several, 3))
    with pytest.raises(PointError, match=r"expected a hidden point \(hidden1\)"):
        Margins().check(toy_without_bounds())
    with pytest.raises(SettingError, match="norm is 'l3'"):
        Margins(norm="l3").check(toy(net(4, 3), X, Y, 3))  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="batch_size is 0"):
        Margins(batch_size=0)


def toy_without_bounds() -> object:
    from mixup_multi.points import Staged

    model = Staged({"input": nn.Linear(4, 4), "hidden1": nn.Linear(4, 3)})
    return toy(model, X, Y, 3, bounds=None)


def test_at_a_hidden_point_the_unit_is_the_size_of_what_flows() -> None:
    subject = trained("tabular")
    wide = Margins(point="hidden1").measure(subject)
    batch = next(subject.batches("test", None, 512, 0))
    surface = surface_at(subject.model, batch.inputs, "hidden1", None)
    raw = margins_of(
        surface_at(subject.model, batch.inputs, "hidden1", None), batch.targets.argmax(1), 2
    )
    assert wide.values["median"] == pytest.approx(float(raw.median()))
    assert_close(surface.bounds.unit[0], surface.centre.square().mean().sqrt())
