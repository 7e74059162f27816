"""The exact q = <g - y, J_f (mean - x)>: against differences, double backward and the fast q."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from mixup_multi.batch import Batch, as_targets
from mixup_multi.objectives import MixupE, Vicinal
from mixup_multi.objectives.losses import Sigmoid, Softmax
from mixup_multi.objectives.mixupe import FORMS
from mixup_multi.objectives.presets.mixing import mixup, mixupe_exact
from mixup_multi.points import Staged
from mixup_multi.streams import stream

N, CLASSES = 6, 3
C = 1 / 3  # of alpha = 1, the presets' default


def batch(*shape: int, n: int = N) -> Batch:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(n, *shape, generator=generator, dtype=torch.float64)
    labels = torch.randint(CLASSES, (n,), generator=generator)
    return Batch(inputs, as_targets(labels, CLASSES, torch.float64))


def chain(*, bias: bool = True, activation: type[nn.Module] = nn.Tanh) -> Staged:
    torch.manual_seed(0)
    stages = {
        "input": nn.Linear(4, 7, bias),
        "hidden": nn.Sequential(activation(), nn.Linear(7, CLASSES, bias)),
    }
    return Staged(stages).double()


def conv(*, bias: bool, norm: bool = False) -> nn.Module:
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(2, 4, 3, padding=1, bias=bias),
        nn.BatchNorm2d(4) if norm else nn.Identity(),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 5, 3, bias=bias),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(5, CLASSES, bias),
    ]
    return nn.Sequential(*layers).double()


def signed(**settings) -> MixupE:
    """A method whose regulariser is C mean q, with its sign and without a filter."""
    return MixupE(form="released_v1", threshold=torch.inf, **settings)


def regulariser(method: MixupE, net: nn.Module, data: Batch) -> Tensor:
    return method(net, data, stream(0, "mix")).means["regulariser"]


def by_differences(f, x: Tensor, mean: Tensor, y: Tensor, step: float = 1e-5) -> Tensor:
    """Return <p - y, d f(x + t (mean - x)) / d t> at t = 0, `(n,)`."""
    p = f(x).softmax(1)
    change = (f(x + step * (mean - x)) - f(x - step * (mean - x))) / (2 * step)
    return ((p - y) * change).sum(1).detach()


def test_at_the_input_it_is_the_slope_towards_the_training_mean(close):
    net, data = chain(), batch(4)
    mean = torch.tensor([0.5, -1.0, 0.25, 2.0], dtype=torch.float64)
    q = by_differences(net, data.inputs, mean, data.targets)
    close(regulariser(signed(mean=mean), net, data), C * q.mean(), 1e-8)
    exact = replace(mixupe_exact(), mean=mean)
    close(regulariser(exact, net, data), C * q.abs().mean(), 1e-8)
    assert not torch.isclose(q.abs().mean(), q.mean().abs())


def test_at_a_hidden_point_it_is_the_slope_towards_the_mean_of_the_batch_there(close):
    net, data = chain(), batch(4)
    state = net.stages["input"](data.inputs).detach()
    q = by_differences(net.stages["hidden"], state, state.mean(0), data.targets)
    elsewhere = torch.full((4,), 9.0, dtype=torch.float64)  # of the input: not to be used here
    method = signed(inner=mixup(points="hidden"), mean=elsewhere)
    close(regulariser(method, net, data), C * q.mean(), 1e-8)
    close(regulariser(mixupe_exact(points="hidden"), net, data), C * q.abs().mean(), 1e-8)


def test_until_fitted_the_batch_mean_takes_the_place_of_the_training_mean():
    net, data = chain(), batch(4)
    own = replace(mixupe_exact(), mean=data.inputs.mean(0))
    assert torch.equal(regulariser(mixupe_exact(), net, data), regulariser(own, net, data))


class Part:
    def __init__(self, mean):
        self._mean = mean

    def mean(self):
        return self._mean


def test_fitting_sets_the_mean_of_exact_forms_only_and_changes_nothing_else():
    mean = torch.ones(4)
    for form, parts in FORMS.items():
        method = MixupE(form=form)
        fitted = method.fit(Part(mean))
        assert (fitted.mean is mean) == parts.exact
        assert fitted == method
        assert method.mean is None
    assert mixupe_exact().fit(Part(None)).mean is None


@pytest.mark.parametrize("form", [name for name, parts in FORMS.items() if parts.exact])
def test_it_is_double_backward_to_the_input_also_through_batch_norm(form, close, gradients):
    """Each way differentiates through the statistics that all rows share."""
    net, data, eta = conv(bias=True, norm=True), batch(2, 6, 6), 0.5
    mean = batch(2, 6, 6, n=1).inputs[0]
    method = MixupE(form=form, eta=eta, threshold=0.05, mean=mean)
    terms = method(net, data, stream(0, "mix"))
    mixed = method.inner(net, data, stream(0, "mix")).total
    x = data.inputs.clone().requires_grad_()
    f = net(x)
    b = f.softmax(1) - data.targets
    b = b.detach() if FORMS[form].detach else b
    (slope,) = torch.autograd.grad(f, x, grad_outputs=b, create_graph=True)
    q = (slope * (mean - x.detach())).flatten(1).sum(1)
    if form == "released_v1":
        assert 0 < (q < 0.05).sum() < N
        penalty = C * (q * (q < 0.05)).mean()
    else:
        penalty = C * q.abs().mean()
    close(terms.means["regulariser"], penalty.detach())
    expected = gradients(mixed + eta * penalty, net)
    close(gradients(terms.total, net), terms.means["etahat"] * expected)


def test_a_tree_of_inputs_moves_as_one(close):
    class TwoPart(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right = nn.Linear(3, CLASSES), nn.Conv1d(1, CLASSES, 2)

        def forward(self, x):
            return (self.left(x["a"]) + self.right(x["b"][0]).mean(2)).tanh()

    torch.manual_seed(0)
    net, targets = TwoPart().double(), batch(1).targets
    data = Batch({"a": batch(3).inputs, "b": (batch(1, 2).inputs,)}, targets)
    mean = {"a": torch.ones(3), "b": (torch.zeros(1, 2),)}

    def along(t):
        a, b = data.inputs["a"], data.inputs["b"][0]
        return net({"a": a + t * (1 - a), "b": (b + t * (0 - b),)})

    step = 1e-5
    slope = (along(step) - along(-step)) / (2 * step)
    q = ((along(0).softmax(1) - targets) * slope).sum(1).detach()
    close(regulariser(signed(mean=mean), net, data), C * q.mean(), 1e-8)


@pytest.mark.parametrize(
    ("net", "shape"),
    [(chain(bias=False, activation=nn.ReLU), (4,)), (conv(bias=False), (2, 6, 6))],
    ids=["mlp", "conv"],
)
@pytest.mark.parametrize("loss", [Softmax(), Sigmoid()], ids=["softmax", "sigmoid"])
def test_fast_is_exact_for_relu_nets_without_bias_around_zero(net, shape, loss, close, gradients):
    data, zero, inner = batch(*shape), torch.zeros(shape), Vicinal(loss_fn=loss)
    fast, exact = MixupE(inner, form="paper_abs"), MixupE(inner, form="exact_abs", mean=zero)
    results = [method(net, data, stream(0, "mix")) for method in (fast, exact)]
    close(results[0].means["regulariser"], results[1].means["regulariser"])
    close(gradients(results[0].total, net), gradients(results[1].total, net))
    close(
        regulariser(MixupE(inner, form="released_v4"), net, data),
        regulariser(signed(inner=inner, mean=zero), net, data),
    )


@pytest.mark.parametrize(
    ("net", "shape", "mean"),
    [
        (chain(activation=nn.ReLU), (4,), 0.0),
        (conv(bias=True), (2, 6, 6), 0.0),
        (conv(bias=False, norm=True), (2, 6, 6), 0.0),
        (chain(bias=False, activation=nn.Tanh), (4,), 0.0),
        (chain(bias=False, activation=nn.ReLU), (4,), 1.0),
    ],
    ids=["mlp with bias", "conv with bias", "batch norm", "tanh", "mean not zero"],
)
def test_fast_is_not_exact_otherwise(net, shape, mean):
    data = batch(*shape)
    exact = MixupE(form="exact_abs", mean=torch.full(shape, mean, dtype=torch.float64))
    fast = regulariser(MixupE(), net, data)
    assert abs(fast - regulariser(exact, net, data)) > 0.01 * fast
