"""The contract of an attack: legal neighbours of a batch, at which the loss is higher."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from mixup_multi.attacks.search import Ball
from mixup_multi.batch import Batch, as_targets
from mixup_multi.bounds import Bounds
from mixup_multi.errors import MixupMultiError, PointError
from mixup_multi.objectives.losses import Softmax
from mixup_multi.points import Staged
from mixup_multi.testing.compare import alike, global_generators_stay, picture, shape_of
from mixup_multi.testing.contract import Checked, broken, require, rule, run, skip
from mixup_multi.testing.members import Given, given_as
from mixup_multi.testing.probes import SIZES
from mixup_multi.testing.settings import attributes_read

GROUP = "mixup_multi.attacks"
CLASSES = 5
_BY_SEED = "draw from a generator of your own: torch.Generator().manual_seed(seed)"
_LOOK = "look at the model by `with looked_at(model, mode):` of mixup_multi.attacks"


@dataclass(frozen=True)
class AttackCase:
    """An attack, and how it was given."""

    given: Given

    @property
    def label(self) -> str:
        """What the attack is called."""
        return self.given.label

    def attack(self) -> Any:
        """Return the attack; the rule does not apply where it is not of images with a range."""
        made = self.given.make()
        try:
            made.check(_net(), _bounds())
        except MixupMultiError as error:
            skip(str(error))
        return made

    def perturbed(self, n: int = 6, seed: int = 1) -> tuple[nn.Module, Batch]:
        """Return what becomes of a model and n images."""
        found: tuple[nn.Module, Batch] = self.attack().perturb(
            _net(), _batch(n), _bounds(), seed, Softmax()
        )
        return found

    def read_by_use(self, made: Any) -> set[str]:
        """Return the attributes that are read by an attack."""

        def use(attack: Any) -> None:
            attack.check(_net(), _bounds())
            attack.perturb(_net(), _batch(6), _bounds(), 1, Softmax())

        return attributes_read(made, use)


def check_attack(
    maker: Any, *, settings: Mapping[str, Any] | None = None, only: str | list[str] | None = None
) -> Checked:
    """Hold an attack on the input to its contract; `rules("attack")` lists it.

    It is tried on images `(n, 1, 6, 6)` in [-1, 1], pixels in [0, 1] that were normalised.

    Args:
        maker: an installed name, `module:callable`, a class or function that a recipe would name,
            or an instance with `check` and `perturb`.
        settings: of the maker, as in a recipe.
        only: names of rules; None for all.

    Returns:
        The report: which checks passed, and which did not apply, with why.

    Raises:
        ContractError: a rule is broken; the message says which, what was found, how to mend it.
        SettingError: there is no such attack, or it does not take the settings.

    >>> check_attack("fgsm", only="the_seed_decides").passed
    ('fgsm: the_seed_decides',)
    """
    case = AttackCase(given_as(GROUP, maker, ("perturb",), settings))
    case.given.make()
    return run(case.label, [("attack", case)], only)


def _net() -> Staged:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        stages = {
            "input": nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Tanh()),
            "hidden": nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(64, CLASSES)),
        }
        net = Staged(stages)
        with torch.no_grad():
            net(_batch(16).inputs)
    return net


def _batch(n: int) -> Batch:
    x = 2 * torch.rand(n, 1, 6, 6, generator=torch.Generator().manual_seed(n)) - 1
    return Batch(x, as_targets(torch.arange(n) % CLASSES, CLASSES), torch.arange(n))


def _bounds() -> Bounds:
    low, high, unit = torch.tensor(-1.0), torch.tensor(1.0), torch.tensor(2.0)
    return Bounds.between(low, high, unit, torch.zeros(1, 6, 6), "pixels in [0, 1]")


@rule("attack")
def it_takes_images(case: AttackCase) -> None:
    """`check` lets an image model with bounds pass: what refuses all has been held to nothing."""
    made = case.given.make()
    try:
        made.check(_net(), _bounds())
    except MixupMultiError as error:
        if isinstance(error.__cause__, ImportError):
            skip(str(error))
        broken(
            f"it refused images (n, 1, 6, 6) in [-1, 1]: {error}",
            "raise only where model or bounds do not fit; give settings= with which these do",
        )


@rule("attack")
def form_and_targets_stay(case: AttackCase) -> None:
    """It returns a model and a batch: inputs of the same form, detached, with the same targets."""
    for n in SIZES:
        _, batch = case.perturbed(n)
        clean = _batch(n)
        if shape_of(batch.inputs) != shape_of(clean.inputs) or batch.inputs.requires_grad:
            broken(
                f"{shape_of(clean.inputs)} became {shape_of(batch.inputs)}", "detach() the result"
            )
        same = torch.equal(batch.targets, clean.targets)
        require(same, "the targets changed", "dataclasses.replace(batch, inputs=...)")
        if not torch.equal(batch.inputs, clean.inputs) and batch.rows is not None:
            broken(
                "the perturbed batch still has rows, as if its inputs were the source's",
                "dataclasses.replace(batch, inputs=found, rows=None)",
            )


@rule("attack")
def what_is_found_is_legal(case: AttackCase) -> None:
    """Perturbed inputs lie within the bounds, and in the ball where it has `eps` and `norm`."""
    _, batch = case.perturbed()
    clean, bounds = _batch(6).inputs, _bounds()
    low, high = float(batch.inputs.min()), float(batch.inputs.max())
    require(max(-low, high) <= 1 + 1e-6, f"inputs from {low:g} to {high:g}", "clamp")
    attack = case.attack()
    if hasattr(attack, "eps") and hasattr(attack, "norm"):
        inside = Ball(clean, bounds, attack.eps * (1 + 1e-4) + 1e-6, attack.norm).project(
            batch.inputs
        )
        off = float((inside - batch.inputs).abs().max())
        require(off < 1e-5, f"out of the ball by {off:g}", "project: mixup_multi.attacks.Ball")


@rule("attack")
def the_loss_is_raised(case: AttackCase) -> None:
    """The mean loss of what was aimed at is not lower than before, and for some batch higher."""
    attack = case.attack()
    if getattr(attack, "targeted", False) or getattr(attack, "point", "first") == "hidden":
        skip("it aims at something else than the loss of the label at the input")
    raised = []
    for n in (5, 6, 7):
        model, batch = case.perturbed(n)
        with torch.no_grad():
            now = Softmax().value(model.eval()(batch.inputs), batch.targets).mean()
            was = Softmax().value(_net().eval()(_batch(n).inputs), batch.targets).mean()
        raised.append(float(now - was))
    mend = "go along the gradient of judge.value(logits, targets), not against it"
    require(max(raised) > 0 and min(raised) > -1e-4, f"it rose by {raised}", mend)


@rule("attack")
def model_and_batch_are_left_alone(case: AttackCase) -> None:
    """The model's weights, statistics, modes and gradients stay, and so does the batch."""
    attack = case.attack()
    if getattr(attack, "update_statistics", False):
        skip("update_statistics: true counts its passes on purpose")
    for mode in (True, False):
        net, batch = _net().train(mode), _batch(6)
        before = picture((net, batch))
        attack.perturb(net, batch, _bounds(), 1, Softmax())
        require(alike(before, picture((net, batch))), "the model or the batch changed", _LOOK)
        kept = all(weight.grad is None for weight in net.parameters())
        require(kept, "a gradient was left in .grad", "torch.autograd.grad(value, x)")


