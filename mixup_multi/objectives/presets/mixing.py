"""Plain training, and the methods that mix rows: mixup, Manifold Mixup, CutMix and MixupE."""

from __future__ import annotations

from mixup_multi.errors import SettingError
from mixup_multi.mix.cut import Cut
from mixup_multi.mix.draw import Partner, Per
from mixup_multi.objectives.erm import ERM
from mixup_multi.objectives.losses import loss_named
from mixup_multi.objectives.mixupe import FormName, MixupE
from mixup_multi.objectives.presets.settings import LossName, Points, names_of, share_of
from mixup_multi.objectives.regmixup import RegForm, RegMixup
from mixup_multi.objectives.vicinal import Vicinal


def erm(*, loss: LossName | None = None) -> ERM:
    """Plain training."""
    return ERM(loss_named(loss))


def mixup(
    *,
    alpha: float = 1.0,
    points: Points = "first",
    partner: Partner = "any",
    per: Per = "batch",
    p: float = 1.0,
    bandwidth: float | None = None,
    loss: LossName | None = None,
) -> Vicinal:
    """mixup (Zhang et al. 2018): alpha = 1 as for CIFAR; graph mixup with `points: readout`.

    `p` is the probability that a batch (a row, with `per: row`) is mixed at all; `bandwidth` that
    of the partner `near`.
    """
    share = share_of(alpha, per, p)
    loss_fn = loss_named(loss)
    return Vicinal(share, partner, names_of(points), loss_fn=loss_fn, bandwidth=bandwidth)


def manifold_mixup(
    *,
    alpha: float = 2.0,
    points: Points = "all",
    partner: Partner = "any",
    per: Per = "batch",
    p: float = 1.0,
    bandwidth: float | None = None,
    loss: LossName | None = None,
) -> Vicinal:
    """Manifold Mixup (Verma et al. 2019): alpha = 2, a point drawn for each batch.

    The paper's residual networks mix at the input and after the first two groups of blocks;
    name those points in the recipe.
    """
    return mixup(
        alpha=alpha,
        points=points,
        partner=partner,
        per=per,
        p=p,
        bandwidth=bandwidth,
        loss=loss,
    )


def cutmix(
    *,
    alpha: float = 1.0,
    points: Points = "first",
    partner: Partner = "any",
    per: Per = "batch",
    p: float = 1.0,
    bandwidth: float | None = None,
    loss: LossName | None = None,
) -> Vicinal:
    """CutMix (Yun et al. 2019): alpha = 1, applied to every batch (the CIFAR code: p = 0.5)."""
    share = share_of(alpha, per, p)
    return Vicinal(share, partner, names_of(points), Cut(), loss_named(loss), bandwidth)


def mixupe(
    *,
    alpha: float = 1.0,
    eta: float = 1.0,
    form: FormName = "paper_abs",
    threshold: float = 1.0,
    fused: bool = False,
    points: Points = "first",
    partner: Partner = "any",
    per: Per = "batch",
    loss: LossName | None = None,
    inner: Vicinal | None = None,
) -> MixupE:
    """MixupE as the paper writes it (Zou et al. 2023): |qhat|, undetached, rescaled.

    The paper states neither alpha nor eta; these defaults are ours (eta = 1 is also the released
    program's default). `inner` takes the place of the mixup that alpha, points, partner and per
    describe, e.g. `inner: {name: cutmix, alpha: 1.0}`; they are then set there, as are the settings
    that only those methods have (p, and the partner `near`).

    Raises:
        SettingError: one of them is set beside `inner`, where it would have no effect.
    """
    described = mixup(alpha=alpha, points=points, partner=partner, per=per, loss=loss)
    return MixupE(_or_inner(described, mixup(loss=loss), inner), eta, form, threshold, fused)


def _or_inner(described: Vicinal, default: Vicinal, inner: Vicinal | None) -> Vicinal:
    """Return `inner`; without one, what the settings beside it describe."""
    if inner is None:
        return described
    if described != default:
        raise SettingError(
            "alpha, points, partner and per have no effect beside inner: set them in inner,"
            " e.g. inner: {name: cutmix, alpha: 0.5}",
            path=("inner",),
        )
    return inner


def mixupe_exact(
    *,
    alpha: float = 1.0,
    eta: float = 1.0,
    points: Points = "first",
    partner: Partner = "any",
    per: Per = "batch",
    loss: LossName | None = None,
) -> MixupE:
    """MixupE with the exact directional derivative instead of its approximation."""
    inner = mixup(alpha=alpha, points=points, partner=partner, per=per, loss=loss)
    return MixupE(inner, eta, "exact_abs")


def mixupe_released(
    *,
    alpha: float = 2.0,
    eta: float = 0.001,
    threshold: float = 1.0,
    points: Points = "first",
    partner: Partner = "any",
    per: Per = "batch",
    loss: LossName | None = None,
) -> MixupE:
    """Version 3 of the released code with its README's settings: not the paper's equation.

    It *adds* eta E[1 - lambda] (CE - H(p)) on rows with CE > H(p) - threshold: a clean
    cross-entropy with an entropy bonus, of the opposite sign of the paper's regulariser.
    """
    inner = mixup(alpha=alpha, points=points, partner=partner, per=per, loss=loss)
    return MixupE(inner, eta, "released_v3", threshold)


def regmixup(
    *,
    alpha: float = 20.0,
    eta: float = 1.0,
    form: RegForm = "paper",
    points: Points = "first",
    partner: Partner = "any",
    per: Per = "batch",
    loss: LossName | None = None,
    inner: Vicinal | None = None,
) -> RegMixup:
    """RegMixup (Pinto et al. 2022): the plain loss and mixup's; alpha = 20 as for CIFAR-10.

    CIFAR-100: 10, and eta = 1 (its code). `form: released` is the mean of both in one pass.
    `inner` takes the place of the mixup that alpha, points, partner and per describe.

    Raises:
        SettingError: one of them is set beside `inner`, where it would have no effect.
    """
    described = mixup(alpha=alpha, points=points, partner=partner, per=per, loss=loss)
    default = mixup(alpha=20.0, loss=loss)
    return RegMixup(_or_inner(described, default, inner), eta, form)
