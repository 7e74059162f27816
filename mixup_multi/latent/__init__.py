"""Codecs, which take inputs to a latent space and back, and mixing there (VarMixup)."""

from mixup_multi.latent.blend import Latent, Reconstructions
from mixup_multi.latent.codec import Codec, FittedCodec, Identity, Progress
from mixup_multi.latent.mmd import Kernel, mmd
from mixup_multi.latent.mmd_vae import MMDVAE, AdvMMDVAE
from mixup_multi.latent.saved import Saved

__all__ = [
    "MMDVAE",
    "AdvMMDVAE",
    "Codec",
    "FittedCodec",
    "Identity",
    "Kernel",
    "Latent",
    "Progress",
    "Reconstructions",
    "Saved",
    "mmd",
]