@rule("attack")
def the_seed_decides(case: AttackCase) -> None:
    """The same seed gives the same neighbours, and no global generator is used."""
    attack = case.attack()
    found: list[Tensor] = []
    with global_generators_stay("an attack", _BY_SEED):
        for _ in range(2):
            found.append(attack.perturb(_net(), _batch(6), _bounds(), 1, Softmax())[1].inputs)
    require(torch.equal(*found), "one seed gave two results", _BY_SEED)


@rule("attack")
def attacking_leaves_no_trace(case: AttackCase) -> None:
    """Nothing changes on the attack from one batch to the next."""
    attack = case.attack()
    before = picture(attack)
    attack.perturb(_net(), _batch(6), _bounds(), 1, Softmax())
    require(alike(before, picture(attack)), "it holds another state", "it is settings only")


@rule("attack")
def missing_bounds_are_refused(case: AttackCase) -> None:
    """Where nobody has said what a legal input is, `check` and `perturb` raise `PointError`."""
    attack = case.attack()
    if getattr(attack, "point", "first") not in ("first", "input"):
        skip("it attacks a hidden point")
    tries: dict[str, Callable[[], object]] = {
        "check": partial(attack.check, _net(), None),
        "perturb": partial(attack.perturb, _net(), _batch(3), None, 1, Softmax()),
    }
    for what, tried in tries.items():
        try:
            tried()
        except PointError:
            continue
        broken(f"{what} took inputs without bounds", "raise PointError where bounds is None")
