"""Corruptions of recordings, at severity 1 / 2 / 3 / 4 / 5.

| name | what happens | size |
|---|---|---|
| noise | white noise at a ratio of signal to noise, over the recording | 20 15 10 5 0 dB |
| clipping | samples beyond a share of the loudest are cut off | .5 .3 .2 .1 .05 |
| time_shift | the sound begins earlier or later, and part of it is lost | 50 100 150 200 300 ms |
| reverberation | a tail of decaying noise is added, by convolution | see below |
| gain | the recording is quieter | -6 -12 -18 -24 -30 dB |

Reverberation: the room's answer is the sound itself and normal noise that falls by 60 dB in .1 .2
.4 .7 1 s, whose energy is -10 -6 -3 0 3 dB of the direct sound's; each recording has its own room.

All is done to the sound, which keeps its length and is rounded to 16 bits, as by a recorder. Where
features are stored (`spectrogram`, `log_mel`) the recordings are read again and the features
computed anew: noise of a spectrogram's own would be no noise that a microphone hears.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TypeAlias, cast

import torch
from torch import Tensor

from mixup_multi.engine.shift import Shift
from mixup_multi.engine.shifted import Draws, Shifted, draws_for
from mixup_multi.engine.source import Source, TensorSource
from mixup_multi_adapters.speech.audio import SAMPLE_RATE, SECOND
from mixup_multi_adapters.speech.features import FrontEnd
from mixup_multi_adapters.speech.prepared import Sounds
from mixup_multi_adapters.speech.stored import as_sound, stored_form

Corrupt: TypeAlias = Callable[[Tensor, Tensor, int, Draws], Tensor]
"""`corrupt(waves, sounding, severity, draws)`: sounds `(n, 16000)` in [-1, 1), changed."""


def noise(waves: Tensor, sounding: Tensor, severity: int, draws: Draws) -> Tensor:
    """Add white noise, of a power relative to the recording's own, where there is sound."""
    ratio = 10 ** ((20, 15, 10, 5, 0)[severity - 1] / 10)
    power = waves.square().sum(1, keepdim=True) / sounding.sum(1, keepdim=True)
    return waves + (power / ratio).sqrt() * draws.normal(waves.shape[1]) * sounding


def clipping(waves: Tensor, sounding: Tensor, severity: int, draws: Draws) -> Tensor:  # noqa: ARG001
    """Cut off what is louder than a share of the loudest sample."""
    share = (0.5, 0.3, 0.2, 0.1, 0.05)[severity - 1]
    limit = share * waves.abs().amax(1, keepdim=True)
    return waves.clamp(-limit, limit)


def time_shift(waves: Tensor, sounding: Tensor, severity: int, draws: Draws) -> Tensor:  # noqa: ARG001
    """Move the sound within its recording, either way, and fill with silence."""
    steps = (50, 100, 150, 200, 300)[severity - 1] * SAMPLE_RATE // 1000
    earlier = draws.uniform() < 0.5
    late = torch.nn.functional.pad(waves, (steps, 0))[:, : waves.shape[1]]
    early = torch.nn.functional.pad(waves, (0, steps))[:, steps:]
    return torch.where(earlier[:, None], early, late)


def reverberation(waves: Tensor, sounding: Tensor, severity: int, draws: Draws) -> Tensor:  # noqa: ARG001
    """Add the echo of a room: y = x + x * h, where h is noise that decays exponentially."""
    decay, level = ((0.1, -10), (0.2, -6), (0.4, -3), (0.7, 0), (1.0, 3))[severity - 1]
    length = waves.shape[1]
    time = torch.arange(1, length + 1, device=waves.device) / SAMPLE_RATE
    tail = draws.normal(length) * (-math.log(1000) / decay * time).exp()
    tail = tail * (10 ** (level / 20) / tail.norm(dim=1, keepdim=True))
    spectra = torch.fft.rfft(waves, 2 * length) * torch.fft.rfft(tail, 2 * length)
    echo = torch.nn.functional.pad(torch.fft.irfft(spectra)[:, : length - 1], (1, 0))
    return waves + echo


def gain(waves: Tensor, sounding: Tensor, severity: int, draws: Draws) -> Tensor:  # noqa: ARG001
    """Make the recording quieter."""
    return waves * 10 ** ((-6, -12, -18, -24, -30)[severity - 1] / 20)


CORRUPTIONS: Mapping[str, Corrupt] = MappingProxyType(
    {
        "noise": noise,
        "clipping": clipping,
        "time_shift": time_shift,
        "reverberation": reverberation,
        "gain": gain,
    }
)


@dataclass(frozen=True)
class SoundCorruption(Shift):
    """A corruption of the sound that examples were made of.

    Attributes:
        name: by which it is known.
        corrupt: what it does.
        front_end: what turned the sound into stored features; None where sound is stored.
        sounds: reads the recordings of a part's examples.
    """

    name: str
    corrupt: Corrupt
    front_end: FrontEnd | None
    sounds: Sounds

    def of(self, source: Source, severity: int, seed: int) -> Source:
        """Return the examples made of the corrupted sound."""
        if severity == 0:
            return source
        origin = cast(TensorSource, source)
        return Shifted(origin, partial(self._read, origin, severity, seed))

    def _read(
        self,
        origin: TensorSource,
        severity: int,
        seed: int,
        index: Tensor,
        device: torch.device | str,
    ) -> Tensor:
        ids = [origin.ids[row] for row in index.tolist()]
        samples, lengths = self.sounds(ids)
        waves = as_sound(torch.from_numpy(samples).to(device))
        sounding = torch.arange(SECOND) < torch.from_numpy(lengths)[:, None]
        draws = draws_for(ids, f"{self.name}/{severity}", seed, device)
        sounding = sounding.to(waves)
        new = self.corrupt(waves, sounding, severity, draws) * sounding
        recorded = (new * 32768).round().clamp(-32768, 32767).short()
        stored = stored_form(recorded.cpu().numpy(), lengths, self.front_end)
        ready = torch.from_numpy(stored).to(device)
        made: Tensor = ready if origin.prepare is None else origin.prepare(ready)
        return made


def sound_corruptions(front_end: FrontEnd | None, sounds: Sounds) -> Mapping[str, Shift]:
    """Return the corruptions of examples whose recordings `sounds` reads."""
    return MappingProxyType(
        {
            name: SoundCorruption(name, corrupt, front_end, sounds)
            for name, corrupt in CORRUPTIONS.items()
        }
    )
