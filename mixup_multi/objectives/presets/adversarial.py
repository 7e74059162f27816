"""Adversarial training: AT, IAT, TRADES, and layer-wise.

Sizes of attacks are in the units of the adapter's bounds. The papers' are for images; at hidden
points, and for other modalities, 8/255 of a unit is a default and no more.
"""

from __future__ import annotations

from mixup_multi.attacks import Attack
from mixup_multi.attacks.presets import Size, pgd, size_of
from mixup_multi.errors import SettingError
from mixup_multi.objectives.adversarial import Adversarial
from mixup_multi.objectives.erm import ERM
from mixup_multi.objectives.layerwise import LayerWise
from mixup_multi.objectives.losses import loss_named
from mixup_multi.objectives.objective import Objective
from mixup_multi.objectives.presets.mixing import mixup
from mixup_multi.objectives.presets.settings import LossName, Points, names_of
from mixup_multi.objectives.trades import Trades


def adversarial(
    *,
    attack: Attack | None = None,
    inner: Objective | None = None,
    weight: float = 1.0,
    loss: LossName | None = None,
) -> Adversarial:
    """AT (Madry et al. 2018): PGD, 10 steps of 2/255 within 8/255, attacked inputs only.

    The paper trains with 7 steps, its released settings with 10. With `attack: random_fgsm` it is
    fast AT (Wong et al. 2020), with `weight: 0.5` half of the loss is that of the clean batch
    (Goodfellow et al. 2015). `inner` takes the place of plain training on the attacked inputs, e.g.
    `inner: {name: mixupe}`; its loss is set there.
    """
    inner = ERM(loss_named(loss)) if inner is None else inner
    clean = None if weight == 1 else inner
    return Adversarial(pgd() if attack is None else attack, inner, clean, weight, loss_named(loss))


def iat(
    *,
    alpha: float = 1.0,
    weight: float = 0.5,
    attack: Attack | None = None,
    inner: Objective | None = None,
    clean: Objective | None = None,
    loss: LossName | None = None,
) -> Adversarial:
    """Interpolated AT (Lamb et al. 2019): half mixup on attacked, half mixup on clean inputs.

    The attack, on the un-mixed batch, is PGD with 7 steps of 2/255 within 8/255. `inner` takes the
    place of mixup in both halves, `clean` in the clean one. Two programs differ from this: one
    attacks the model as it is trained (`mode: train, update_statistics: true` in the attack),
    the other has shares for each row and an attack on predicted labels (`inner: {name: mixup,
    per: row}`, `attack: {name: pgd, labels: predicted}`), in one pass over both halves.

    Raises:
        SettingError: alpha is set beside `inner`, where it would have no effect.
    """
    if inner is None:
        inner = mixup(alpha=alpha, loss=loss)
    elif alpha != 1.0:
        raise SettingError(
            "alpha has no effect beside inner: set it there, e.g. inner: {name: manifold_mixup,"
            " alpha: 2.0}",
            path=("inner",),
        )
    attack = pgd(steps=7) if attack is None else attack
    clean = inner if clean is None else clean
    return Adversarial(attack, inner, clean, weight, loss_named(loss))


def trades(
    *, beta: float = 6.0, attack: Attack | None = None, loss: LossName | None = None
) -> Trades:
    """TRADES (Zhang et al. 2019): beta = 6, PGD with 10 steps of 0.007 within 0.031.

    The attack starts at x + 0.001 N(0, 1), which in a recipe is `start: normal`.
    """
    if attack is None:
        attack = pgd(eps=0.031, step=0.007, steps=10, start="normal")
    return Trades(attack, beta, loss_named(loss))


def layerwise(
    *,
    eps: Size = "8/255",
    hidden: Size | None = None,
    points: Points = "all",
    inner: Objective | None = None,
    loss: LossName | None = None,
) -> LayerWise:
    """Layer-wise adversarial training (Chen and Zhang 2020); its sizes are not known: ours.

    `hidden` is the size at hidden points, in root mean squares of what flows there; by default
    that at the input. `inner` takes the place of plain training; its loss is set there.
    """
    return LayerWise(
        ERM(loss_named(loss)) if inner is None else inner,
        size_of("eps", eps),
        None if hidden is None else size_of("hidden", hidden),
        names_of(points),
    )
