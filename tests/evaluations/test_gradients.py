"""Each row's own gradient from one backward pass, against one backward pass a row."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close
from trained import labels, net, rows

from mixup_multi.batch import as_targets
from mixup_multi.evaluations.gradients import gradient_norms, row_norms, value_and_gradient
from mixup_multi.objectives.losses import Softmax

X, Y = rows(9, 5), as_targets(labels(9, 3), 3, torch.float64)


def one_by_one(model: nn.Module) -> Tensor:
    found = []
    for row in range(len(X)):
        x = X[row : row + 1].clone().requires_grad_()
        Softmax().value(model(x), Y[row : row + 1]).sum().backward()
        assert x.grad is not None
        found.append(x.grad[0])
    model.zero_grad()
    return torch.stack(found)


def test_the_gradient_of_the_sum_is_each_rows_own() -> None:
    model = net(5, 3)
    value, gradient = value_and_gradient(lambda x: Softmax().value(model(x), Y), X)
    assert_close(gradient, one_by_one(model), rtol=1e-12, atol=1e-14)
    assert_close(value, Softmax().value(model(X), Y).detach())
    norms = gradient_norms(lambda x: Softmax().value(model(x), Y), X)
    assert_close(norms, one_by_one(model).norm(dim=1), rtol=1e-12, atol=1e-14)


def test_in_training_rows_see_each_other() -> None:
    model = net(5, 3)
    model[3].p = 0.0  # type: ignore[union-attr,operator,index]
    _, alone = value_and_gradient(lambda x: Softmax().value(model(x), Y), X)
    model.train()
    _, together = value_and_gradient(lambda x: Softmax().value(model(x), Y), X)
    assert (alone - together).abs().max() > 0.01


def test_no_parameter_gets_a_gradient_and_nothing_is_kept() -> None:
    model = net(5, 3)
    given = X.clone()
    with torch.no_grad():
        value, gradient = value_and_gradient(lambda x: Softmax().value(model(x), Y), given)
    assert not value.requires_grad
    assert not gradient.requires_grad
    assert not given.requires_grad
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize(("order", "norm"), [(2, 5.0), (1, 7.0)])
def test_norms_are_of_whole_rows(order: float, norm: float) -> None:
    x = torch.tensor([[[3.0], [-4.0]], [[0.0], [0.0]]])
    assert row_norms(x, order).tolist() == [norm, 0.0]
