"""The baselines that papers compare with, and what their users ask for beside them.

`inner` is the method within, e.g. `inner: {name: mixup, alpha: 0.2}`; plain training without.
"""

from __future__ import annotations

from mixup_multi.mix.draw import BetaShare, Per
from mixup_multi.objectives.cutout import Cutout
from mixup_multi.objectives.erm import ERM
from mixup_multi.objectives.gaussian import Gaussian
from mixup_multi.objectives.losses import loss_named
from mixup_multi.objectives.objective import Objective
from mixup_multi.objectives.presets.mixing import cutmix, mixup
from mixup_multi.objectives.presets.settings import LossName, Points, names_of
from mixup_multi.objectives.smoothing import LabelSmoothing
from mixup_multi.objectives.switch import Switch
from mixup_multi.objectives.vicinal import Vicinal


def gaussian(
    *,
    sigma: float = 0.1,
    point: str = "first",
    loss: LossName | None = None,
    inner: Objective | None = None,
) -> Gaussian:
    """Gaussian vicinal noise; sigma = 0.1 is ours, in units of the data (pixels in [0, 1])."""
    return Gaussian(inner or ERM(loss_named(loss)), sigma, point)


def label_smoothing(
    *, smoothing: float = 0.1, loss: LossName | None = None, inner: Objective | None = None
) -> LabelSmoothing:
    """Label smoothing (Szegedy et al. 2016): 0.1 as in the paper."""
    fitting = loss_named(loss)
    return LabelSmoothing(inner or ERM(fitting), smoothing, fitting)


def cutout(
    *,
    size: int = 16,
    fill: float = 0.0,
    per: Per = "row",
    loss: LossName | None = None,
    inner: Objective | None = None,
) -> Cutout:
    """Cutout (DeVries & Taylor 2017): 16 pixels as for CIFAR-10; CIFAR-100 8, SVHN 20."""
    return Cutout(inner or ERM(loss_named(loss)), size, fill, per)


def switch(
    *,
    first: Objective | None = None,
    second: Objective | None = None,
    prob: float = 0.5,
    loss: LossName | None = None,
) -> Switch:
    """One of two methods for each batch, as timm's mixing does.

    By default mixup or CutMix, half and half.
    """
    return Switch(first or mixup(loss=loss), second or cutmix(loss=loss), prob)


def c_mixup(
    *,
    bandwidth: float = 1.0,
    alpha: float = 2.0,
    points: Points = "first",
    per: Per = "batch",
    loss: LossName | None = None,
) -> Vicinal:
    """C-Mixup (Yao et al. 2022): partners with near targets, drawn within the batch.

    The paper tunes bandwidth and alpha for each data set; these defaults are ours. The bandwidth is
    in standard deviations where targets are standardised, as those of tables are. Near targets are
    no near inputs: where the target is not monotone in them, mixed rows may lie far from the data.
    """
    share, loss_fn = BetaShare(alpha, per), loss_named(loss)
    return Vicinal(share, "near", names_of(points), loss_fn=loss_fn, bandwidth=bandwidth)
