"""The contract of a predictor: probabilities by one pass or many, of a model left as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mixup_multi.batch import as_targets
from mixup_multi.engine.training import Training
from mixup_multi.errors import SettingError
from mixup_multi.objectives.losses import LOSSES, Loss, Sigmoid, Softmax
from mixup_multi.points import Staged
from mixup_multi.predict import Predictor, as_model
from mixup_multi.testing.compare import alike, global_generators_stay, picture, shape_of
from mixup_multi.testing.contract import Checked, broken, require, rule, run, skip
from mixup_multi.testing.members import Given, given_as
from mixup_multi.testing.probes import CLASSES, SIZES, training_on
from mixup_multi.testing.settings import attributes_read

GROUP = "mixup_multi.predictors"
_BY_SEED = "draw from a generator of your own: streams.stream(seed, 'mix')"
_LOOK = "look at the model by `with looked_at(model, 'eval'):` of mixup_multi.attacks"


@dataclass(frozen=True)
class PredictorCase:
    """A predictor, and how it was given."""

    given: Given

    @property
    def label(self) -> str:
        """What the predictor is called."""
        return self.given.label

    def fitted(self, outputs: int = CLASSES) -> Predictor:
        """Return the predictor, fitted to a training part."""
        made: Predictor = self.given.make()
        return made.fit(_training(outputs))

    def says(self, net: nn.Module, n: int, judge: Loss | None = None, seed: int = 1) -> Tensor:
        """Return what it predicts of n rows."""
        return self.fitted().probabilities(net, _rows(n), seed, judge or Softmax())

    def read_by_use(self, made: Predictor) -> set[str]:
        """Return the attributes that are read by fitting and predicting."""

        def use(predictor: Predictor) -> None:
            predictor.probabilities(_net(), _rows(4), 1, Softmax())

        read = attributes_read(made.fit(_training()), use)
        return read | attributes_read(made, lambda predictor: predictor.fit(_training()))


def check_predictor(
    maker: Any, *, settings: Mapping[str, Any] | None = None, only: str | list[str] | None = None
) -> Checked:
    """Hold a predictor to its contract; `rules("predictor")` lists it.

    Args:
        maker: an installed name, `module:callable`, a class or function that a recipe would name,
            or a `Predictor`.
        settings: of the maker, as in a recipe.
        only: names of rules; None for all.

    Returns:
        The report: which checks passed, and which did not apply, with why.

    Raises:
        ContractError: a rule is broken; the message says which, what was found, how to mend it.
        SettingError: there is no such predictor, or it does not take the settings.

    >>> len(check_predictor("plain", only="it_predicts_one_column").passed)
    1
    """
    case = PredictorCase(given_as(GROUP, maker, ("logits", "probabilities"), settings))
    case.given.make()
    return run(case.label, [("predictor", case)], only)


def _rows(n: int, seed: int = 0) -> Tensor:
    return torch.randn(n, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _training(outputs: int = CLASSES) -> Training:
    labels = torch.arange(60) % CLASSES
    targets = (labels > 0)[:, None].double() if outputs == 1 else as_targets(labels, CLASSES)
    return training_on(_rows(60, seed=9), targets)


def _net(outputs: int = CLASSES) -> Staged:
    """Return a net with BatchNorm and dropout, in training mode, that has seen some rows."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        stages = {
            "input": nn.Linear(4, 8),
            "hidden": nn.Sequential(nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.5)),
            "head": nn.Linear(8, outputs),
        }
        net = Staged(stages).double()
        with torch.no_grad():
            net(3 * _rows(16, seed=5) + 1)
    return net


@rule("predictor")
def it_is_a_predictor(case: PredictorCase) -> None:
    """What is made derives from `Predictor`, and fitting it leaves it as it was."""
    made = case.given.make()
    require(isinstance(made, Predictor), f"it is a {type(made).__name__}", "derive from Predictor")
    before = picture(made)
    fitted = made.fit(_training())
    mend = "fit returns dataclasses.replace(self, ...), or self"
    require(isinstance(fitted, Predictor), f"fit returned a {type(fitted).__name__}", mend)
    require(alike(before, picture(made)), "fit changed the predictor itself", mend)


@rule("predictor")
def it_predicts_distributions(case: PredictorCase) -> None:
    """Of classes it predicts probabilities `(n, c)` that sum to 1, for any number of rows."""
    for n in SIZES:
        p = case.says(_net(), n)
        if p.shape != (n, CLASSES) or p.requires_grad:
            broken(f"{n} rows gave {shape_of(p)}", "probabilities (n, c), without gradients")
        off = float((p.sum(1) - 1).abs().max())
        fits = bool(p.isfinite().all() and (p >= 0).all()) and off < 1e-6
        require(fits, f"rows sum to 1 up to {off:g}", "return logits; g(logits) are probabilities")


