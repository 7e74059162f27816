"""The front end: one second of sound -> a normalised log spectrogram, in vectorised code.

As in the code base whose shapes the MixupE paper's speech models have (adiyoss/GCommandsPytorch):
20 ms periodic Hamming windows every 10 ms, centred, the signal reflected at both ends (librosa's
default when that code was written); log(1 + magnitude); frames after the end of a short clip are
zero; each clip is standardised over its 161 x 101 values.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from mixup_multi.errors import SettingError
from mixup_multi_adapters.speech.audio import SAMPLE_RATE, SECOND

Features: TypeAlias = Literal["spectrogram", "log_mel", "waveform"]
Normalise: TypeAlias = Literal["after_padding", "before_padding", "none"]

WINDOW = SAMPLE_RATE // 50
HOP = SAMPLE_RATE // 100
BINS = WINDOW // 2 + 1
FRAMES = SECOND // HOP + 1

_SILENT = 1e-12
"""Added under square roots, where digital silence would have an infinite slope. Its root is a
thirtieth of what a single step of a 16 bit recording adds to a magnitude."""


class FrontEnd(nn.Module):
    """Sound `(n, 16000)` in [-1, 1] -> `(n, 1, bins, 101)`; nothing is learnt.

    Args:
        mels: None for the 161 bins of the spectrogram, else the number of mel bands that the
            magnitudes are summed over before the logarithm.
        normalise: `after_padding` standardises each clip with its zero padding, as the protocol's
            code does, so that the padded length shows in every value; `before_padding` takes mean
            and standard deviation over the clip's own frames and leaves the padding zero; `none`.

    Raises:
        SettingError: more mel bands than the windows' 50 Hz bins can tell apart.
    """

    window: Tensor
    filters: Tensor | None

    def __init__(self, mels: int | None = None, normalise: Normalise = "after_padding") -> None:
        super().__init__()
        self.mels = mels
        self.normalise = normalise
        self.register_buffer("window", torch.hamming_window(WINDOW), persistent=False)
        filters = None if mels is None else mel_filters(mels)
        self.register_buffer("filters", filters, persistent=False)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one example's features."""
        return 1, self.mels or BINS, FRAMES

    def extra_repr(self) -> str:
        """Name the settings; also what tells prepared files of different settings apart."""
        return f"mels={self.mels}, normalise={self.normalise}"

    def forward(self, waves: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the features of clips of which the first `lengths` `(n,)` samples are sound."""
        energies = _magnitudes(_reflected(waves, lengths), self.window)
        if self.filters is not None:
            energies = energies @ self.filters
        logs = energies.log1p().transpose(1, 2)
        sounding = torch.ones_like(logs[:, :1]) if lengths is None else _sounding(lengths)
        logs = logs * sounding
        if self.normalise == "after_padding":
            logs = _standardised(logs, torch.ones_like(sounding))
        elif self.normalise == "before_padding":
            logs = _standardised(logs, sounding)
        return logs.unsqueeze(1)


def _reflected(waves: Tensor, lengths: Tensor | None) -> Tensor:
    """Reflect half a window at both ends of the sound, wherever in the second it ends."""
    padded = functional.pad(waves, (WINDOW // 2, WINDOW // 2), mode="reflect")
    if lengths is None or bool((lengths == SECOND).all()):
        return padded
    short = (lengths < SECOND).nonzero().squeeze(1)
    place = torch.arange(SECOND + WINDOW // 2, device=waves.device)
    last = lengths[short, None] - 1
    source = torch.where(place <= last, place, (2 * last - place).clamp(min=0))
    padded[short, WINDOW // 2 :] = waves[short].gather(1, source)
    return padded


def _magnitudes(padded: Tensor, window: Tensor) -> Tensor:
    """Return |STFT| `(n, frames, bins)`; five times faster than `torch.stft(...).abs()`."""
    spectrum = torch.fft.rfft(padded.unfold(1, WINDOW, HOP) * window)
    power: Tensor = spectrum.real.square() + spectrum.imag.square()
    return (power + _SILENT).sqrt()


def _sounding(lengths: Tensor) -> Tensor:
    """Return `(n, 1, frames)`: 1 for the frames whose centre lies in the sound, then 0."""
    frames = torch.arange(FRAMES, device=lengths.device)
    return (frames <= lengths[:, None] // HOP).float().unsqueeze(1)


def _standardised(logs: Tensor, counted: Tensor) -> Tensor:
    """Return z-scores over the frames that count (unbiased), and zero elsewhere."""
    number = counted.sum((1, 2), keepdim=True) * logs.shape[1]
    mean = (logs * counted).sum((1, 2), keepdim=True) / number
    centred = (logs - mean) * counted
    variance = centred.square().sum((1, 2), keepdim=True) / (number - 1)
    return centred / (variance + _SILENT).sqrt()


def mel_filters(mels: int) -> Tensor:
    """Return `(161, mels)` triangular filters, evenly spaced in mel (HTK) from 0 Hz to 8 kHz.

    Raises:
        SettingError: `mels` is not positive, or a filter would hold no frequency bin.
    """
    if mels < 1:
        raise SettingError(f"mels: {mels}; expected a positive number")
    top = 2595 * torch.log10(torch.tensor(1 + SAMPLE_RATE / 2 / 700, dtype=torch.float64))
    edges = 700 * (10 ** (torch.linspace(0, 1, mels + 2, dtype=torch.float64) * top / 2595) - 1)
    bins = torch.linspace(0, SAMPLE_RATE / 2, BINS, dtype=torch.float64)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = torch.minimum(rising, falling).clamp(min=0)
    if bool((filters.sum(0) == 0).any()):
        raise SettingError(
            f"mels: {mels}; 20 ms windows have frequency bins of {SAMPLE_RATE // WINDOW} Hz, too"
            " wide for some of so many bands. Use fewer (40 is the default)."
        )
    return filters.float()
