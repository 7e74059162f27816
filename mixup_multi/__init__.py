"""Mixup-family training for any modality.

`mixup_multi.MixupE` and the other names below are loaded on first use, so that
`mixup-multi --help` needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mixup_multi.batch import Batch
    from mixup_multi.errors import MixupMultiError
    from mixup_multi.latent import MMDVAE, Latent
    from mixup_multi.mix import BetaShare, Cut, FixedShare, Linear, Mix
    from mixup_multi.objectives import ERM, Draw, MixupE, Objective, Terms, Vicinal
    from mixup_multi.points import Staged, staged

__version__ = "0.1.0"

_HOMES = {
    "Batch": "mixup_multi.batch",
    "BetaShare": "mixup_multi.mix",
    "Cut": "mixup_multi.mix",
    "Draw": "mixup_multi.objectives",
    "ERM": "mixup_multi.objectives",
    "FixedShare": "mixup_multi.mix",
    "Latent": "mixup_multi.latent",
    "Linear": "mixup_multi.mix",
    "MMDVAE": "mixup_multi.latent",
    "Mix": "mixup_multi.mix",
    "MixupE": "mixup_multi.objectives",
    "MixupMultiError": "mixup_multi.errors",
    "Objective": "mixup_multi.objectives",
    "Staged": "mixup_multi.points",
    "Terms": "mixup_multi.objectives",
    "Vicinal": "mixup_multi.objectives",
    "staged": "mixup_multi.points",
}

__all__ = [
    "ERM",
    "MMDVAE",
    "Batch",
    "BetaShare",
    "Cut",
    "Draw",
    "FixedShare",
    "Latent",
    "Linear",
    "Mix",
    "MixupE",
    "MixupMultiError",
    "Objective",
    "Staged",
    "Terms",
    "Vicinal",
    "staged",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
