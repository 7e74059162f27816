"""Corruptions that are made here, on the fly, from the stored pixels.

They are our own vectorised versions of the 15 standard and 4 extra corruptions of CIFAR-10-C
(Hendrycks & Dietterich 2019), with its generator's constants: **they are not the published
files**, whose random numbers nobody can draw again, and are to be called so where they are
reported. The constants are from memory of the released generator, for sides of 32 pixels, at
severity 1 / 2 / 3 / 4 / 5 (lengths in pixels, which grow with the shorter side beyond 32):

| name | constants | and how it differs from the generator |
|---|---|---|
| gaussian_noise | deviation .04 .06 .08 .09 .10 | |
| shot_noise | photons 500 250 100 75 50 | |
| impulse_noise | share of values .01 .02 .03 .05 .07 | |
| defocus_blur | radius, rim (.3, .4) (.4, .5) (.5, .6) (1, .2) (1.5, .1) | |
| glass_blur | sigma, passes (.05, 1) (.25, 1) (.4, 1) (.25, 2) (.4, 2) | |
| motion_blur | radius, sigma (6, 1) (6, 1.5) (6, 2) (8, 2) (9, 2.5) | own code for ImageMagick's |
| zoom_blur | factors 1 to 1.06 1.11 1.16 1.21 1.26 by .01 | |
| snow | mean, deviation, zoom, least, radius, sigma, kept: see `weather` | as motion_blur |
| frost | kept, laid (1, .2) (1, .3) (.9, .4) (.85, .4) (.75, .45) | needs `[corruptions]` |
| fog | amount, decay (.2, 3) (.5, 3) (.75, 2.5) (1, 2) (1.5, 1.75) | |
| brightness | added to the value .05 .1 .15 .2 .3 | |
| contrast | kept .75 .5 .4 .3 .15 | |
| elastic_transform | of the side: bend, smooth, corners: see `digital` | |
| pixelate | share of the side .95 .9 .85 .75 .65 | |
| jpeg_compression | quality 80 65 58 50 40 | |
| *extra:* speckle_noise | deviation .06 .1 .12 .16 .2 | |
| gaussian_blur | sigma .4 .6 .7 .8 1 | |
| spatter | see `spatter` | needs `[corruptions]` |
| saturate | factor, more (.3, 0) (.1, 0) (1.5, 0) (2, .1) (2.5, .2) | colours only |

What comes out has 8 bits, cut off and not rounded, as the published files have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from types import MappingProxyType
from typing import TypeAlias, cast

from torch import Tensor

from mixup_multi.engine.shift import Shift
from mixup_multi.engine.shifted import Draws, changed
from mixup_multi.engine.source import Source, TensorSource
from mixup_multi.errors import SettingError
from mixup_multi_adapters.images.corruptions import blur, digital, noise, weather
from mixup_multi_adapters.images.corruptions.spatter import spatter

Corrupt: TypeAlias = Callable[[Tensor, int, Draws], Tensor]
"""`corrupt(x, severity, draws)`: images in [0, 1], changed; they may leave [0, 1]."""

STANDARD: Mapping[str, Corrupt] = MappingProxyType(
    {
        "gaussian_noise": noise.gaussian_noise,
        "shot_noise": noise.shot_noise,
        "impulse_noise": noise.impulse_noise,
        "defocus_blur": blur.defocus_blur,
        "glass_blur": blur.glass_blur,
        "motion_blur": blur.motion_blur,
        "zoom_blur": blur.zoom_blur,
        "snow": weather.snow,
        "frost": weather.frost,
        "fog": weather.fog,
        "brightness": weather.brightness,
        "contrast": digital.contrast,
        "elastic_transform": digital.elastic_transform,
        "pixelate": digital.pixelate,
        "jpeg_compression": digital.jpeg_compression,
    }
)
EXTRA: Mapping[str, Corrupt] = MappingProxyType(
    {
        "speckle_noise": noise.speckle_noise,
        "gaussian_blur": blur.gaussian_blur,
        "spatter": spatter,
        "saturate": digital.saturate,
    }
)
NEEDS: Mapping[str, str] = MappingProxyType({"frost": "imagecorruptions", "spatter": "cv2"})
"""What is imported by which; both come with the extra `[corruptions]`."""


@dataclass(frozen=True)
class MadeCorruption(Shift):
    """A corruption of stored pixels.

    Attributes:
        name: by which it is known.
        corrupt: what it does to images in [0, 1].
        top: the stored value of white.
        standard: whether it is one of the 15.
    """

    name: str
    corrupt: Corrupt
    top: int = 255
    standard: bool = True

    def check(self, source: Source) -> None:  # noqa: ARG002
        """Raise `SettingError` where a package that it needs is not installed."""
        if self.name in NEEDS and find_spec(NEEDS[self.name]) is None:
            raise SettingError(
                f"{self.name} needs {NEEDS[self.name]}, which is not installed:"
                " pip install 'mixup-multi[corruptions]', or name the others in `names`"
            )

    def of(self, source: Source, severity: int, seed: int) -> Source:
        """Return the corrupted images."""
        if severity == 0:
            return source
        self.check(source)
        change = partial(_corrupted, self, severity)
        return changed(cast(TensorSource, source), change, f"{self.name}/{severity}", seed)


def _corrupted(corruption: MadeCorruption, severity: int, stored: Tensor, draws: Draws) -> Tensor:
    """Return stored pixels, changed: uint8 where white is 255, else floats of 8-bit values."""
    changed = corruption.corrupt(stored.float() / corruption.top, severity, draws)
    # A thousandth of a step: what was k / 255 before the float arithmetic is not to become k - 1.
    pixels = (changed.clamp(0, 1) * 255 + 1e-3).floor()
    return pixels.byte() if corruption.top == 255 else pixels * (corruption.top / 255)


def made_corruptions(channels: int, top: int) -> Mapping[str, Shift]:
    """Return the corruptions of images of so many channels whose white is stored as `top`."""
    made: dict[str, Shift] = {}
    for table, standard in ((STANDARD, True), (EXTRA, False)):
        for name, corrupt in table.items():
            if name != "saturate" or channels == 3:
                made[name] = MadeCorruption(name, corrupt, top, standard)
    return MappingProxyType(made)
