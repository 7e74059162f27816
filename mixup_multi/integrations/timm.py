"""timm's `Mixup`: the same keywords and the same call, with our draws and blends.

    from mixup_multi.integrations.timm import Mixup   # was: from timm.data import Mixup
    mixup_fn = Mixup(mixup_alpha=0.8, cutmix_alpha=1.0, num_classes=1000)
    x, target = mixup_fn(x, target)

timm itself is not needed. For the same shares and boxes the results are timm's up to rounding, and
the laws of shares and boxes are timm's. It differs in this:

- It draws from a generator of its own (`seed`), not from NumPy's global one.
- `x` is left as it was; timm mixes in place.
- A batch may have an odd number of rows: the middle one meets itself.
- Shares are float64 where they are drawn and float32 in targets; timm's are float32 where each
  row has one, and rows in half precision round their targets.
- A mode that does not exist is an error; timm takes it for `batch`.

Partners are timm's: the batch back to front. So each row meets one other; `MixBatch` and `Method`
draw a random permutation, as the papers do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixup_multi.errors import SettingError
from mixup_multi.integrations.loop.labels import check_lengths, targets_of
from mixup_multi.integrations.loop.processes import ProcessStream
from mixup_multi.mix import BetaShare, Mix, mix_rows
from mixup_multi.mix.cut import boxes, check_images, choose, outside
from mixup_multi.tree import take_rows

__all__ = ["Mixup"]

Mode = Literal["batch", "pair", "elem"]

_Numbers = NDArray[Any]


@dataclass(frozen=True)
class Drawn:
    """What one call draws: `(1,)` for a batch, or one for each row.

    Attributes:
        own: the share that a row keeps.
        start, end: `(k, 2)` rows and columns of the box that is pasted; empty where mixup mixes.
        cut: whether a box is pasted.
    """

    own: _Numbers
    start: _Numbers
    end: _Numbers
    cut: _Numbers


class Mixup:
    """Mixup and CutMix of a batch of images, as in timm; the keywords are timm's.

    Args:
        mixup_alpha: mixup is in use where it is above 0.
        cutmix_alpha: CutMix is in use where it is above 0.
        cutmix_minmax: the least and the greatest side of CutMix's box, as shares of the image's;
            they take the place of `cutmix_alpha`.
        prob: the probability that a batch (a pair, a row) is mixed at all.
        switch_prob: the probability of CutMix, where both are in use.
        mode: one draw for the `batch`, for each `pair` of rows, or for each row (`elem`).
        correct_lam: whether labels are mixed by the area that is pasted indeed.
        label_smoothing: s of the mixed labels, also of those that are not mixed.
        num_classes: of labels `(n,)`.
        multi_label: labels are rows `(n, num_classes)`, each smoothed towards 1/2.
        seed: of all that is drawn; processes that train together draw differently.

    Attributes:
        mixup_enabled: whether to mix; a training loop may set it to False for its last epochs.

    Raises:
        SettingError: a value is out of its range.

    >>> import torch
    >>> mixup_fn = Mixup(mixup_alpha=0.8, cutmix_alpha=1.0, num_classes=4)
    >>> x, target = mixup_fn(torch.randn(6, 3, 8, 8), torch.arange(6) % 4)
    >>> target.shape
    torch.Size([6, 4])
    """

    def __init__(
        self,
        mixup_alpha: float = 1.0,
        cutmix_alpha: float = 0.0,
        cutmix_minmax: tuple[float, float] | list[float] | None = None,
        prob: float = 1.0,
        switch_prob: float = 0.5,
        mode: Mode = "batch",
        correct_lam: bool = True,
        label_smoothing: float = 0.1,
        num_classes: int = 1000,
        multi_label: bool = False,
        *,
        seed: int = 0,
    ) -> None:
        if mode not in get_args(Mode):
            raise SettingError(f"mode is {mode!r}: expected one of {', '.join(get_args(Mode))}")
        _check_shares(prob=prob, switch_prob=switch_prob, label_smoothing=label_smoothing)
        if cutmix_minmax is not None and not 0 <= min(cutmix_minmax) < max(cutmix_minmax) <= 1:
            raise SettingError(f"cutmix_minmax is {cutmix_minmax}: expected 0 <= least < most <= 1")
        self.mixup_alpha = mixup_alpha
        self.cutmix_alpha = 1.0 if cutmix_minmax is not None else cutmix_alpha
        self.cutmix_minmax = cutmix_minmax
        self.mix_prob = prob
        self.switch_prob = switch_prob
        self.mode = mode
        self.correct_lam = correct_lam
        self.label_smoothing = label_smoothing
        self.num_classes = num_classes
        self.multi_label = multi_label
        self.mixup_enabled = True
        self._stream = ProcessStream(seed)

    def __call__(self, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return mixed images `(n, c, h, w)` and targets `(n, num_classes)` in float32.

        Raises:
            SettingError: the target does not fit `num_classes`, or the images.
            PointError: `x` is no batch of images in floating point.
        """
        check_images("Mixup", x, "Give it batches of images.")
        rows = self._smoothed(target)
        check_lengths(x, rows)
        if not self.mixup_enabled:
            return x, rows
        return mixed(x, rows, self._spread(self._draw(self._draws(len(x)), x), len(x)))

    def state_dict(self) -> dict[str, Tensor]:
        """Return what a checkpoint needs for the draws to go on."""
        return {"generator": self._stream.state()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from where `state_dict` was taken."""
        self._stream.load(state["generator"])

    def _draws(self, n: int) -> int:
        return {"batch": 1, "pair": n // 2, "elem": n}[self.mode]

    def _draw(self, k: int, x: Tensor) -> Drawn:
        """Return `k` draws for images like those of `x`."""
        applied = self._uniform(k) < self.mix_prob
        cut = self._uniform(k) < self._cut_prob()
        shares = self._beta(self.mixup_alpha, k), self._beta(self.cutmix_alpha, k)
        own = np.where(applied, np.where(cut, shares[1], shares[0]), 1.0)
        cut &= applied
        nowhere = np.zeros((k, 2), dtype=np.int64)
        if not cut.any():
            return Drawn(own, nowhere, nowhere, cut)
        size = np.array(x.shape[-2:])
        start, end = (np.where(cut[:, None], side, 0) for side in self._boxes(own, size))
        if self.correct_lam or self.cutmix_minmax is not None:
            own = np.where(cut, 1 - (end - start).prod(1) / size.prod(), own)
        return Drawn(own, start, end, cut)

    def _cut_prob(self) -> float:
        if self.mixup_alpha > 0:
            return self.switch_prob if self.cutmix_alpha > 0 else 0.0
        if self.cutmix_alpha > 0:
            return 1.0
        raise SettingError(
            "mixup_alpha and cutmix_alpha are both 0: expected one above 0, or cutmix_minmax, or"
            " mixup_enabled = False"
        )

    def _boxes(self, own: _Numbers, size: _Numbers) -> tuple[_Numbers, _Numbers]:
        """Return where boxes start and end, `(k, 2)` each."""
        places = self._uniform(2 * len(own)).reshape(-1, 2)
        if self.cutmix_minmax is None:
            sides = (np.sqrt(1 - own)[:, None] * size).astype(np.int64)
            return boxes(sides // 2, (sides + 1) // 2, places, size)
        low, high = ((size * share).astype(np.int64) for share in sorted(self.cutmix_minmax))
        spans = np.maximum(high - low, 1)  # sides are below the greatest, as in timm
        sides = low + (self._uniform(2 * len(own)).reshape(-1, 2) * spans).astype(np.int64)
        start = (places * (size - sides + 1)).astype(np.int64)
        return start, start + sides

    def _spread(self, drawn: Drawn, n: int) -> Drawn:
        """Return a pair's draw for both of its rows; the middle one of an odd number stays."""
        if self.mode != "pair":
            return drawn
        middle = np.zeros((n % 2, 2), dtype=np.int64)
        own = np.concatenate([drawn.own, np.ones(n % 2), drawn.own[::-1]])
        cut = np.concatenate([drawn.cut, np.zeros(n % 2, dtype=bool), drawn.cut[::-1]])
        start, end = (
            np.concatenate([side, middle, side[::-1]]) for side in (drawn.start, drawn.end)
        )
        return Drawn(own, start, end, cut)

    def _smoothed(self, target: Tensor) -> Tensor:
        rows = targets_of(target, "labels" if self.multi_label else None, self.num_classes)
        rows = rows.to(torch.float32)
        if not self.label_smoothing:
            return rows
        nothing = 0.5 if self.multi_label else 1 / self.num_classes
        return (1 - self.label_smoothing) * rows + self.label_smoothing * nothing

    def _uniform(self, k: int) -> _Numbers:
        return torch.rand(k, dtype=torch.float64, generator=self._stream.generator()).numpy()

    def _beta(self, alpha: float, k: int) -> _Numbers:
        return BetaShare(max(alpha, 0.0), "row").draw(k, self._stream.generator()).numpy()


def mixed(x: Tensor, rows: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
    """Return images and target rows, each mixed with those of the batch back to front."""
    partner = torch.arange(len(x) - 1, -1, -1)
    found = x
    if not drawn.cut.all():
        own = torch.from_numpy(np.where(drawn.cut, 1.0, drawn.own))
        found = mix_rows(x, Mix(partner, own))
    if drawn.cut.any() and len(drawn.cut) == 1:
        (top, left), (bottom, right) = drawn.start[0], drawn.end[0]
        found = x.clone()  # one box for all: nothing but the box is computed
        found[..., top:bottom, left:right] = x[..., top:bottom, left:right].flip(0)
    elif drawn.cut.any():
        kept = torch.from_numpy(outside(drawn.start, drawn.end, np.array(x.shape[-2:])))
        found = choose(kept.to(x.device, non_blocking=True), found, take_rows(x, partner))
    return found, mix_rows(rows, Mix(partner, torch.from_numpy(drawn.own)))


def _check_shares(**shares: float) -> None:
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise SettingError(f"{name} is {share}: expected a number in [0, 1]", (name,))
