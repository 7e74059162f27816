"""Speech Commands v0.01 and v0.02 (Warden 2018): official split, prepared once."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mixup_multi.bounds import Bounds
from mixup_multi.engine.cache import content_key
from mixup_multi.engine.shift import Shifts
from mixup_multi.engine.source import Data, Dataset, TensorSource, Trial, missing
from mixup_multi.engine.splits import check_all_classes
from mixup_multi.errors import DataError
from mixup_multi_adapters.speech import words as task_words
from mixup_multi_adapters.speech.corruptions import sound_corruptions
from mixup_multi_adapters.speech.features import Features, FrontEnd, Normalise
from mixup_multi_adapters.speech.fetch import fetch_release
from mixup_multi_adapters.speech.prepared import Damaged, Prepared, prepare, reader
from mixup_multi_adapters.speech.release import PARTS, read_split, recordings
from mixup_multi_adapters.speech.stored import bounds_of, facts_of, front_end_of, way_back
from mixup_multi_adapters.speech.task import Parts, refuse_folds, task_clips
from mixup_multi_adapters.speech.words import Words


@dataclass(frozen=True)
class Release:
    """A release of Speech Commands.

    Attributes:
        version: as in the folder's name, e.g. "0.02".
        words: its words.
        recordings: how many recordings of words it has, without the six of background noise.
        archive: the size of the download.
    """

    version: str
    words: tuple[str, ...]
    recordings: int
    archive: str

    @property
    def name(self) -> str:
        """The name in recipes."""
        return f"speech_commands_v{int(self.version.split('.')[1])}"

    @property
    def folder(self) -> str:
        """Where it lies below the data root, as torchaudio lays it out."""
        return f"SpeechCommands/speech_commands_v{self.version}"

    def dataset(self) -> Dataset:
        """Return what the adapter offers."""
        summary = (
            f"Speech Commands v{self.version}: {len(self.words)} words,"
            f" {self.recordings:,} recordings of one second"
        )
        return Dataset(summary, self.load, self.fetch, self.folder, self.archive)

    def fetch(self, root: Path) -> None:
        """Download the release below `root`."""
        fetch_release(self.name, self.version, root)

    def load(
        self,
        root: Path,
        trial: Trial,
        *,
        words: Words = "all",
        features: Features = "spectrogram",
        mels: int = 40,
        normalise: Normalise = "after_padding",
        damaged: Damaged = "fail",
        others: float = 0.1,
    ) -> Data:
        """Load the release's recordings, at most their first second, in the official split.

        Args:
            root: the data root.
            trial: the official split is that of every one; folds are refused.
            words: `all` of the release; the `thirty` of v0.01; the `ten` commands; `eleven`, with
                `_unknown_` from the other words; `twelve`, with `_silence_` from the noise.
            features: `spectrogram` (1 x 161 x 101), `log_mel` (1 x mels x 101), or `waveform`
                (16,000 samples; the models begin with the spectrogram).
            mels: the bands of `log_mel`.
            normalise: see `FrontEnd`.
            damaged: whether a damaged recording is an error or is left out and counted.
            others: the size of `_unknown_` and of `_silence_`, each in every part, relative to
                the recordings of the ten commands.

        Raises:
            DataError: the release or what the task needs of it is not there, or is damaged.
            SettingError: settings that exclude each other, or folds.
        """
        refuse_folds(self.name, trial)
        folder = Path(root) / self.folder
        if not folder.is_dir():
            raise missing(self.name, folder, self.archive)
        task_words.check_share(others)
        front_end = front_end_of(features, mels, normalise)
        found = recordings(folder, self.words)
        task_words.check_words_present(self.name, words, self.words, found, folder)
        classes = task_words.classes_of(words, self.words)
        split = read_split(self.name, folder)
        parts = task_clips(self.name, folder, classes, found, split, others)
        prepared = prepare([c for part in PARTS for c in parts[part]], front_end, damaged)
        ways = (way_back(front_end), partial(bounds_of, normalise=normalise))
        train, validation, test = _sources(self.name, parts, classes, prepared, *ways)
        check_all_classes(self.name, train.labels.numpy(), classes)
        return Data(
            name=self.name,
            train=train,
            validation=validation,
            test=test,
            classes=classes,
            key=_key(self.name, classes, (train, validation, test), prepared, front_end),
            notes=self._notes(sum(map(len, found.values())), prepared),
            facts=facts_of(front_end, normalise),
            shifts=Shifts(made=sound_corruptions(front_end, reader(parts))),
        )

    def _notes(self, found: int, prepared: Prepared) -> tuple[str, ...]:
        notes = []
        if found < self.recordings:
            notes.append(
                f"subset: {found:,} of {self.recordings:,} recordings;"
                " the split is that of the lists in the folder"
            )
        if prepared.damaged:
            notes.append(
                f"left out {len(prepared.damaged)} damaged recordings,"
                f" the first: {prepared.damaged[0].split(';')[0]}"
            )
        return tuple(notes)


def _sources(
    name: str,
    parts: Parts,
    classes: Sequence[str],
    prepared: Prepared,
    to_inputs: Callable[[Tensor], Tensor],
    bounds_by: Callable[[Tensor], Bounds],
) -> list[TensorSource]:
    """Divide what is stored, part after part, into sources that share the mapped file."""
    column = {word: number for number, word in enumerate(classes)}
    clips = [clip for part in PARTS for clip in parts[part]]
    ends = np.cumsum([len(parts[part]) for part in PARTS]).tolist()
    cuts = [0, *(bisect_left(prepared.kept, end) for end in ends)]
    sources = []
    for part, first, last in zip(PARTS, cuts[:-1], cuts[1:], strict=True):
        if first == last:
            raise DataError(
                f"{name}: every recording of the {part} part is damaged; fetch the release again"
            )
        kept = [clips[number] for number in prepared.kept[first:last]]
        source = TensorSource(
            inputs=prepared.stored[first:last],
            labels=torch.tensor([column[clip.label] for clip in kept], dtype=torch.int64),
            classes=len(classes),
            ids=[clip.id for clip in kept],
            prepare=to_inputs,
            bounds=partial(bounds_by, prepared.stored[: cuts[1]]),
        )
        sources.append(source)
    return sources


def _key(
    name: str,
    classes: Sequence[str],
    sources: Sequence[TensorSource],
    prepared: Prepared,
    front_end: FrontEnd | None,
) -> str:
    ids = [f"{part}:{id}" for part, source in zip(PARTS, sources, strict=True) for id in source.ids]
    labels = [source.labels for source in sources]
    text = "\n".join([name, *classes, repr(front_end), prepared.content, *ids])
    return content_key(text, *labels)


RELEASES = (
    Release("0.01", task_words.V1, 64_721, "1.5 GB"),  # 64,727 files, six of which are noise
    Release("0.02", task_words.V2, 105_829, "2.4 GB"),
)
