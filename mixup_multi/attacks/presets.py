"""The attacks by name: each is a choice of `Attack`'s fields, with the defaults of its paper.

Sizes are numbers or fractions ("8/255"), in units of the bounds: images: pixels in [0, 1].
"""

from __future__ import annotations

from fractions import Fraction

from mixup_multi.attacks.attack import Attack, Labels
from mixup_multi.attacks.quiet import Mode
from mixup_multi.attacks.search import Norm, Start
from mixup_multi.errors import SettingError

Size = float | str


def size_of(name: str, size: Size) -> float:
    """Return a number given as such, or as a fraction such as "8/255".

    Raises:
        SettingError: it is neither.
    """
    try:
        return float(Fraction(size)) if isinstance(size, str) else float(size)
    except (ValueError, ZeroDivisionError) as error:
        raise SettingError(
            f"{name} is {size!r}: expected a number, or a fraction such as 8/255", (name,)
        ) from error


def fgsm(
    *,
    eps: Size = "8/255",
    norm: Norm = "linf",
    targeted: bool = False,
    labels: Labels = "true",
    mode: Mode = "eval",
    update_statistics: bool = False,
    point: str = "first",
) -> Attack:
    """FGSM (Goodfellow et al. 2015): one step of length eps from the row itself."""
    return pgd(
        eps=eps,
        step=eps,
        steps=1,
        start="none",
        norm=norm,
        targeted=targeted,
        labels=labels,
        mode=mode,
        update_statistics=update_statistics,
        point=point,
    )


def random_fgsm(
    *,
    eps: Size = "8/255",
    step: Size = "10/255",
    norm: Norm = "linf",
    targeted: bool = False,
    labels: Labels = "true",
    mode: Mode = "train",
    update_statistics: bool = False,
    point: str = "first",
) -> Attack:
    """One step from a uniform start, "Fast is better than free" (Wong et al. 2020), train mode."""
    return pgd(
        eps=eps,
        step=step,
        steps=1,
        norm=norm,
        targeted=targeted,
        labels=labels,
        mode=mode,
        update_statistics=update_statistics,
        point=point,
    )


def ifgsm(
    *,
    eps: Size = "8/255",
    step: Size = "2/255",
    steps: int = 10,
    norm: Norm = "linf",
    targeted: bool = False,
    labels: Labels = "true",
    mode: Mode = "eval",
    update_statistics: bool = False,
    point: str = "first",
) -> Attack:
    """I-FGSM (Kurakin et al. 2017): several steps from the row itself."""
    return pgd(
        eps=eps,
        step=step,
        steps=steps,
        start="none",
        norm=norm,
        targeted=targeted,
        labels=labels,
        mode=mode,
        update_statistics=update_statistics,
        point=point,
    )


def pgd(
    *,
    eps: Size = "8/255",
    step: Size = "2/255",
    steps: int = 10,
    start: Start = "uniform",
    norm: Norm = "linf",
    restarts: int = 1,
    targeted: bool = False,
    labels: Labels = "true",
    mode: Mode = "eval",
    update_statistics: bool = False,
    point: str = "first",
) -> Attack:
    """PGD (Madry et al. 2018), 10 steps as in the authors' CIFAR-10 settings."""
    radius, length = size_of("eps", eps), size_of("step", step)
    return Attack(
        *(radius, length, steps, start, norm, restarts),
        *(targeted, labels, mode, update_statistics, point),
    )
