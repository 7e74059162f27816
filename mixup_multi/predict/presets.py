"""The predictors by name, with the settings of the paper's code (Pang et al. 2020).

For models that are trained by interpolated adversarial training that code takes a share of 0.6
in MI-OL. Its README takes a share of 0.4 for the other classes in the combined rule, where the
program's default, ours, is 0.5.

Settings:
    share: own, the example's share of a mixture, in [0, 1]; 1 is the plain prediction.
    share_predicted: that with samples of the predicted class.
    share_other: that with samples of the other classes.
    samples: how many mixtures an example is asked in; 1 or more.
    samples_predicted: those of the predicted class.
    samples_other: those of the other classes.
    pool: how many rows of the training part samples are drawn from; `null` for all.
    balanced: whether every class has as many rows in the pool (to one).
    pool_seed: of the choice of the pool.
    point: where is mixed: `first`, the model's preferred point, or the name of one.
    chunk: the most rows of a pass, as long as an example of each is no more; bounds the memory.
"""

from __future__ import annotations

from mixup_multi.predict.combined_inference import CombinedInference
from mixup_multi.predict.mixup_inference import MixupInference
from mixup_multi.predict.plain import Plain
from mixup_multi.predict.pool import Pooling


def plain() -> Plain:
    """Return the model's own prediction."""
    return Plain()


def mi_pl(
    *,
    share: float = 0.5,
    samples: int = 10,
    pool: int | None = 1_000,
    balanced: bool = False,
    pool_seed: int = 0,
    point: str = "first",
    chunk: int = 1024,
) -> MixupInference:
    """Mixup Inference with samples of the predicted class."""
    pooling = Pooling(pool, balanced, pool_seed)
    return MixupInference("predicted", share, samples, pooling, point, chunk)


def mi_ol(
    *,
    share: float = 0.5,
    samples: int = 30,
    pool: int | None = 10_000,
    balanced: bool = False,
    pool_seed: int = 0,
    point: str = "first",
    chunk: int = 1024,
) -> MixupInference:
    """Mixup Inference with samples of the other classes."""
    pooling = Pooling(pool, balanced, pool_seed)
    return MixupInference("other", share, samples, pooling, point, chunk)


def mi_combined(
    *,
    share_predicted: float = 0.5,
    share_other: float = 0.5,
    samples_predicted: int = 5,
    samples_other: int = 15,
    gap: float = 0.2,
    pool: int | None = 10_000,
    balanced: bool = False,
    pool_seed: int = 0,
    point: str = "first",
    chunk: int = 1024,
) -> CombinedInference:
    """Mixup Inference of either kind, as the loss of confidence tells; one pool serves both."""
    pooling = Pooling(pool, balanced, pool_seed)
    settings = (pooling, point, chunk)
    return CombinedInference(
        MixupInference("predicted", share_predicted, samples_predicted, *settings),
        MixupInference("other", share_other, samples_other, *settings),
        gap,
    )
