"""Mixup-family training for any modality.

`mixup_multi.MixupE` and the other names below are loaded on first use, so that
`mixup-multi --help` needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mixup_multi.attacks import Attack, pgd
    from mixup_multi.batch import Batch
    from mixup_multi.bounds import Bounds
    from mixup_multi.errors import MixupMultiError
    from mixup_multi.integrations import Method
    from mixup_multi.latent import MMDVAE, Latent
    from mixup_multi.mix import BetaShare, Cut, FixedShare, Linear, Mix
    from mixup_multi.objectives import (
        ERM,
        Adversarial,
        Batchout,
        Draw,
        LabelSmoothing,
        LayerWise,
        MixupE,
        Objective,
        Switch,
        Terms,
        Trades,
        Vicinal,
    )
    from mixup_multi.points import Staged, staged
    from mixup_multi.predict import MixupInference, mi_ol, mi_pl
    from mixup_multi.sklearn import MixupClassifier, MixupRegressor

__version__ = "0.1.0"

_HOMES = {
    "Adversarial": "mixup_multi.objectives",
    "Attack": "mixup_multi.attacks",
    "Batch": "mixup_multi.batch",
    "Batchout": "mixup_multi.objectives",
    "BetaShare": "mixup_multi.mix",
    "Bounds": "mixup_multi.bounds",
    "Cut": "mixup_multi.mix",
    "Draw": "mixup_multi.objectives",
    "ERM": "mixup_multi.objectives",
    "FixedShare": "mixup_multi.mix",
    "LabelSmoothing": "mixup_multi.objectives",
    "Latent": "mixup_multi.latent",
    "LayerWise": "mixup_multi.objectives",
    "Linear": "mixup_multi.mix",
    "MMDVAE": "mixup_multi.latent",
    "Method": "mixup_multi.integrations",
    "Mix": "mixup_multi.mix",
    "MixupClassifier": "mixup_multi.sklearn",
    "MixupE": "mixup_multi.objectives",
    "MixupInference": "mixup_multi.predict",
    "MixupMultiError": "mixup_multi.errors",
    "MixupRegressor": "mixup_multi.sklearn",
    "Objective": "mixup_multi.objectives",
    "Staged": "mixup_multi.points",
    "Switch": "mixup_multi.objectives",
    "Terms": "mixup_multi.objectives",
    "Trades": "mixup_multi.objectives",
    "Vicinal": "mixup_multi.objectives",
    "mi_ol": "mixup_multi.predict",
    "mi_pl": "mixup_multi.predict",
    "pgd": "mixup_multi.attacks",
    "staged": "mixup_multi.points",
}

__all__ = [
    "ERM",
    "MMDVAE",
    "Adversarial",
    "Attack",
    "Batch",
    "Batchout",
    "BetaShare",
    "Bounds",
    "Cut",
    "Draw",
    "FixedShare",
    "LabelSmoothing",
    "Latent",
    "LayerWise",
    "Linear",
    "Method",
    "Mix",
    "MixupClassifier",
    "MixupE",
    "MixupInference",
    "MixupMultiError",
    "MixupRegressor",
    "Objective",
    "Staged",
    "Switch",
    "Terms",
    "Trades",
    "Vicinal",
    "mi_ol",
    "mi_pl",
    "pgd",
    "staged",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
