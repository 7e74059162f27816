"""What several methods' settings have in common."""

from __future__ import annotations

from typing import Literal

from mixup_multi.mix.draw import BetaShare, Per, Share
from mixup_multi.mix.sometimes import Sometimes

LossName = Literal["softmax", "sigmoid", "softmax_bce", "squared"]
Points = str | tuple[str, ...]


def names_of(points: Points) -> tuple[str, ...]:
    """Return one name, or several, as a tuple."""
    return (points,) if isinstance(points, str) else tuple(points)


def share_of(alpha: float, per: Per, p: float) -> Share:
    """Return Beta(alpha, alpha) shares, drawn with probability `p`; 1 draws nothing for it."""
    share = BetaShare(alpha, per)
    return share if p == 1 else Sometimes(share, p)