@rule("predictor")
def it_predicts_one_column(case: PredictorCase) -> None:
    """Of one column of labels it predicts a probability for each row, `(n, 1)`."""
    p = case.fitted(1).probabilities(_net(1), _rows(4), 1, Sigmoid())
    inside = p.shape == (4, 1) and bool(((p >= 0) & (p <= 1)).all())
    require(inside, f"4 rows gave {shape_of(p)}: {p.tolist()}", "no argmax over columns")


@rule("predictor")
def every_loss_is_judged_by_or_refused(case: PredictorCase) -> None:
    """Each loss turns its logits into probabilities; numbers are predicted, or refused."""
    for name, judge in LOSSES.items():
        numbers = judge.target_kind == "numbers"
        try:
            p = case.says(_net(), 4, judge)
        except SettingError:
            require(numbers, f"the loss {name} was refused", "use judge.mean_response")
            continue
        inside = bool(p.isfinite().all()) and (numbers or bool(((p >= 0) & (p <= 1)).all()))
        require(inside, f"with the loss {name} it said {p.tolist()}", "use judge.mean_response")


@rule("predictor")
def the_seed_decides(case: PredictorCase) -> None:
    """The same seed gives the same prediction, and no global generator is used."""
    with global_generators_stay("a prediction", _BY_SEED):
        one, other = (case.says(_net(), 5) for _ in range(2))
    require(torch.equal(one, other), "one seed gave two predictions", _BY_SEED)


@rule("predictor")
def model_and_inputs_are_left_alone(case: PredictorCase) -> None:
    """The model's weights, statistics, modes and gradients stay, and so do the inputs."""
    for mode in (True, False):
        predictor, net, x = case.fitted(), _net().train(mode), _rows(5)
        net.stages["hidden"].train(not mode)
        before = picture((net, x))
        predictor.probabilities(net, x, 1, Softmax())
        z = x.clone().requires_grad_()
        torch.autograd.grad(as_model(predictor, net, 1, Softmax())(z).square().sum(), z)
        require(alike(before, picture((net, x))), "the model or the inputs changed", _LOOK)
        kept = all(weight.grad is None for weight in net.parameters())
        require(kept, "a gradient was left in .grad", "torch.no_grad(), or autograd.grad")


@rule("predictor")
def predicting_leaves_no_trace(case: PredictorCase) -> None:
    """Nothing changes on the predictor from one prediction to the next."""
    predictor = case.fitted()
    before = picture(predictor)
    predictor.probabilities(_net(), _rows(5), 1, Softmax())
    same = alike(before, picture(predictor))
    require(same, "the predictor holds another state", "return what you know; keep nothing")


@rule("predictor")
def it_predicts_in_evaluation_mode(case: PredictorCase) -> None:
    """A model in training mode is predicted with as one in evaluation mode."""
    p, q = (case.says(_net().train(mode), 4) for mode in (True, False))
    require(torch.equal(p, q), f"they differ by {float((p - q).abs().max()):g}", _LOOK)


@rule("predictor")
def gradients_reach_the_inputs(case: PredictorCase) -> None:
    """`logits` are those of the probabilities, and differentiable in every row of the inputs."""
    predictor, net, x = case.fitted(), _net(), _rows(4).requires_grad_()
    logits = predictor.logits(net, x, 1, Softmax())
    p = predictor.probabilities(net, x, 1, Softmax())
    off = float((logits.detach().softmax(1) - p).abs().max())
    require(off < 1e-9, f"they differ by {off:g}", "do not override `probabilities`")
    mend = "no detach(), no argmax between inputs and logits"
    require(logits.requires_grad, "logits have no gradient", mend)
    (gradient,) = torch.autograd.grad(logits[:, 0].sum(), x)
    reached = bool(gradient.isfinite().all() and (gradient != 0).any(1).all())
    require(reached, f"gradients of rows are {gradient.abs().sum(1).tolist()}", mend)


@rule("predictor")
def edits_are_passed_on(case: PredictorCase) -> None:
    """An edit of the model, e.g. an attack at a hidden point, changes the prediction."""
    predictor, net = case.fitted(), _net().eval()
    plain = predictor.logits(net, _rows(4), 1, Softmax())
    moved = predictor.logits(net, _rows(4), 1, Softmax(), edits={"head": lambda flow: flow + 1})
    require(not torch.equal(plain, moved), "logits stayed", "run_edited(model, inputs, edits)")


@rule("predictor")
def a_model_without_points_can_be_asked(case: PredictorCase) -> None:
    """A model that offers no points is asked as one that offers its input."""
    net = _net().eval()
    if "point" in case.given.settings:
        skip("it was given a point")
    p = case.says(net, 4)
    q = case.says(nn.Sequential(*net.stages.values()).eval(), 4)
    require(torch.allclose(p, q, atol=1e-9), "the predictions differ", "offered_points(model)")


@rule("predictor")
def it_can_be_moved(case: PredictorCase) -> None:
    """`to(device)` returns a predictor that predicts the same."""
    moved = case.fitted().to("cpu").probabilities(_net(), _rows(4), 1, Softmax())
    require(
        torch.equal(moved, case.says(_net(), 4)), "it predicts otherwise", "replace tensors only"
    )
