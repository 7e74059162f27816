"""Methods that mix in a latent space: VarMixup, adv-VarMixup, Mixup-R, and VarMixup at a readout.

The VarMixup paper's text is not open to us beyond its slides, which give the equations but no
value: alpha, and all settings of codecs, are ours.
"""

from __future__ import annotations

from mixup_multi.errors import SettingError
from mixup_multi.latent.blend import Latent, Reconstructions
from mixup_multi.latent.codec import Codec
from mixup_multi.latent.mmd import Kernel, KernelName
from mixup_multi.mix.draw import BetaShare, Partner, Per
from mixup_multi.objectives.losses import loss_named
from mixup_multi.objectives.normal import NormalHidden
from mixup_multi.objectives.presets.mixing import mixup
from mixup_multi.objectives.presets.settings import LossName, Points
from mixup_multi.objectives.vicinal import Vicinal

INPUT = ("input",)
"""A codec decodes to what the model reads, whatever point the model prefers."""


def varmixup(
    *,
    codec: Codec,
    alpha: float = 1.0,
    partner: Partner = "any",
    per: Per = "batch",
    cached: bool = True,
    loss: LossName | None = None,
) -> Vicinal:
    """VarMixup (Mangla et al. 2020): codes are mixed and decoded, e.g. `codec: {name: mmd_vae}`.

    `cached: false` encodes the augmented batch in every step, instead of the clean examples once.
    At alpha = 0 it is plain training on reconstructions.
    """
    return Vicinal(BetaShare(alpha, per), partner, INPUT, Latent(codec, cached), loss_named(loss))


def adv_varmixup(
    *,
    codec: Codec,
    alpha: float = 1.0,
    partner: Partner = "any",
    per: Per = "batch",
    cached: bool = True,
    loss: LossName | None = None,
) -> Vicinal:
    """adv-VarMixup: VarMixup by a codec that was trained under attack.

    The slides say "an adversarially robust VAE" and no more; ours is trained to reconstruct x
    from x + delta: `codec: adv_mmd_vae`, or a `mmd_vae` with an `attack`.

    Raises:
        SettingError: the codec's `attack` is null.
    """
    if getattr(codec, "attack", codec) is None:
        raise SettingError(
            "codec is trained without an attack: expected codec: adv_mmd_vae, or another with an"
            " attack; or else the method varmixup",
            path=("codec",),
        )
    return varmixup(codec=codec, alpha=alpha, partner=partner, per=per, cached=cached, loss=loss)


def mixup_r(
    *,
    codec: Codec,
    alpha: float = 1.0,
    partner: Partner = "any",
    per: Per = "batch",
    cached: bool = True,
    loss: LossName | None = None,
) -> Vicinal:
    """Mixup-R, an interpretation: input mixup of a codec's reconstructions.

    VarMixup's tables have a row of this name that no text open to us defines. The control that
    tells mixing as codes from the decoder's blur is the reading that fits its clean error.
    """
    blend = Reconstructions(codec, cached)
    return Vicinal(BetaShare(alpha, per), partner, INPUT, blend, loss_named(loss))


def varmixup_readout(
    *,
    alpha: float = 1.0,
    gamma: float = 1.0,
    kernel: KernelName = "rbf_dim",
    sigma: float = 1.0,
    points: Points = "first",
    partner: Partner = "any",
    per: Per = "batch",
    loss: LossName | None = None,
) -> NormalHidden:
    """Our VarMixup for inputs without a decoder (graphs): mixing at the readout under N(0, I).

    Manifold Mixup at the model's preferred point, plus gamma times the MMD of the clean hidden
    states there and N(0, I); no codec is fitted. It is in no paper.

    Settings:
        sigma: > 0, the width of the kernels `rbf` and `imq`.
    """
    inner = mixup(alpha=alpha, points=points, partner=partner, per=per, loss=loss)
    return NormalHidden(inner, gamma, Kernel(kernel, sigma))
