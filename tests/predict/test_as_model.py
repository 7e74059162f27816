"""A predictor as a model: what an adaptive attack sees of it."""

from __future__ import annotations

import copy

import pytest
import torch
from predictions import CLASSES, drawn, labels, mlp, rows, training
from torch import Tensor

from mixup_multi.attacks.presets import fgsm, pgd
from mixup_multi.batch import Batch, as_targets
from mixup_multi.bounds import Bounds
from mixup_multi.errors import PointError
from mixup_multi.objectives.losses import Sigmoid, Softmax
from mixup_multi.points import HasPoints
from mixup_multi.predict import MixupInference, Plain, Pooling, as_model
from mixup_multi.predict.presets import mi_combined

SOFTMAX = Softmax()
TARGETS = as_targets(labels(6), CLASSES, torch.float64)
BOUNDS = Bounds(torch.ones((), dtype=torch.float64))


def fitted(of: str = "other", **settings) -> MixupInference:
    return MixupInference(of, samples=6, pooling=Pooling(None), **settings).fit(training())


def naive_loss(predictor: MixupInference, net, x: Tensor, seed: int) -> Tensor:
    """Return the cross-entropy of the mean probability, each sample in a pass of its own."""
    samples = training().data.train.inputs[drawn(predictor, net, x, seed)]
    net = copy.deepcopy(net).eval()
    own = predictor.share
    p = sum(net(own * x + (1 - own) * some).softmax(1) for some in samples) / len(samples)
    return -(TARGETS * p.log()).sum(1)


@pytest.mark.parametrize("of", ["predicted", "other"])
@pytest.mark.parametrize("chunk", [1, 13, 1024])
def test_the_adaptive_gradient_is_that_of_a_loop_over_the_samples(of, chunk, close):
    net, predictor = mlp(), fitted(of, share=0.6, chunk=chunk)
    x, y = (rows(6).requires_grad_() for _ in range(2))
    loss = SOFTMAX.value(as_model(predictor, net, 5, SOFTMAX)(x), TARGETS)
    expected = naive_loss(predictor, net, y, 5)
    close(loss, expected, atol=1e-12)
    (gradient,) = torch.autograd.grad(loss.sum(), x)
    close(gradient, torch.autograd.grad(expected.sum(), y)[0], atol=1e-12)
    assert gradient.abs().max() > 1e-3
    assert all(weight.grad is None for weight in net.parameters())


def test_with_gradients_too_no_more_than_a_chunk_is_in_memory(close):
    """Several passes keep nothing for the gradient: each is made once more when it is taken."""
    net, x = mlp(), rows(6).requires_grad_()
    sizes: list[int] = []
    net.stages["head"].register_forward_pre_hook(lambda _, args: sizes.append(len(args[0])))
    whole = torch.autograd.grad(as_model(fitted(), net, 5, SOFTMAX)(x).square().sum(), x)
    assert sizes == [6, 36]
    sizes.clear()
    logits = as_model(fitted(chunk=12), net, 5, SOFTMAX)(x)
    assert sizes == [6, 12, 12, 12]
    close(torch.autograd.grad(logits.square().sum(), x)[0], whole[0], atol=1e-12)
    assert sizes == [6, *[12] * 6]


@pytest.mark.parametrize("judge", [Softmax(), Sigmoid()])
def test_its_logits_are_those_of_the_probabilities(judge, close):
    columns = CLASSES if isinstance(judge, Softmax) else 1
    targets = as_targets(labels(), CLASSES) if columns > 1 else (labels() > 0)[:, None].double()
    net, x = mlp(columns), rows(5)
    predictor = mi_combined(pool=None).fit(training(targets=targets))
    seen = as_model(predictor, net, 5, judge)
    assert isinstance(seen, HasPoints)
    assert seen.points == net.points
    p = predictor.probabilities(net, x, 5, judge)
    close(judge.mean_response(seen(x)), p, atol=1e-14)
    logits = p.log() if columns > 1 else p.log() - (1 - p).log()
    close(seen(x), logits.detach(), atol=1e-9)


def test_the_plain_predictor_as_a_model_is_the_model():
    net, x = mlp(), rows(5)
    seen = as_model(Plain(), net, 0, SOFTMAX)
    assert torch.equal(seen(x), copy.deepcopy(net).eval()(x))
    assert torch.equal(seen(x), as_model(Plain(), net, 1, SOFTMAX).eval()(x))


