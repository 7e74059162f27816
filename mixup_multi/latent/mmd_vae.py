"""The MMD-VAE (Zhao et al. 2019, InfoVAE), as VarMixup trains it.

    L = gamma MMD^2(q(z), N(0, I)) - E log p(x | z),   z = mu(x) + sigma(x) eps

The slides print the likelihood with the other sign, which cannot be meant to be minimised. p is a
normal law of fixed width, so its term is, up to constants that gamma takes in, the mean square of
x - decode(z) over all values, in the inputs' own (normalised) units. With an `attack` the encoder
sees x + delta of the largest reconstruction error instead of x, and the decoder is still asked
for x: our reading of an "adversarially robust VAE", which is all that is said of adv-VarMixup's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor, nn

from mixup_multi.attacks.attack import Attack
from mixup_multi.attacks.presets import pgd
from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.errors import SettingError
from mixup_multi.latent.codec import Codec, Progress
from mixup_multi.latent.fitting import fit_coder
from mixup_multi.latent.mmd import Kernel, KernelName, mmd_to_normal
from mixup_multi.latent.networks import Coder, shape_of
from mixup_multi.objectives.objective import TrainingPart
from mixup_multi.streams import seed_of


@dataclass(frozen=True)
class MMDVAE(Codec):
    """A variational autoencoder whose codes are pulled towards N(0, I) by their MMD.

    No value is known to be the paper's, which says none of them; these are ours.

    Attributes:
        latent: dimensions of the latent space.
        gamma: >= 0, the weight of the MMD.
        kernel: of the MMD; see `mixup_multi.latent.mmd`.
        sigma: > 0, the width of the kernels `rbf` and `imq`.
        epochs: passes over the training part, un-augmented.
        batch_size: examples a step, and draws of N(0, I) that they are compared with.
        lr: of Adam.
        width: channels of the first convolution; see `mixup_multi.latent.networks`.
        seed: of weights, order and noise; not the cell's, so that all cells share a codec.
        attack: perturbs what the encoder sees in training; None for none.

    Raises:
        SettingError: a value is out of its range.
    """

    latent: int = 64
    gamma: float = 1.0
    kernel: KernelName = "rbf_dim"
    sigma: float = 1.0
    epochs: int = 50
    batch_size: int = 128
    lr: float = 1e-3
    width: int = 32
    seed: int = 0
    attack: Attack | None = None

    def __post_init__(self) -> None:
        Kernel(self.kernel, self.sigma)
        for name, least in (("latent", 1), ("epochs", 1), ("batch_size", 2), ("width", 1)):
            if getattr(self, name) < least:
                raise SettingError(
                    f"{name} is {getattr(self, name)}: expected {least} or more", (name,)
                )
        if not 0 <= self.gamma < float("inf"):
            raise SettingError(f"gamma is {self.gamma}: expected a number >= 0", ("gamma",))
        if not 0 < self.lr < float("inf"):
            raise SettingError(f"lr is {self.lr}: expected a number > 0", ("lr",))
        if self.attack is not None and self.attack.targeted:
            raise SettingError(
                "attack is targeted: expected targeted: false, for a reconstruction has no class",
                ("attack",),
            )

    def rehearse(self, train: TrainingPart) -> FittedVAE:
        """Return the codec with the weights that it begins with.

        Raises:
            MixupMultiError: it cannot be fitted to these data.
        """
        coder = self._coder(shape_of(train)).to(train.device)
        bounds = train.bounds()
        if self.attack is not None:
            self.attack.check(coder, bounds)
        return FittedVAE(coder, bounds)

    def fit(self, train: TrainingPart, progress: Progress = Progress()) -> FittedVAE:  # noqa: B008
        """Return the codec, fitted to the training part.

        Raises:
            MixupMultiError: it cannot be fitted to these data.
            DivergedError: the loss is no longer finite.
        """
        fitted, bounds = self.rehearse(train), train.bounds()

        def terms(inputs: Tensor, generator: Generator) -> dict[str, Tensor]:
            return self.terms(fitted.coder, inputs, bounds, generator)

        fit_coder(fitted.coder, terms, train, self, progress)
        return fitted

    def terms(
        self, coder: Coder, inputs: Tensor, bounds: Bounds | None, generator: Generator
    ) -> dict[str, Tensor]:
        """Return the `loss` of a batch `(n, ...)`, with its `mmd` and `reconstruction`."""
        mean, deviation = coder.posterior(self.attacked(coder, inputs, bounds, generator))
        z = mean + deviation * torch.randn(mean.shape, generator=generator).to(mean)
        discrepancy = mmd_to_normal(z, Kernel(self.kernel, self.sigma), generator)
        reconstruction = (coder.decoder(z) - inputs).square().mean()
        loss = self.gamma * discrepancy + reconstruction
        return {"loss": loss, "mmd": discrepancy, "reconstruction": reconstruction}

    def attacked(
        self, coder: Coder, inputs: Tensor, bounds: Bounds | None, generator: Generator
    ) -> Tensor:
        """Return x + delta, which is reconstructed as little like x as the attack can make it."""
        if self.attack is None:
            return inputs

        def error(reconstructed: Tensor) -> Tensor:
            return (reconstructed - inputs).square().flatten(1).mean(1)

        batch = Batch(inputs, inputs.flatten(1))  # the attack looks at no label
        _, attacked = self.attack.climb(coder, batch, bounds, generator, error)
        found: Tensor = attacked.inputs
        return found

    def restore(self, content: Mapping[str, Any]) -> FittedVAE:
        """Return the fitted codec of which `FittedVAE.content` returned `content`."""
        coder = self._coder(content["shape"])
        coder.load_state_dict(content["weights"])
        low, high = content["low"], content["high"]
        return FittedVAE(coder, Bounds(torch.ones(()), low, high))

    def _coder(self, shape: tuple[int, ...]) -> Coder:
        """Return new weights; torch's global generator stays as it is."""
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed_of(self.seed, "init"))
            return Coder(shape, self.latent, self.width)


@dataclass(frozen=True)
class AdvMMDVAE(MMDVAE):
    """The MMD-VAE trained under attack, for adv-VarMixup; an `attack` of None is PGD's defaults."""

    def __post_init__(self) -> None:
        if self.attack is None:
            object.__setattr__(self, "attack", pgd())
        super().__post_init__()


class FittedVAE(nn.Module):
    """Encoder means and decoder means, these within the range of the data where there is one.

    Attributes:
        coder: the networks.
        low, high: the range, or None.
    """

    low: Tensor | None
    high: Tensor | None

    def __init__(self, coder: Coder, bounds: Bounds | None) -> None:
        super().__init__()
        self.coder = coder
        self.register_buffer("low", None if bounds is None else bounds.low)
        self.register_buffer("high", None if bounds is None else bounds.high)

    def encode(self, inputs: Tensor) -> Tensor:
        """Return mu(x), `(n, latent)`."""
        weights = next(self.coder.parameters())
        return self.coder.posterior(inputs.to(weights.dtype))[0]

    def decode(self, z: Tensor) -> Tensor:
        """Return E p(x | z), `(n, ...)`."""
        decoded: Tensor = self.coder.decoder(z)
        if self.low is None and self.high is None:
            return decoded
        return decoded.clamp(self.low, self.high)

    def content(self) -> dict[str, Any]:
        """Return all of it as tensors and plain values."""
        shape, weights = list(self.coder.shape), self.coder.state_dict()
        return {"shape": shape, "weights": weights, "low": self.low, "high": self.high}
