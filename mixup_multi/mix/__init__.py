"""Mix draws and blends: which rows meet, in which shares, and how two rows become one.

A *draw* is made once from a generator and can be applied to anything: inputs, hidden states,
targets, trees of tensors. A *blend* applies it and says what share the labels should get.
"""

from mixup_multi.mix.cut import Cut
from mixup_multi.mix.draw import BetaShare, FixedShare, Mix, Partner, Share, draw_partner
from mixup_multi.mix.linear import Blend, LearntBlend, Linear, mix_rows
from mixup_multi.mix.shares import ChoiceShare, UniformShare
from mixup_multi.mix.sometimes import Sometimes

__all__ = [
    "BetaShare",
    "Blend",
    "ChoiceShare",
    "Cut",
    "FixedShare",
    "LearntBlend",
    "Linear",
    "Mix",
    "Partner",
    "Share",
    "Sometimes",
    "UniformShare",
    "draw_partner",
    "mix_rows",
]
