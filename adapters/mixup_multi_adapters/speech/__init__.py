"""Speech: Speech Commands and a synthetic stand-in; LeNet and VGG of the MixupE paper."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

from mixup_multi.engine.source import Dataset
from mixup_multi_adapters.speech.data import RELEASES
from mixup_multi_adapters.speech.models import lenet, vgg11, vgg13
from mixup_multi_adapters.speech.tones import TONES


class SpeechAdapter:
    """Recordings of one second, as spectrograms `(n, 1, 161, 101)` or waveforms `(n, 16000)`."""

    datasets: Mapping[str, Dataset] = {
        **{release.name: release.dataset() for release in RELEASES},
        "tones": TONES,
    }
    models: Mapping[str, Callable[..., nn.Module]] = {
        "lenet": lenet,
        "vgg11": vgg11,
        "vgg13": vgg13,
    }