@pytest.mark.parametrize("judge", [Softmax(), Sigmoid()])
def test_a_certain_prediction_still_has_a_gradient(judge):
    """In float32 a probability rounds to 1, and the gradient of its loss to nothing."""
    logits = torch.tensor([[[30.0, -10.0]], [[25.0, -10.0]]], requires_grad=True)
    targets = torch.tensor([[1.0, 0.0]])
    loss = judge.value(judge.averaged(logits), targets).sum()
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.isfinite().all()
    assert (gradient != 0).any(2).all()


@pytest.mark.parametrize("judge", [Softmax(), Sigmoid()])
def test_the_average_of_one_sample_is_its_own_probability(judge, close):
    logits = 3 * rows(5)[:, :CLASSES]
    p = judge.mean_response(logits)
    close(judge.mean_response(judge.averaged(logits[None])), p, atol=1e-14)
    both = torch.stack([logits, -2 * logits])
    mean = (p + judge.mean_response(-2 * logits)) / 2
    close(judge.mean_response(judge.averaged(both)), mean, atol=1e-14)


@pytest.mark.parametrize("attack", [fgsm(eps=0.5), pgd(eps=0.5, step=0.1, mode="train")])
def test_an_adaptive_attack_goes_through_the_average(attack):
    net, predictor = mlp(), fitted()
    state, modes = copy.deepcopy(net.state_dict()), [m.training for m in net.modules()]
    seen = as_model(predictor, net, 5, SOFTMAX)
    batch = Batch(rows(6), TARGETS)

    def loss_of(attacked: Batch) -> Tensor:
        return naive_loss(predictor, net, attacked.inputs, 5).mean()

    adaptive = attack.perturb(seen, batch, BOUNDS, 0, SOFTMAX)[1]
    oblivious = attack.perturb(net, batch, BOUNDS, 0, SOFTMAX)[1]
    assert loss_of(adaptive) > loss_of(batch)
    assert not torch.equal(adaptive.inputs, oblivious.inputs)
    if attack.steps > 1:
        assert loss_of(adaptive) > loss_of(oblivious)
    assert all(torch.equal(state[key], value) for key, value in net.state_dict().items())
    assert [m.training for m in net.modules()] == modes
    assert all(weight.grad is None for weight in net.parameters())


@pytest.mark.parametrize("mixed_at", ["input", "hidden"])
def test_an_attack_at_the_point_of_mixing_moves_the_example_not_the_samples(mixed_at, close):
    net, predictor = mlp(), fitted(point=mixed_at)
    attack = pgd(eps=0.5, step=0.1, point=mixed_at)
    batch = Batch(rows(6), TARGETS)
    shifted, same = attack.perturb(net, batch, None if mixed_at == "hidden" else BOUNDS, 0, SOFTMAX)
    got = predictor.probabilities(shifted, same.inputs, 5, SOFTMAX)
    if mixed_at == "input":
        close(got, predictor.probabilities(net, same.inputs, 5, SOFTMAX), atol=0)
        return
    moved = as_model(predictor, net, 5, SOFTMAX)(
        batch.inputs, {"hidden": lambda h: h + shifted.shift}
    )
    close(got, moved.softmax(1).detach(), atol=1e-14)
    assert not torch.allclose(got, predictor.probabilities(net, batch.inputs, 5, SOFTMAX))
    adaptive, _ = attack.perturb(as_model(predictor, net, 5, SOFTMAX), batch, None, 0, SOFTMAX)
    worse = SOFTMAX.value(adaptive(batch.inputs), TARGETS).mean()
    assert worse > -(TARGETS * got.log()).sum(1).mean()


def test_an_edit_behind_the_point_of_mixing_is_refused():
    net, x = mlp(), rows(6)
    hidden = rows(6)[:, :1].expand(6, 8)
    with pytest.raises(PointError, match="36 mixtures at 'input' came out as 6 rows"):
        as_model(fitted(), net, 5, SOFTMAX)(x, {"hidden": lambda _: hidden})
    with pytest.raises(PointError, match="'nowhere', which this model does not offer"):
        as_model(fitted(), net, 5, SOFTMAX)(x, {"nowhere": lambda h: h})
